/* Kernels of the host form. `spikelet.lowering.c.kernels` takes the parts that a network needs; @X@ stands for a
 * number of channels that are summed together, @T@ for the type of a weight.
 */
/* part: spikes */
struct spikes {
    row_t *count, *list;
    int capacity;
};

/* part: window */
struct window {                       /* a convolution; a linear layer is one whose kernel covers its input */
    int height, width, channels;      /* input */
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int out_height, out_width, out_channels, out_stride, groups;
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

/* part: gather */
/* The weight rows that the spikes in one window ask for; returns how many. */
static int gather(const struct window *g, const struct spikes *in, int y, int x, row_t *restrict rows)
{
    int n = 0, y0, y1, x0, x1;
    const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
    clip(top, g->kernel_height, g->height, &y0, &y1);
    clip(left, g->kernel_width, g->width, &x0, &x1);
    for (int ky = y0; ky < y1; ky++)
        for (int kx = x0; kx < x1; kx++) {
            const size_t pixel = (size_t)(top + ky) * g->width + left + kx;
            const row_t *restrict list = in->list + pixel * in->capacity;
            const row_t base = (row_t)((ky * g->kernel_width + kx) * g->channels);
            const int count = in->count[pixel];
            for (int k = 0; k < count; k += SLACK) /* SLACK at once: whole vectors, and nothing is read of what is over */
                for (int j = 0; j < SLACK; j++)
                    rows[n + k + j] = (row_t)(list[k + j] + base);
            n += count;
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
                    if (in)
                        for (int k = 0; k < in->count[pixel]; k++)
                            add_row_@T@(g, weight, tap, in->list[pixel * in->capacity + k], 1, sum);
                    else
                        for (int c = 0; c < g->channels; c++)
                            add_row_@T@(g, weight, tap, c, dense[pixel * stride + c], sum);
                }
        }
}

/* part: pool_spikes */
/* A sum pool of spikes: the lists of its window, one behind the other. */
static void pool_spikes(const struct window *g, const struct spikes *in, const struct spikes *out)
{
    size_t to = 0;
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, to++) {
            int n = 0;
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const size_t pixel = (size_t)(y * g->stride_y + ky) * g->width + x * g->stride_x + kx;
                    memcpy(out->list + to * out->capacity + n, in->list + pixel * in->capacity,
                           in->count[pixel] * sizeof(row_t));
                    n += in->count[pixel];
                }
            out->count[to] = (row_t)n;
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
                    const size_t pixel = (size_t)(y * g->stride_y + ky) * g->width + x * g->stride_x + kx;
                    if (in)
                        for (int k = 0; k < in->count[pixel]; k++)
                            sum[in->list[pixel * in->capacity + k]]++;
                    else
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
static void add_spikes(int pixels, const int32_t *scale, const struct spikes *in, int32_t *sum, int stride)
{
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < in->count[p]; k++) {
            const int c = in->list[(size_t)p * in->capacity + k];
            sum[(size_t)p * stride + c] += scale ? scale[c] : 1;
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
static void flatten_spikes(int pixels, const struct spikes *in, int32_t *out)
{
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < in->count[p]; k++)
            out[(size_t)in->list[(size_t)p * in->capacity + k] * pixels + p]++;
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
/* part: pairs_@X@ */
typedef int16_t pairs_@X@ __attribute__((vector_size(@X@ < VECTOR_BYTES ? @X@ : VECTOR_BYTES)));
/* part: upairs_@X@ */
typedef uint16_t upairs_@X@ __attribute__((vector_size(@X@ < VECTOR_BYTES ? @X@ : VECTOR_BYTES)));

/* part: fire_@X@ */
/* One time-step of @X@ neurons: adds the channels that fired to the list of their pixel. */
static void fire_@X@(const struct neurons *n, size_t pixel, int first, const int32_t *restrict current)
{
    int32_t *restrict v = n->v + pixel * n->stride + first;
    const int32_t *restrict theta = n->theta + first;
    uint8_t fired[@X@];
    if (n->decay) {
        const int32_t *restrict decay = n->decay + first;
        for (int i = 0; i < @X@; i++)
            v[i] -= v[i] >> decay[i];
    }
    for (int i = 0; i < @X@; i++) {
        const int32_t x = v[i] + current[i];
        const int32_t s = x >= theta[i] + n->strict;
        v[i] = x - (s ? (n->zero ? x : theta[i]) : 0);
        fired[i] = (uint8_t)s;
    }
    row_t *restrict list = n->out.list + pixel * n->out.capacity;
    int count = first ? n->out.count[pixel] : 0;
    for (int group = 0; group < @X@; group += 8) {
        uint64_t eight;
        memcpy(&eight, fired + group, 8);
        if (eight == 0)
            continue;
        for (int i = group; i < group + 8; i++) { /* without a branch: written always, kept where it fired */
            list[count] = (row_t)(first + i);
            count += fired[i];
        }
    }
    *n->fired += (uint32_t)(count - (first ? n->out.count[pixel] : 0));
    n->out.count[pixel] = (row_t)count;
}

/* part: fire_all_@X@ */
/* A layer of neurons whose current lies in memory. */
static void fire_all_@X@(const struct neurons *n, int pixels, const int32_t *current)
{
    *n->fired = 0;
    for (int p = 0; p < pixels; p++)
        for (int first = 0; first < n->stride; first += @X@)
            fire_@X@(n, (size_t)p, first, current + (size_t)p * n->stride + first);
}

/* part: add_rows_@X@ */
/* sum += the weight rows that are listed.
 *
 * A pair of weights (h, l) is one int16, 256 h + l + 128. Adding whole pairs gives 256 sum(h) + sum(l + 128) modulo
 * 2^16; adding their upper bytes gives sum(h); the difference is sum(l + 128). Both fit for ROWS = 256 rows:
 * |sum(h)| <= 256 * 128 = 2^15, and 0 <= sum(l + 128) <= 256 * 255 < 2^16.
 */
static void add_rows_@X@(const int16_t *restrict weight, const row_t *restrict rows, int count, int32_t *restrict sum)
{
    enum { ROWS = 256, BYTES = sizeof(pairs_@X@), VECTORS = @X@ / BYTES, PAIRS = BYTES / 2 };
    while (count > 0) {
        const int n = count < ROWS ? count : ROWS;
        pairs_@X@ pairs[VECTORS] = {{0}}, high[VECTORS] = {{0}};
        for (int k = 0; k < n; k++) {
            const pairs_@X@ *row = (const pairs_@X@ *)(weight + (size_t)rows[k] * (@X@ / 2));
            for (int i = 0; i < VECTORS; i++) {
                pairs[i] += row[i];
                high[i] += row[i] >> 8;
            }
        }
        for (int i = 0; i < VECTORS; i++) {
            const upairs_@X@ low = (upairs_@X@)pairs[i] - ((upairs_@X@)high[i] << 8);
            for (int j = 0; j < PAIRS; j++) {
                sum[i * PAIRS + j] += (int32_t)low[j] - 128 * n;
                sum[@X@ / 2 + i * PAIRS + j] += high[i][j];
            }
        }
        rows += n;
        count -= n;
    }
}

/* part: convolve_@X@ */
/* A convolution of spikes. weight: [block of @X@ outputs][tap][c_in][pair]. Either `n` fires, or `sum` is added to.
 * `tile` output pixels at a time: their rows are gathered once and then read by every block, which stays in the cache.
 */
static void convolve_@X@(const struct window *g, const int16_t *weight, const int32_t *bias, const struct spikes *in,
                       row_t *restrict rows, int tile, const struct neurons *n, int32_t *sum)
{
    const int pixels = g->out_height * g->out_width, taps = g->kernel_height * g->kernel_width;
    const size_t room = (size_t)taps * in->capacity + SLACK;
    int counts[MAX_TILE];
    if (n)
        *n->fired = 0;
    for (int start = 0; start < pixels; start += tile) {
        const int end = start + tile < pixels ? start + tile : pixels;
        for (int p = start; p < end; p++)
            counts[p - start] = gather(g, in, p / g->out_width, p % g->out_width, rows + (size_t)(p - start) * room);
        for (int first = 0; first < g->out_stride; first += @X@) {
            const int16_t *block = weight + (size_t)first / 2 * taps * g->channels;
            for (int p = start; p < end; p++) {
                int32_t current[@X@];
                memcpy(current, bias + first, sizeof current);
                add_rows_@X@(block, rows + (size_t)(p - start) * room, counts[p - start], current);
                if (n)
                    fire_@X@(n, (size_t)p, first, current);
                else
                    for (int i = 0; i < @X@; i++)
                        sum[(size_t)p * g->out_stride + first + i] += current[i];
            }
        }
    }
}
