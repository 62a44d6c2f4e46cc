/* Eight texts side by side: the steps of MD5 wait for each other, so one text leaves most of a processor idle, and
 * eight in the lanes of a vector take hardly longer than one. The compiler makes the vectors; where a processor has
 * none, the same code works on eight numbers in turn. The state is laid out as in RFC 1321, section 3.
 */
#include "md5.h"

#include <string.h>

#include "vectors.h"

#define LANES 8
#define BLOCK 64
#define WORDS 16

typedef uint32_t Lanes __attribute__((vector_size(4 * LANES)));

/* Section 3.4: the integer part of 4294967296 * abs(sin(i)), i in radians. */
static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

#define F(x, y, z) (z ^ (x & (y ^ z)))
#define G(x, y, z) (y ^ (z & (x ^ y)))
#define H(x, y, z) (x ^ y ^ z)
#define I(x, y, z) (y ^ (x | ~z))
#define STEP(mix, a, b, c, d, word, sine, by)                                                                          \
    do {                                                                                                               \
        Lanes sum = a + mix(b, c, d) + words[(word) & 15] + SINES[sine];                                               \
        a = b + ((sum << by) | (sum >> (32 - by)));                                                                    \
    } while (0)
#define ROUND(mix, first, stride, start, s1, s2, s3, s4)                                                               \
    for (int i = start; i < start + 16; i += 4) {                                                                      \
        STEP(mix, a, b, c, d, first + stride * i, i, s1);                                                              \
        STEP(mix, d, a, b, c, first + stride * (i + 1), i + 1, s2);                                                    \
        STEP(mix, c, d, a, b, first + stride * (i + 2), i + 2, s3);                                                    \
        STEP(mix, b, c, d, a, first + stride * (i + 3), i + 3, s4);                                                    \
    }

WIDEST static void take_block(Lanes state[4], const Lanes words[WORDS])
{
    Lanes a = state[0], b = state[1], c = state[2], d = state[3];
    ROUND(F, 0, 1, 0, 7, 12, 17, 22)
    ROUND(G, 1, 5, 16, 5, 9, 14, 20)
    ROUND(H, 5, 3, 32, 4, 11, 16, 23)
    ROUND(I, 0, 7, 48, 6, 10, 15, 21)
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

static size_t blocks_of(size_t size)
{
    return (size + 8) / BLOCK + 1; /* a bit behind the text, and 64 for its length */
}

static uint32_t little_endian(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* Block *number* of *text*, padded where the text ends; zeros behind its last one. */
static const uint8_t *block_of(const Hashed *text, size_t number, uint8_t padded[BLOCK])
{
    size_t begin = number * BLOCK;
    if (begin + BLOCK <= text->size) {
        return text->data + begin;
    }
    memset(padded, 0, BLOCK);
    if (begin < text->size) {
        memcpy(padded, text->data + begin, text->size - begin);
    }
    if (begin <= text->size) {
        padded[text->size - begin] = 0x80;
    }
    if (number + 1 == blocks_of(text->size)) {
        uint64_t bits = (uint64_t)text->size * 8;
        for (int i = 0; i < 8; i++) {
            padded[BLOCK - 8 + i] = (uint8_t)(bits >> (8 * i));
        }
    }
    return padded;
}

static void gather(Lanes words[WORDS], const Hashed *texts, int count, size_t number)
{
    uint32_t gathered[WORDS][LANES] = {{0}};
    uint8_t padded[BLOCK];
    for (int lane = 0; lane < count; lane++) {
        const uint8_t *block = block_of(&texts[lane], number, padded);
        for (int i = 0; i < WORDS; i++) {
            gathered[i][lane] = little_endian(block + 4 * i);
        }
    }
    memcpy(words, gathered, sizeof gathered);
}

static int is_as_said(const Lanes state[4], int lane, const uint8_t *said)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        uint8_t byte = (uint8_t)(state[i / 4][lane] >> (8 * (i % 4)));
        if (said[2 * i] != DIGITS[byte >> 4] || said[2 * i + 1] != DIGITS[byte & 15]) {
            return 0;
        }
    }
    return 1;
}

static int lanes_as_said(const Hashed *texts, int count)
{
    Lanes state[4] = {{0}}, words[WORDS];
    state[0] += 0x67452301u, state[1] += 0xefcdab89u, state[2] += 0x98badcfeu, state[3] += 0x10325476u;
    size_t most = 0;
    for (int lane = 0; lane < count; lane++) {
        size_t blocks = blocks_of(texts[lane].size);
        most = blocks > most ? blocks : most;
    }
    for (size_t number = 0; number < most; number++) {
        gather(words, texts, count, number);
        take_block(state, words);
        for (int lane = 0; lane < count; lane++) {
            if (number + 1 == blocks_of(texts[lane].size) && !is_as_said(state, lane, texts[lane].said)) {
                return 0;
            }
        }
    }
    return 1;
}

int md5_all_as_said(const Hashed *texts, int count)
{
    for (int first = 0; first < count; first += LANES) {
        if (!lanes_as_said(texts + first, count - first < LANES ? count - first : LANES)) {
            return 0;
        }
    }
    return 1;
}
