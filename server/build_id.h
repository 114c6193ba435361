/* Which build this program is of: sha256 over all sources that the programs are made of (hex), so
 * that processes of different builds never talk to each other. Generated: build/build_id.c. */
#ifndef SERVER_BUILD_ID_H
#define SERVER_BUILD_ID_H

extern const char build_id[65];

#endif
