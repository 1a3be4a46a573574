/* Stand-in for the header of a C library. WebAssembly has an instruction for each of these functions. */
#ifndef STRING_H
#define STRING_H

#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memset(to, value, size) __builtin_memset(to, value, size)

#endif /* STRING_H */
