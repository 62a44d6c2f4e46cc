/* The few forms of JSON that an answer of SQS is made of; anything else is for a real parser. */
#ifndef WORKER_SPEEDUPS_JSON_H
#define WORKER_SPEEDUPS_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *at, *end;
} Reader;

typedef struct {
    const uint8_t *data; /* between the quotes, as it came */
    size_t size;
    int escaped; /* has escapes of two characters in it */
    int ascii;   /* and nothing beyond */
} Text;

/* Whether *word* comes next; then it is read. */
int read_word(Reader *reader, const char *word, size_t size);
#define READ(reader, word) read_word(reader, word, sizeof word - 1)

/* Whether a string comes next without a \u in it; then it is read. That it is UTF-8 is not known yet. */
int read_text(Reader *reader, Text *text);

/* Whether a string of one to fifteen digits comes next: a double holds it exactly. */
int read_count(Reader *reader, long long *count);

/* *text* without its escapes, in *out*, which has room for `text->size`; the size of it. */
size_t unescape(const Text *text, uint8_t *out);

#endif
