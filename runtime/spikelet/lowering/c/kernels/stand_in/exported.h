/* Stand-in for an exported program up to its interface, in the host form; in the mcu form with -DMCU. */
#ifndef STAND_IN_EXPORTED_H
#define STAND_IN_EXPORTED_H

#ifdef MCU
#include "../mcu/one_sample.h"
#else
#include "../host/one_sample.h"
#endif

#include "constants.h"

#endif /* STAND_IN_EXPORTED_H */
