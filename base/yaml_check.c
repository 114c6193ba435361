/* Well-formedness alone, for documents that are handed on and never built into a tree. */
#include <yaml.h>

#include "base/yaml.h"

int yaml_wellformed(const char *text, size_t len)
{
    yaml_parser_t parser;
    bool end = false;
    bool ok = true;

    if (!yaml_parser_initialize(&parser))
        return -1;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text ? text : ""), len);
    while (ok && !end) {
        yaml_event_t ev;
        ok = yaml_parser_parse(&parser, &ev);
        end = ok && ev.type == YAML_STREAM_END_EVENT;
        if (ok)
            yaml_event_delete(&ev);
    }
    yaml_parser_delete(&parser);
    return ok ? 0 : -1;
}
