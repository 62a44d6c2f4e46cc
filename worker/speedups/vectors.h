/* Functions compiled twice, for wide vectors and for any processor; which is taken is decided when they are loaded. */
#ifndef WORKER_SPEEDUPS_VECTORS_H
#define WORKER_SPEEDUPS_VECTORS_H

#include <stdint.h> /* defines __GLIBC__, where there is one: the others cannot decide at loading */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST __attribute__((target_clones("avx2", "default")))
#else
#define WIDEST
#endif

#endif
