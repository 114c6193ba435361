#include "model/tag.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

static bool tag_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* "." and ".." as a path segment are taken out of a URL by every client before it asks
 * (RFC 3986 section 5.2.4), so a guest with such a tag could never be heard. */
static bool dot_segment(const char *s, size_t len)
{
    return (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

int tag_parse(const char *s, size_t len, struct tag *ret, struct err *e)
{
    struct tag t = { 0 };
    bool ok = len >= 1 && len <= TAG_MAX_LEN;

    for (size_t i = 0; ok && i < len; i++)
        ok = tag_char(s[i]);
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "tag \"%.*s\": expected 1 to 63 of A-Z, a-z, 0-9, '.', '_' and '-'",
                       (int)(len > 80 ? 80 : len), s);
    if (dot_segment(s, len))
        return err_set(e, ERR_INVALID,
                       "tag \"%.*s\" has a meaning of its own in a URL: choose another", (int)len,
                       s);
    memcpy(t.s, s, len);
    *ret = t;
    return 0;
}

static const char *const fillers[] = {
    /* What boards leave in the field, as seen in dmidecode outputs. */
    "Default string",
    "To Be Filled By O.E.M.",
    "To Be Filled By O.E.M",
    "To Be Filled By OEM",
    "Filled By OEM",
    "Fill By OEM",
    "O.E.M.",
    "OEM",
    "No Asset Tag",
    "No Asset Information",
    "Asset Tag",
    "Asset-1234567890",
    "Chassis Asset Tag",
    "Base Board Asset Tag",
    "Chassis Serial Number",
    "System Serial Number",
    "Not Specified",
    "Not Available",
    "Not Applicable",
    "Not Defined",
    "Undefined",
    "Unknown",
    "Invalid",
    "None",
    "Null",
    "N/A",
    "NA",
    "<OUT OF SPEC>",
    "<BAD INDEX>",
    "0123456789",
    "123456789",
    "1234567890",
    /* What a cloud writes into every one of its machines (cloud-init's tools/ds-identify). */
    "7783-7084-3265-9085-8269-3286-77",
    "Amazon EC2",
    "HUAWEICLOUD",
    "OpenTelekomCloud",
    "OracleCloud.com",
    "SAP CCloud VM",
    "Samsung Cloud Platform",
};

/* "00000000", "........", "--": one such character over and over, however long. */
static bool is_padding(const char *s, size_t len)
{
    if (!strchr("0.-_*#", s[0]) || !s[0])
        return false;
    for (size_t i = 1; i < len; i++)
        if (s[i] != s[0])
            return false;
    return len > 1 || s[0] != '0'; /* "0" alone is a name that somebody may have given */
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Each request asks: most words differ in the first letter already. */
static bool is_word(const char *s, size_t len, const char *word)
{
    return (s[0] | 0x20) == (word[0] | 0x20) && strlen(word) == len && !strncasecmp(s, word, len);
}

bool tag_is_filler(const char *s, size_t len)
{
    while (len && blank(s[0]))
        s++, len--;
    while (len && blank(s[len - 1]))
        len--;
    if (!len || is_padding(s, len))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        if (is_word(s, len, fillers[i]))
            return true;
    return false;
}
