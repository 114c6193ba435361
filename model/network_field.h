/* The words of a network in the fleet file, one row each. */
#ifndef MODEL_NETWORK_FIELD_H
#define MODEL_NETWORK_FIELD_H

#include "model/network.h"
#include "model/words.h"

/* While it is read: some words need others, which may stand behind them. The rows' readers are
 * given this, their emitters a struct network; it begins with one. */
struct network_reading {
    struct network n;
    bool host_prefix_said, dhcp_said;
    uint8_t host_prefix;
};

struct network_word {
    struct word word;
    unsigned kinds; /* that have it: 1 << NETWORK_USER and so on */
};
extern const struct words network_words;
const struct network_word *network_word(size_t i);

#endif
