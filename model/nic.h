/* Network cards of an instance beside the first one, which the words network, mac and address are
 * about. */
#ifndef MODEL_NIC_H
#define MODEL_NIC_H

#include <jansson.h>
#include <stdbool.h>

#include "model/launch_nic.h"

/* What an operator writes. */
struct nic {
    struct name network;
    bool mac_set; /* else computed */
    struct mac mac;
    struct ip address; /* family 0: none asked for */
};

/* Fleet form: a list of {network, mac, address}, network mandatory; a network or a MAC that is
 * there twice: ERR_INVALID. */
struct spot;
int value_nics(const json_t *v, const struct spot *at, struct nic ret[NICS_OTHER], int *ret_n,
               struct err *e);
json_t *nics_emit(const struct nic *nics, int n); /* new reference; NULL when there are none */

#endif
