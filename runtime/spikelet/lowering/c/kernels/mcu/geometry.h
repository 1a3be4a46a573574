#ifndef GEOMETRY_H
#define GEOMETRY_H

/* Sizes of a convolution. A linear layer is a convolution whose kernel covers its input. */
struct geometry {
    int height, width, channels; /* input */
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int out_height, out_width, out_channels, groups;
};

#endif /* GEOMETRY_H */
