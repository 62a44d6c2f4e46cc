/* Bounds that strings can only make too high: true is a proof, and false is not. Of any fifteen bytes in a row, eight
 * begin at a place divisible by eight. Written for the compiler to make vectors of.
 */
#include "harmless.h"

#include <stdint.h>
#include <string.h>

#define STRIDE 64

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST __attribute__((target_clones("avx2", "default")))
#else
#define WIDEST
#endif

/* Opening brackets among *STRIDE* bytes, in *opens*; whether eight of them in a row, from such a place, are digits. */
WIDEST static int look(const uint8_t *bytes, Py_ssize_t *opens)
{
    uint8_t brackets = 0, digit[STRIDE];
    for (int i = 0; i < STRIDE; i++) {
        brackets = (uint8_t)(brackets + ((bytes[i] | 0x20) == 0x7b)); /* [ is { with one bit less */
        digit[i] = (uint8_t)((uint8_t)(bytes[i] - '0') < 10 ? 0xff : 0);
    }
    *opens += brackets;
    uint64_t eights[STRIDE / 8];
    memcpy(eights, digit, sizeof eights);
    int any = 0;
    for (int i = 0; i < STRIDE / 8; i++) {
        any |= eights[i] == UINT64_MAX;
    }
    return any;
}

int is_harmless(PyObject *body, Py_ssize_t longest, Py_ssize_t deepest)
{
    if (!PyUnicode_CheckExact(body) || !PyUnicode_IS_COMPACT_ASCII(body) || PyUnicode_GET_LENGTH(body) > longest) {
        return 0;
    }
    const uint8_t *at = PyUnicode_1BYTE_DATA(body);
    Py_ssize_t left = PyUnicode_GET_LENGTH(body), opens = 0;
    for (; left >= STRIDE; at += STRIDE, left -= STRIDE) {
        if (look(at, &opens) || opens > deepest) {
            return 0;
        }
    }
    uint8_t rest[STRIDE] = {0};
    memcpy(rest, at, (size_t)left);
    return !look(rest, &opens) && opens <= deepest;
}
