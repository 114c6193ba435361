/* Who speaks to roost over HTTP: the address on the socket, the listener it came through. */
#ifndef MODEL_PEER_H
#define MODEL_PEER_H

#include "model/addr.h"

struct peer {
    uint16_t listener; /* roostd's number of the listening socket; 0 is the user-network one */
    struct ip ip;
    uint16_t port;
};

#endif
