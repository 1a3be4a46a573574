#ifndef VECTORS_H
#define VECTORS_H

#include "../../stand_in/host.h"

/* GCC and Clang compile operations on vectors to the instructions of the processor, but on vectors wider than its
 * registers to scalar instructions. VECTOR_BYTES is the width of a register.
 *
 * A few operations have no portable form that compiles to one instruction. They are selected by the macros WITH_AVX512,
 * WITH_AVX2, WITH_SSE2 and WITH_NEON. With -DSPIKELET_PORTABLE none of these is defined; the results are the same. */
#if defined __AVX512BW__ && defined __AVX512DQ__
#define VECTOR_BYTES 64
#elif defined __AVX2__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined SPIKELET_PORTABLE || !defined __has_builtin
#elif VECTOR_BYTES == 64
#if __has_builtin(__builtin_ia32_cvtd2mask512)
#define WITH_AVX512
#endif
#elif VECTOR_BYTES == 32
#if __has_builtin(__builtin_ia32_movmskps256) && __has_builtin(__builtin_ia32_pmulhw256)
#define WITH_AVX2
#endif
#elif defined __SSE2__
#if __has_builtin(__builtin_ia32_packssdw128) && __has_builtin(__builtin_ia32_pmovmskb128)
#define WITH_SSE2
#endif
#elif defined __aarch64__ && defined __ARM_NEON && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WITH_NEON
#endif

/* WITH_WIDE_PRODUCTS: one instruction adds products of integers in pairs, 32 bytes at a time.
 * WITH_COUNTS: layers with many spikes multiply bytes, counts of spikes by weights, see convolve_counts. With pairs of
 * 16 bytes this is slower than adding rows. */
#if defined __AVX2__ && defined __has_builtin && !defined SPIKELET_PORTABLE
#if __has_builtin(__builtin_ia32_pmaddubsw256) && __has_builtin(__builtin_ia32_pmaddwd256)
#define WITH_WIDE_PRODUCTS
#if COUNTED_LAYERS > 0
#define WITH_COUNTS
#endif
#endif
#endif

#if defined WITH_NEON && defined __ARM_FEATURE_DOTPROD && COUNTED_LAYERS > 0
#define WITH_COUNTS
#endif

/* WITH_DOT: one instruction adds the products of four bytes to an int32, DOT_BYTES at a time. With -DDOT_BYTES=N, a
 * portable form of N bytes takes its place. */
#if defined WITH_COUNTS && defined DOT_BYTES
#define WITH_DOT
#elif defined WITH_COUNTS && VECTOR_BYTES == 64 && defined __AVX512VNNI__
#define WITH_DOT
#define WITH_VNNI
#define DOT_BYTES 64
#elif defined WITH_COUNTS && VECTOR_BYTES == 32 && defined __AVXVNNI__
#define WITH_DOT
#define WITH_VNNI
#define DOT_BYTES 32
#elif defined WITH_COUNTS && defined WITH_NEON
#define WITH_DOT
#define DOT_BYTES 16
#endif

/* The address at which neurons store the numbers of their spikes if these are multiplied, else NULL. */
#ifdef WITH_COUNTS
#define COUNTED(counts) counts
#else
#define COUNTED(counts) NULL
#endif

/* The memory for merged lists, see merge_rows, if merging them is faster; measured with AVX2 and AVX-512. */
#if defined WITH_AVX2 || defined WITH_AVX512
#define MERGED(lists) lists
#else
#define MERGED(lists) ((void)(lists), NULL)
#endif

/* WITH_PRODUCTS: one instruction adds products of 16-bit integers in pairs, PRODUCT_BYTES at a time. */
#if defined __SSE2__ && defined __has_builtin && !defined SPIKELET_PORTABLE
#if __has_builtin(__builtin_ia32_pmaddwd128)
#define WITH_PRODUCTS
#ifdef WITH_WIDE_PRODUCTS
#define PRODUCT_BYTES 32
#else
#define PRODUCT_BYTES 16
#endif
#endif
#endif

enum { INT32S = VECTOR_BYTES / 4 }; /* int32 in a register */

typedef int32_t int32_vector __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef spike_t spikex8 __attribute__((vector_size(8 * sizeof(spike_t)), aligned(sizeof(spike_t)), may_alias));

/* IN_ORDER(x): the compiler does not reorder additions to x, so that each has an operand in memory, or is one
 * instruction with a shift. READ_AGAIN(address): the compiler does not keep in registers what was read there, or the sum
 * of an index and an address: operands in memory are fewer instructions. */
#if defined WITH_AVX512 || defined WITH_AVX2 || defined WITH_SSE2
#define IN_ORDER(x) __asm__("" : "+x"(x))
#define READ_AGAIN(address) __asm__("" : "+r"(address))
#elif defined WITH_NEON
#define IN_ORDER(x) __asm__("" : "+w"(x))
#define READ_AGAIN(address) (void)0
#else
#define IN_ORDER(x) (void)0
#define READ_AGAIN(address) (void)0
#endif

#endif /* VECTORS_H */
