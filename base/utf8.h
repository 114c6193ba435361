/* UTF-8 (RFC 3629), and text made fit to be shown. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_valid(const char *s, size_t len); /* RFC 3629, no surrogates, no overlong forms */
/* How many bytes at s are printable ASCII (0x20 to 0x7e). */
size_t printable_run(const char *s, size_t len);
/* Length of the UTF-8 sequence at s (1 to 4, its code point in *ret unless NULL), 0 when invalid.
 */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);
/* Replaces in place, byte for byte, control characters (C0, DEL, C1) and bytes that are no UTF-8
 * by `?`: what is left can neither forge a line nor drive a terminal. */
void control_mask(char *s);

#endif
