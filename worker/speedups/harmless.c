/* Bounds that strings can only make too high: true is a proof, and false is not. What is done for every body is written
 * for the compiler to make vectors of.
 */
#include "harmless.h"

#include <stdint.h>
#include <string.h>

#include "vectors.h"

#define STRIDE 64
#define UNSEEN 14 /* digits in a row that may hold no eight of them at a place divisible by eight; fifteen do */

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

/* Whether more than *most* digits follow each other. */
static int is_long_number(const uint8_t *at, Py_ssize_t size, Py_ssize_t most)
{
    Py_ssize_t row = 0;
    for (Py_ssize_t i = 0; i < size && row <= most; i++) {
        row = at[i] >= '0' && at[i] <= '9' ? row + 1 : 0;
    }
    return row > most;
}

int is_harmless(PyObject *body, Py_ssize_t longest, Py_ssize_t deepest, Py_ssize_t digits)
{
    if (!PyUnicode_CheckExact(body) || !PyUnicode_IS_COMPACT_ASCII(body) || PyUnicode_GET_LENGTH(body) > longest) {
        return 0;
    }
    const uint8_t *text = PyUnicode_1BYTE_DATA(body);
    Py_ssize_t size = PyUnicode_GET_LENGTH(body), at = 0, opens = 0;
    uint8_t rest[STRIDE] = {0};
    int numbers = digits < UNSEEN;
    for (; size - at >= STRIDE; at += STRIDE) {
        numbers |= look(text + at, &opens);
    }
    memcpy(rest, text + at, (size_t)(size - at));
    numbers |= look(rest, &opens);
    return opens <= deepest && !(numbers && is_long_number(text, size, digits));
}
