/* MD5 of up to ten texts at once, and whether each is what its sender said (RFC 1321). */
#ifndef WORKER_SPEEDUPS_MD5_H
#define WORKER_SPEEDUPS_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *data;
    size_t size;
    const uint8_t *said; /* 32 digits in small letters */
} Hashed;

/* Whether all of *texts* have the hash that was said of them. */
int md5_all_as_said(const Hashed *texts, int count);

#endif
