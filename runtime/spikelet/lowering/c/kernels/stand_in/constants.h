/* Stand-in for the constants in the header of an exported network. */
#ifndef STAND_IN_CONSTANTS_H
#define STAND_IN_CONSTANTS_H

enum { MODEL_PIXELS = 3072, MODEL_CLASSES = 10, MODEL_LAYERS = 1, MODEL_MAX_STEPS = 8, MODEL_KEEPS_IMAGE = 1 };
enum { MODEL_FLASH_BYTES = 0, MODEL_RAM_BYTES = 0 };
enum { MODEL_OK, MODEL_NOT_RESET, MODEL_NOT_PROVEN, MODEL_NO_IMAGE };

#endif /* STAND_IN_CONSTANTS_H */
