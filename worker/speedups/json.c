/* Eight bytes at a time where nothing stands that matters, one at a time where something does. */
#include "json.h"

#include <string.h>

#define EACH(byte) (0x0101010101010101u * (uint64_t)(byte))
/* The highest bit of each byte of *word* that is zero; above the first such byte others may be taken for zero too. */
#define ZEROS(word) (((word) - EACH(1)) & ~(word))

int read_word(Reader *reader, const char *word, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0) {
        return 0;
    }
    reader->at += size;
    return 1;
}

/* How many of the eight bytes of *special* come before the first with its highest bit set. */
static int bytes_before(uint64_t special)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_ctzll(special) / 8;
#else
    (void)special; /* which bytes above the first were taken for special cannot be told: look at each */
    return 0;
#endif
}

/* The next byte from *at* that is a quote, a backslash, a control character or beyond ASCII; or one before it. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t below_space = (word - EACH(0x20)) & ~word;
        uint64_t special = (ZEROS(word ^ EACH('"')) | ZEROS(word ^ EACH('\\')) | below_space | word) & EACH(0x80);
        if (special) {
            return at + bytes_before(special);
        }
        at += 8;
    }
    return at;
}

static int is_escape(uint8_t character)
{
    return character != 0 && strchr("\"\\/bfnrt", character) != NULL;
}

int read_text(Reader *reader, Text *text)
{
    if (!READ(reader, "\"")) {
        return 0;
    }
    *text = (Text){.data = reader->at, .escaped = 0, .ascii = 1};
    const uint8_t *at = reader->at;
    for (;;) {
        at = skip_plain(at, reader->end);
        if (at == reader->end || *at < 0x20) {
            return 0;
        }
        if (*at == '"') {
            break;
        }
        if (*at == '\\') {
            if (reader->end - at < 2 || !is_escape(at[1])) {
                return 0;
            }
            text->escaped = 1;
            at++;
        } else if (*at >= 0x80) {
            text->ascii = 0;
        }
        at++;
    }
    text->size = (size_t)(at - text->data);
    reader->at = at + 1;
    return 1;
}

int read_count(Reader *reader, long long *count)
{
    Text text;
    if (!read_text(reader, &text) || text.size < 1 || text.size > 15) {
        return 0;
    }
    *count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        *count = *count * 10 + (text.data[i] - '0');
    }
    return 1;
}

static uint8_t unescaped(uint8_t character)
{
    switch (character) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return character;
    }
}

size_t unescape(const Text *text, uint8_t *out)
{
    const uint8_t *at = text->data, *end = at + text->size;
    uint8_t *to = out;
    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape ? escape : end) - at);
        memcpy(to, at, run);
        to += run;
        at += run;
        if (escape) {
            *to++ = unescaped(at[1]);
            at += 2;
        }
    }
    return (size_t)(to - out);
}
