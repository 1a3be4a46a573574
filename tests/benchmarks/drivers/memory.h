/* The C library's functions differ from processor to processor, and a board has none; these do not differ. */
#include <stddef.h>

void *memset(void *to, int value, size_t size)
{
    unsigned char *bytes = to;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *restrict bytes = to;
    const unsigned char *restrict source = from;
    for (size_t i = 0; i < size; i++)
        bytes[i] = source[i];
    return to;
}
