#ifndef JOIN_H
#define JOIN_H

#define JOIN_TOKENS(a, b) a##b
#define JOIN(a, b) JOIN_TOKENS(a, b) /* JOIN(convolve_, WEIGHT) is convolve_int8 where WEIGHT is int8 */

#endif /* JOIN_H */
