#ifndef GEOMETRY_H
#define GEOMETRY_H

/* Sizes of a convolution or sum pool. A linear layer is a convolution whose kernel covers its input. */
struct geometry {
    int height, width, channels; /* input */
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int out_height, out_width, out_channels;
    int out_stride;              /* values per output pixel: out_channels, padded to whole vectors */
    int groups;
    int part_height, part_width; /* part of the kernel whose weights stay in the second-level cache; see convolve_counts */
    int prefetch;                /* 1: the weights exceed the nearest caches and are prefetched */
};

#endif /* GEOMETRY_H */
