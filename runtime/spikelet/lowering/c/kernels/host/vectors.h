#ifndef VECTORS_H
#define VECTORS_H

#include "../stand_in/host.h"

/* GCC and Clang compile operations on these types to the vector instructions of the processor. */
#if defined __AVX512BW__
#define VECTOR_BYTES 64
#elif defined __AVX2__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

typedef int32_t int32x16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int8_t int8x16 __attribute__((vector_size(16)));
typedef spike_t spikex8 __attribute__((vector_size(8 * sizeof(spike_t)), aligned(sizeof(spike_t)), may_alias));

#endif /* VECTORS_H */
