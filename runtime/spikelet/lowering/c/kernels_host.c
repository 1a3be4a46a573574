/* Kernels of the host form. `spikelet.lowering.c.kernels` takes the parts that a network needs; @X@ stands for a
 * number of channels that are summed together, @T@ for the type of a weight.
 */
/* part: spikes */
struct spikes {                       /* spikes of an image; each of its rows has a list without gaps */
    row_t *start;                     /* where the entries of pixel x of row y begin: start[y * (width + 1) + x] */
    row_t *list;                      /* x * channels + channel, `room` entries for each row */
    int width, channels, room;
};

/* part: window */
struct window {                       /* a convolution; a linear layer is one whose kernel covers its input */
    int height, width, channels;      /* input */
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int out_height, out_width, out_channels, out_stride, groups;
    int part_height, part_width;      /* of the kernel: whose weights stay in the second cache while all windows use them */
    int far;                          /* its weights are too many for the nearest cache: fetch them ahead */
};

/* part: neurons */
struct neurons {                      /* integrate and fire: v += current; a spike takes theta off */
    int32_t *v;
    const int32_t *theta, *decay;     /* decay: shifts of the leak, or NULL */
    int strict, zero;                 /* fires above theta, not at it; resets to zero */
    int channels, stride;
    struct spikes out;
    uint32_t *fired;                  /* how many spikes the layer fired in this time-step */
};

/* part: clip */
/* The part of a kernel of `size` that lies within [0, limit) when it starts at `start`: from *first to before *end. */
static void clip(int start, int size, int limit, int *first, int *end)
{
    *first = start < 0 ? -start : 0;
    *end = start + size > limit ? limit - start : size;
}

/* part: segment */
struct segment {                      /* entries of a list, and what to add to one to have the number of a weight row */
    const row_t *rows;
    int count;
    ptrdiff_t shift;
};

/* part: gather */
/* The spikes in a part of one window, which begins at (row, column) of it: a segment for each of its rows, since pixels
 * side by side are so in the list.
 */
static int gather(const struct window *g, const struct spikes *in, int pixel, int row, int column,
                  struct segment *segments)
{
    const int top = pixel / g->out_width * g->stride_y - g->padding_y;
    const int left = pixel % g->out_width * g->stride_x - g->padding_x;
    int n = 0, y0, y1, x0, x1;
    clip(top + row, g->part_height, g->height, &y0, &y1);
    clip(left + column, g->part_width, g->width, &x0, &x1);
    y0 += row, y1 += row, x0 += column, x1 += column;
    if (x0 < x1)
        for (int ky = y0; ky < y1; ky++) {
            const row_t *start = in->start + (size_t)(top + ky) * (in->width + 1) + left;
            const row_t *list = in->list + (size_t)(top + ky) * in->room;
            segments[n].rows = list + start[x0];
            segments[n].count = start[x1] - start[x0];
            segments[n].shift = (ptrdiff_t)(ky * g->kernel_width - left) * g->channels;
            n += segments[n].count > 0;
        }
    return n;
}

/* part: add_row_@T@ */
/* sum += x * the weights of one input: channel c at one tap. weight: [tap][c_in][c_out of a group]. */
static void add_row_@T@(const struct window *g, const @T@_t *restrict weight, int tap, int c, int32_t x,
                          int32_t *restrict sum)
{
    const int outputs = g->out_channels / g->groups, inputs = g->channels / g->groups;
    const @T@_t *restrict row = weight + ((size_t)tap * g->channels + c) * outputs;
    int32_t *restrict to = sum + (size_t)(c / inputs) * outputs;
    for (int i = 0; i < outputs; i++)
        to[i] += x * row[i];
}

/* part: convolve_@T@ */
/* A convolution of dense or, where `in` is given, of spiking input, with or without groups: sum += bias + w * x. */
static void convolve_@T@(const struct window *g, const @T@_t *weight, const int32_t *bias, const struct spikes *in,
                           const int32_t *dense, int stride, int32_t *sum)
{
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride) {
            const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
            int y0, y1, x0, x1;
            clip(top, g->kernel_height, g->height, &y0, &y1);
            clip(left, g->kernel_width, g->width, &x0, &x1);
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += bias[i];
            for (int ky = y0; ky < y1; ky++)
                for (int kx = x0; kx < x1; kx++) {
                    const size_t pixel = (size_t)(top + ky) * g->width + left + kx;
                    const int tap = ky * g->kernel_width + kx;
                    if (in) {
                        const row_t *at = in->start + pixel + top + ky; /* a row has one start more than pixels */
                        const row_t *list = in->list + (size_t)(top + ky) * in->room;
                        for (int k = at[0]; k < at[1]; k++)
                            add_row_@T@(g, weight, tap, list[k] - (left + kx) * g->channels, 1, sum);
                    } else
                        for (int c = 0; c < g->channels; c++)
                            add_row_@T@(g, weight, tap, c, dense[pixel * stride + c], sum);
                }
        }
}

/* part: int16x */
typedef int32_t int16x __attribute__((vector_size(64), aligned(4), may_alias)); /* sixteen channels */

/* part: convolve_image */
/* A convolution of dense input without groups, sixteen outputs at a time in a vector register: sum += bias + w * x. */
static void convolve_image(const struct window *g, const int32_t *weight, const int32_t *bias, const int32_t *dense,
                           int stride, int32_t *sum)
{
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride) {
            const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
            int y0, y1, x0, x1;
            clip(top, g->kernel_height, g->height, &y0, &y1);
            clip(left, g->kernel_width, g->width, &x0, &x1);
            for (int first = 0; first < g->out_channels; first += 16) {
                int16x total = *(const int16x *)(bias + first);
                for (int ky = y0; ky < y1; ky++)
                    for (int kx = x0; kx < x1; kx++) {
                        const int32_t *in = dense + ((size_t)(top + ky) * g->width + left + kx) * stride;
                        const size_t tap = (size_t)ky * g->kernel_width + kx;
                        const int32_t *row = weight + tap * g->channels * g->out_channels + first;
                        for (int c = 0; c < g->channels; c++, row += g->out_channels)
                            total += in[c] * *(const int16x *)row;
                    }
                *(int16x *)(sum + first) += total;
            }
        }
}

/* part: pool_spikes */
/* A sum pool of spikes: the lists of its window, one behind the other. */
static void pool_spikes(const struct window *g, const struct spikes *in, const struct spikes *out)
{
    for (int y = 0; y < g->out_height; y++) {
        row_t *restrict to = out->list + (size_t)y * out->room;
        row_t *start = out->start + (size_t)y * (out->width + 1);
        int n = 0;
        for (int x = 0; x < g->out_width; x++) {
            start[x] = (row_t)n;
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y + ky, column = x * g->stride_x + kx;
                    const row_t *at = in->start + (size_t)row * (in->width + 1) + column;
                    const row_t *restrict from = in->list + (size_t)row * in->room + at[0];
                    const int count = at[1] - at[0];
                    const row_t shift = (row_t)((x - column) * g->channels);
                    for (int k = 0; k < count; k += 16) /* whole vectors: what is over is written over */
                        for (int j = 0; j < 16; j++)
                            to[n + k + j] = (row_t)(from[k + j] + shift);
                    n += count;
                }
        }
        start[g->out_width] = (row_t)n;
    }
}

/* part: pool_dense */
/* A sum pool of dense or, where `in` is given, of spiking input: sum += each window. */
static void pool_dense(const struct window *g, const struct spikes *in, const int32_t *dense, int stride, int32_t *sum)
{
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride)
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y + ky, column = x * g->stride_x + kx;
                    const size_t pixel = (size_t)row * g->width + column;
                    if (in) {
                        const row_t *at = in->start + pixel + row;
                        for (int k = at[0]; k < at[1]; k++)
                            sum[in->list[(size_t)row * in->room + k] - column * g->channels]++;
                    } else
                        for (int c = 0; c < g->channels; c++)
                            sum[c] += dense[pixel * stride + c];
                }
}

/* part: add_dense */
/* sum += scale * x, channel by channel; scale NULL: sum += x. */
static void add_dense(int pixels, int channels, const int32_t *scale, const int32_t *in, int in_stride, int32_t *sum,
                      int stride)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            sum[(size_t)p * stride + c] += (scale ? scale[c] : 1) * in[(size_t)p * in_stride + c];
}

/* part: add_spikes */
static void add_spikes(int height, const int32_t *scale, const struct spikes *in, int32_t *sum, int stride)
{
    for (int y = 0; y < height; y++) {
        const row_t *start = in->start + (size_t)y * (in->width + 1);
        const row_t *list = in->list + (size_t)y * in->room;
        for (int x = 0; x < in->width; x++, sum += stride)
            for (int k = start[x]; k < start[x + 1]; k++) {
                const int c = list[k] - x * in->channels;
                sum[c] += scale ? scale[c] : 1;
            }
    }
}

/* part: flatten */
/* Channels last to channel first: what a flattened image looks like to anything but a linear layer. */
static void flatten(int pixels, int channels, const int32_t *in, int stride, int32_t *out)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            out[(size_t)c * pixels + p] += in[(size_t)p * stride + c];
}

/* part: flatten_spikes */
static void flatten_spikes(int height, const struct spikes *in, int32_t *out)
{
    const size_t pixels = (size_t)height * in->width;
    for (int y = 0; y < height; y++) {
        const row_t *start = in->start + (size_t)y * (in->width + 1);
        const row_t *list = in->list + (size_t)y * in->room;
        for (int x = 0; x < in->width; x++)
            for (int k = start[x]; k < start[x + 1]; k++)
                out[(list[k] - x * in->channels) * pixels + (size_t)y * in->width + x]++;
    }
}

/* part: load_image */
/* x = pixel - mean; the image is channel first. */
static void load_image(int pixels, int channels, const model_pixel *image, const int32_t *mean, int32_t *out, int stride)
{
    for (int c = 0; c < channels; c++)
        for (int p = 0; p < pixels; p++)
            out[(size_t)p * stride + c] = image[(size_t)c * pixels + p] - mean[c];
}

/* part: start */
/* v[0] of every neuron of a layer. */
static void start(int pixels, int stride, const int32_t *v_init, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        memcpy(v + (size_t)p * stride, v_init, stride * sizeof *v);
}
/* part: positions */
/* For each pattern of eight neurons: which of them fired, lowest first. */
static const row_t positions[256][8] __attribute__((aligned(16))) = {
    {0,0,0,0,0,0,0,0}, {0,0,0,0,0,0,0,0}, {1,0,0,0,0,0,0,0}, {0,1,0,0,0,0,0,0}, {2,0,0,0,0,0,0,0}, {0,2,0,0,0,0,0,0},
    {1,2,0,0,0,0,0,0}, {0,1,2,0,0,0,0,0}, {3,0,0,0,0,0,0,0}, {0,3,0,0,0,0,0,0}, {1,3,0,0,0,0,0,0}, {0,1,3,0,0,0,0,0},
    {2,3,0,0,0,0,0,0}, {0,2,3,0,0,0,0,0}, {1,2,3,0,0,0,0,0}, {0,1,2,3,0,0,0,0}, {4,0,0,0,0,0,0,0}, {0,4,0,0,0,0,0,0},
    {1,4,0,0,0,0,0,0}, {0,1,4,0,0,0,0,0}, {2,4,0,0,0,0,0,0}, {0,2,4,0,0,0,0,0}, {1,2,4,0,0,0,0,0}, {0,1,2,4,0,0,0,0},
    {3,4,0,0,0,0,0,0}, {0,3,4,0,0,0,0,0}, {1,3,4,0,0,0,0,0}, {0,1,3,4,0,0,0,0}, {2,3,4,0,0,0,0,0}, {0,2,3,4,0,0,0,0},
    {1,2,3,4,0,0,0,0}, {0,1,2,3,4,0,0,0}, {5,0,0,0,0,0,0,0}, {0,5,0,0,0,0,0,0}, {1,5,0,0,0,0,0,0}, {0,1,5,0,0,0,0,0},
    {2,5,0,0,0,0,0,0}, {0,2,5,0,0,0,0,0}, {1,2,5,0,0,0,0,0}, {0,1,2,5,0,0,0,0}, {3,5,0,0,0,0,0,0}, {0,3,5,0,0,0,0,0},
    {1,3,5,0,0,0,0,0}, {0,1,3,5,0,0,0,0}, {2,3,5,0,0,0,0,0}, {0,2,3,5,0,0,0,0}, {1,2,3,5,0,0,0,0}, {0,1,2,3,5,0,0,0},
    {4,5,0,0,0,0,0,0}, {0,4,5,0,0,0,0,0}, {1,4,5,0,0,0,0,0}, {0,1,4,5,0,0,0,0}, {2,4,5,0,0,0,0,0}, {0,2,4,5,0,0,0,0},
    {1,2,4,5,0,0,0,0}, {0,1,2,4,5,0,0,0}, {3,4,5,0,0,0,0,0}, {0,3,4,5,0,0,0,0}, {1,3,4,5,0,0,0,0}, {0,1,3,4,5,0,0,0},
    {2,3,4,5,0,0,0,0}, {0,2,3,4,5,0,0,0}, {1,2,3,4,5,0,0,0}, {0,1,2,3,4,5,0,0}, {6,0,0,0,0,0,0,0}, {0,6,0,0,0,0,0,0},
    {1,6,0,0,0,0,0,0}, {0,1,6,0,0,0,0,0}, {2,6,0,0,0,0,0,0}, {0,2,6,0,0,0,0,0}, {1,2,6,0,0,0,0,0}, {0,1,2,6,0,0,0,0},
    {3,6,0,0,0,0,0,0}, {0,3,6,0,0,0,0,0}, {1,3,6,0,0,0,0,0}, {0,1,3,6,0,0,0,0}, {2,3,6,0,0,0,0,0}, {0,2,3,6,0,0,0,0},
    {1,2,3,6,0,0,0,0}, {0,1,2,3,6,0,0,0}, {4,6,0,0,0,0,0,0}, {0,4,6,0,0,0,0,0}, {1,4,6,0,0,0,0,0}, {0,1,4,6,0,0,0,0},
    {2,4,6,0,0,0,0,0}, {0,2,4,6,0,0,0,0}, {1,2,4,6,0,0,0,0}, {0,1,2,4,6,0,0,0}, {3,4,6,0,0,0,0,0}, {0,3,4,6,0,0,0,0},
    {1,3,4,6,0,0,0,0}, {0,1,3,4,6,0,0,0}, {2,3,4,6,0,0,0,0}, {0,2,3,4,6,0,0,0}, {1,2,3,4,6,0,0,0}, {0,1,2,3,4,6,0,0},
    {5,6,0,0,0,0,0,0}, {0,5,6,0,0,0,0,0}, {1,5,6,0,0,0,0,0}, {0,1,5,6,0,0,0,0}, {2,5,6,0,0,0,0,0}, {0,2,5,6,0,0,0,0},
    {1,2,5,6,0,0,0,0}, {0,1,2,5,6,0,0,0}, {3,5,6,0,0,0,0,0}, {0,3,5,6,0,0,0,0}, {1,3,5,6,0,0,0,0}, {0,1,3,5,6,0,0,0},
    {2,3,5,6,0,0,0,0}, {0,2,3,5,6,0,0,0}, {1,2,3,5,6,0,0,0}, {0,1,2,3,5,6,0,0}, {4,5,6,0,0,0,0,0}, {0,4,5,6,0,0,0,0},
    {1,4,5,6,0,0,0,0}, {0,1,4,5,6,0,0,0}, {2,4,5,6,0,0,0,0}, {0,2,4,5,6,0,0,0}, {1,2,4,5,6,0,0,0}, {0,1,2,4,5,6,0,0},
    {3,4,5,6,0,0,0,0}, {0,3,4,5,6,0,0,0}, {1,3,4,5,6,0,0,0}, {0,1,3,4,5,6,0,0}, {2,3,4,5,6,0,0,0}, {0,2,3,4,5,6,0,0},
    {1,2,3,4,5,6,0,0}, {0,1,2,3,4,5,6,0}, {7,0,0,0,0,0,0,0}, {0,7,0,0,0,0,0,0}, {1,7,0,0,0,0,0,0}, {0,1,7,0,0,0,0,0},
    {2,7,0,0,0,0,0,0}, {0,2,7,0,0,0,0,0}, {1,2,7,0,0,0,0,0}, {0,1,2,7,0,0,0,0}, {3,7,0,0,0,0,0,0}, {0,3,7,0,0,0,0,0},
    {1,3,7,0,0,0,0,0}, {0,1,3,7,0,0,0,0}, {2,3,7,0,0,0,0,0}, {0,2,3,7,0,0,0,0}, {1,2,3,7,0,0,0,0}, {0,1,2,3,7,0,0,0},
    {4,7,0,0,0,0,0,0}, {0,4,7,0,0,0,0,0}, {1,4,7,0,0,0,0,0}, {0,1,4,7,0,0,0,0}, {2,4,7,0,0,0,0,0}, {0,2,4,7,0,0,0,0},
    {1,2,4,7,0,0,0,0}, {0,1,2,4,7,0,0,0}, {3,4,7,0,0,0,0,0}, {0,3,4,7,0,0,0,0}, {1,3,4,7,0,0,0,0}, {0,1,3,4,7,0,0,0},
    {2,3,4,7,0,0,0,0}, {0,2,3,4,7,0,0,0}, {1,2,3,4,7,0,0,0}, {0,1,2,3,4,7,0,0}, {5,7,0,0,0,0,0,0}, {0,5,7,0,0,0,0,0},
    {1,5,7,0,0,0,0,0}, {0,1,5,7,0,0,0,0}, {2,5,7,0,0,0,0,0}, {0,2,5,7,0,0,0,0}, {1,2,5,7,0,0,0,0}, {0,1,2,5,7,0,0,0},
    {3,5,7,0,0,0,0,0}, {0,3,5,7,0,0,0,0}, {1,3,5,7,0,0,0,0}, {0,1,3,5,7,0,0,0}, {2,3,5,7,0,0,0,0}, {0,2,3,5,7,0,0,0},
    {1,2,3,5,7,0,0,0}, {0,1,2,3,5,7,0,0}, {4,5,7,0,0,0,0,0}, {0,4,5,7,0,0,0,0}, {1,4,5,7,0,0,0,0}, {0,1,4,5,7,0,0,0},
    {2,4,5,7,0,0,0,0}, {0,2,4,5,7,0,0,0}, {1,2,4,5,7,0,0,0}, {0,1,2,4,5,7,0,0}, {3,4,5,7,0,0,0,0}, {0,3,4,5,7,0,0,0},
    {1,3,4,5,7,0,0,0}, {0,1,3,4,5,7,0,0}, {2,3,4,5,7,0,0,0}, {0,2,3,4,5,7,0,0}, {1,2,3,4,5,7,0,0}, {0,1,2,3,4,5,7,0},
    {6,7,0,0,0,0,0,0}, {0,6,7,0,0,0,0,0}, {1,6,7,0,0,0,0,0}, {0,1,6,7,0,0,0,0}, {2,6,7,0,0,0,0,0}, {0,2,6,7,0,0,0,0},
    {1,2,6,7,0,0,0,0}, {0,1,2,6,7,0,0,0}, {3,6,7,0,0,0,0,0}, {0,3,6,7,0,0,0,0}, {1,3,6,7,0,0,0,0}, {0,1,3,6,7,0,0,0},
    {2,3,6,7,0,0,0,0}, {0,2,3,6,7,0,0,0}, {1,2,3,6,7,0,0,0}, {0,1,2,3,6,7,0,0}, {4,6,7,0,0,0,0,0}, {0,4,6,7,0,0,0,0},
    {1,4,6,7,0,0,0,0}, {0,1,4,6,7,0,0,0}, {2,4,6,7,0,0,0,0}, {0,2,4,6,7,0,0,0}, {1,2,4,6,7,0,0,0}, {0,1,2,4,6,7,0,0},
    {3,4,6,7,0,0,0,0}, {0,3,4,6,7,0,0,0}, {1,3,4,6,7,0,0,0}, {0,1,3,4,6,7,0,0}, {2,3,4,6,7,0,0,0}, {0,2,3,4,6,7,0,0},
    {1,2,3,4,6,7,0,0}, {0,1,2,3,4,6,7,0}, {5,6,7,0,0,0,0,0}, {0,5,6,7,0,0,0,0}, {1,5,6,7,0,0,0,0}, {0,1,5,6,7,0,0,0},
    {2,5,6,7,0,0,0,0}, {0,2,5,6,7,0,0,0}, {1,2,5,6,7,0,0,0}, {0,1,2,5,6,7,0,0}, {3,5,6,7,0,0,0,0}, {0,3,5,6,7,0,0,0},
    {1,3,5,6,7,0,0,0}, {0,1,3,5,6,7,0,0}, {2,3,5,6,7,0,0,0}, {0,2,3,5,6,7,0,0}, {1,2,3,5,6,7,0,0}, {0,1,2,3,5,6,7,0},
    {4,5,6,7,0,0,0,0}, {0,4,5,6,7,0,0,0}, {1,4,5,6,7,0,0,0}, {0,1,4,5,6,7,0,0}, {2,4,5,6,7,0,0,0}, {0,2,4,5,6,7,0,0},
    {1,2,4,5,6,7,0,0}, {0,1,2,4,5,6,7,0}, {3,4,5,6,7,0,0,0}, {0,3,4,5,6,7,0,0}, {1,3,4,5,6,7,0,0}, {0,1,3,4,5,6,7,0},
    {2,3,4,5,6,7,0,0}, {0,2,3,4,5,6,7,0}, {1,2,3,4,5,6,7,0}, {0,1,2,3,4,5,6,7},
};

/* part: eight */
/* Eight bytes of 0 or 1 as eight bits, the first one lowest. */
static unsigned eight(const uint8_t *fired)
{
    uint64_t bytes;
    memcpy(&bytes, fired, 8);
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    return (unsigned)(bytes * 0x0102040810204080u >> 56);
}

/* part: byte16x */
typedef int8_t byte16x __attribute__((vector_size(16)));

/* part: row8x */
typedef row_t row8x __attribute__((vector_size(8 * sizeof(row_t)), aligned(sizeof(row_t)), may_alias));

/* part: fire */
/* One time-step of the neurons of `count` pixels side by side; those that fire go to the list of their row, without a
 * branch. The pixels before them in the row have had their turn.
 */
static void fire(const struct neurons *n, int y, int x, int count, const int32_t *restrict current)
{
    const size_t pixel = (size_t)y * n->out.width + x;
    const int stride = n->stride, strict = n->strict, zero = n->zero;
    const int32_t *theta = n->theta, *decay = n->decay;
    int32_t *restrict v = n->v + pixel * stride;
    row_t *start = n->out.start + pixel + y, *list = n->out.list + (size_t)y * n->out.room;
    const int before = x ? start[0] : 0;
    row_t *to = list + before;
    start[0] = (row_t)before;
    for (int end = x + count; x < end; x++, v += stride, current += stride) {
        row8x base = {0};
        base += (row_t)(x * n->channels);
        for (int first = 0; first < stride; first += 16) {
            const int16x limit = *(const int16x *)(theta + first);
            int16x now = *(const int16x *)(v + first);
            if (decay)
                now -= now >> *(const int16x *)(decay + first);
            now += *(const int16x *)(current + first);
            const int16x fired = now >= limit + strict; /* all ones where it fires */
            *(int16x *)(v + first) = now - (fired & (zero ? now : limit));
            const byte16x flags = __builtin_convertvector(fired, byte16x) & 1;
            for (int half = 0; half < 16; half += 8, base += 8) {
                const unsigned pattern = eight((const uint8_t *)&flags + half);
                *(row8x *)to = *(const row8x *)positions[pattern] + base;
                to += __builtin_popcount(pattern);
            }
        }
        *++start = (row_t)(to - list);
    }
    *n->fired += (uint32_t)(to - list - before);
}

/* part: fire_all */
/* A layer of neurons whose current lies in memory. */
static void fire_all(const struct neurons *n, int height, const int32_t *current)
{
    *n->fired = 0;
    for (int y = 0; y < height; y++, current += (size_t)n->out.width * n->stride)
        fire(n, y, 0, n->out.width, current);
}

/* part: pairs_@X@ */
typedef int16_t pairs_@X@ __attribute__((vector_size(@X@ < VECTOR_BYTES ? @X@ : VECTOR_BYTES)));
/* part: upairs_@X@ */
typedef uint16_t upairs_@X@ __attribute__((vector_size(@X@ < VECTOR_BYTES ? @X@ : VECTOR_BYTES)));

/* part: add_rows_@X@ */
/* sum += the weight rows that are listed; `far`: they are fetched AHEAD (less than SLACK) of their turn, into the second
 * cache, which waits for more lines at a time than the first.
 *
 * A pair of weights (h, l) is one int16, 256 h + l + 128. Adding whole pairs gives 256 sum(h) + sum(l + 128) modulo
 * 2^16; adding their upper bytes gives sum(h); the difference is sum(l + 128). Both fit for ROWS = 256 rows:
 * |sum(h)| <= 256 * 128 = 2^15, and 0 <= sum(l + 128) <= 256 * 255 < 2^16.
 */
static void add_rows_@X@(const int16_t *restrict weight, const struct segment *segment, int segments, int far,
                        int32_t *restrict sum)
{
    enum { AHEAD = 28, ROWS = 256, BYTES = sizeof(pairs_@X@), VECTORS = @X@ / BYTES, PAIRS = BYTES / 2 };
    const struct segment *end = segment + segments;
    int done = 0; /* rows of the segment */
    while (segment < end) {
        upairs_@X@ pairs[VECTORS] = {{0}}; /* unsigned: what overflows there is no error */
        pairs_@X@ high[VECTORS] = {{0}};
        int n = 0;
        while (segment < end && n < ROWS) {
            const int left = segment->count - done, count = left < ROWS - n ? left : ROWS - n;
            const row_t *rows = segment->rows + done;
            const uintptr_t base = (uintptr_t)weight + (uintptr_t)segment->shift * @X@; /* may lie before the array */
            for (int k = 0; k < count; k++) {
                if (far)
                    for (int line = 0; line < @X@; line += 64)
                        __builtin_prefetch((const void *)(base + (uintptr_t)rows[k + AHEAD] * @X@ + line), 0, 2);
                const pairs_@X@ *row = (const pairs_@X@ *)(base + (uintptr_t)rows[k] * @X@);
                for (int i = 0; i < VECTORS; i++) {
                    pairs[i] += (upairs_@X@)row[i];
                    high[i] += row[i] >> 8;
                }
            }
            n += count;
            done = count < left ? done + count : 0;
            segment += count == left;
        }
        for (int i = 0; i < VECTORS; i++) {
            const upairs_@X@ low = pairs[i] - ((upairs_@X@)high[i] << 8);
            for (int j = 0; j < PAIRS; j++) {
                sum[i * PAIRS + j] += (int32_t)low[j] - 128 * n;
                sum[@X@ / 2 + i * PAIRS + j] += high[i][j];
            }
        }
    }
}

/* part: later */
/* The same lists t time-steps later: each time-step has a workspace of its own. */
static struct spikes later(struct spikes lists, int t)
{
    lists.start += t * (sizeof(struct work) / sizeof(row_t));
    lists.list += t * (sizeof(struct work) / sizeof(row_t));
    return lists;
}

/* part: fetch */
/* Fetch weights into the second cache, from `at` to before `end`; returns the latter. */
static const char *fetch(const char *at, const char *end)
{
    for (; at < end; at += 64)
        __builtin_prefetch(at, 0, 2);
    return at;
}

/* part: convolve_@X@ */
/* A convolution of spikes. weight: [block of @X@ outputs][tap][c_in][pair]. Either `n` fires, or `sum` is added to.
 * `tile` output pixels at a time, at all time-steps: each part of a block of weights is read by all of them while it is
 * in the cache. Where they are many, the next part is fetched meanwhile, row after row; where they are few, each row when
 * a spike is about to ask for it. in, n, current: of the first of the time-steps; sum is for one alone.
 */
static void convolve_@X@(const struct window *g, const int16_t *weight, const int32_t *bias, const struct spikes *in,
                        int32_t *current, int tile, const struct neurons *n, int32_t *sum, int steps)
{
    enum { MANY = 5 }; /* of them most rows are asked for */
    const int pixels = g->out_height * g->out_width, taps = g->kernel_height * g->kernel_width;
    const size_t stride = (size_t)g->out_stride, next = sizeof(struct work) / sizeof *current;
    const size_t size = (size_t)g->part_height * g->part_width * g->channels * @X@; /* bytes of a part */
    const char *const whole = (const char *)weight, *const last = whole + stride * taps * g->channels;
    struct segment segments[MAX_HEIGHT];
    struct neurons neurons[WINDOW];
    for (int t = 0; n && t < steps; t++) {
        neurons[t] = *n;
        neurons[t].out = later(n->out, t);
        neurons[t].fired += t * LAYERS;
        *neurons[t].fired = 0;
    }
    for (int start = 0; start < pixels; start += tile) {
        const int end = start + tile < pixels ? start + tile : pixels, windows = steps * (end - start);
        const int many = g->far && windows >= MANY;
        const size_t share = (size / windows / 64 + 1) * 64; /* of the next part, for each window */
        const char *part = whole;
        for (size_t first = 0; first < stride; first += @X@) {
            const int16_t *block = weight + first / 2 * taps * g->channels;
            for (int row = 0; row < g->kernel_height; row += g->part_height)
                for (int column = 0; column < g->kernel_width; column += g->part_width) {
                    const int far = g->far && (!many || part == whole);
                    part += size;
                    const char *ahead = part, *const stop = part < last && many ? part + size : part;
                    for (int t = 0; t < steps; t++) {
                        const struct spikes now = later(*in, t);
                        for (int p = start; p < end; p++) {
                            int32_t *to = current + t * next + (p - start) * stride + first;
                            if (!row && !column)
                                memcpy(to, bias + first, @X@ * sizeof *to);
                            ahead = fetch(ahead, (size_t)(stop - ahead) < share ? stop : ahead + share);
                            add_rows_@X@(block, segments, gather(g, &now, p, row, column, segments), far, to);
                        }
                    }
                }
        }
        for (int p = start, count; p < end; p += count) { /* in one row of the output */
            const int x = p % g->out_width, row = g->out_width - x, together = n ? (int)stride / n->stride : 1;
            count = row < end - p ? row : end - p;
            const int32_t *from = current + (p - start) * stride;
            for (int t = 0; n && t < steps; t++)
                fire(&neurons[t], p / g->out_width, x * together, count * together, from + t * next);
            for (size_t i = 0; !n && i < count * stride; i++)
                sum[p * stride + i] += from[i];
        }
    }
}
