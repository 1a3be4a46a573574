#ifndef PROCESSOR_H
#define PROCESSOR_H

#include "../../stand_in/mcu.h"

/* The DSP instructions of Cortex-M4, M7 and M33 add and multiply two numbers of 16 bits in a register. With
 * -DSPIKELET_PORTABLE they are not used; the results are the same. */
#if defined __GNUC__ && defined __arm__ && defined __ARM_FEATURE_DSP && !defined __ARM_BIG_ENDIAN && \
    !defined SPIKELET_PORTABLE
#define WITH_DSP
#endif

#if defined __GNUC__
#define NOT_INLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define NOT_INLINE
#define ALWAYS_INLINE inline
#endif

#endif /* PROCESSOR_H */
