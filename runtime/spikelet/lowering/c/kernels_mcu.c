/* Kernels of the microcontroller form. `spikelet.lowering.c.kernels` takes the parts that a network needs; @T@ stands
 * for the type of a weight.
 */

/* part: window */
struct window {                       /* a convolution; a linear layer is one whose kernel covers its input */
    int height, width, channels;      /* input */
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int out_height, out_width, out_channels, groups;
};

/* part: values */
struct values {                       /* what a node reads: one of these three is there */
    const uint8_t *spikes;            /* bits, channels last; a pixel begins with a byte of its own */
    const int32_t *dense;             /* channels last */
    const model_pixel *image;         /* channel first; its `mean` is still to be taken off */
    const int32_t *mean;
    int height, width, channels;
    int pool_height, pool_width, pool_y, pool_x; /* summed over windows of this size and stride on the way; or 1 */
};

/* part: value_at */
/* One value, after the pool. */
static int32_t value_at(const struct values *in, int y, int x, int c)
{
    int32_t sum = 0;
    for (int py = 0; py < in->pool_height; py++)
        for (int px = 0; px < in->pool_width; px++) {
            const size_t pixel = (size_t)(y * in->pool_y + py) * in->width + x * in->pool_x + px;
            if (in->spikes)
                sum += in->spikes[pixel * ((in->channels + 7) / 8) + c / 8] >> c % 8 & 1;
            else if (in->dense)
                sum += in->dense[pixel * in->channels + c];
            else
                sum += in->image[(size_t)c * in->height * in->width + pixel] - in->mean[c];
        }
    return sum;
}

/* part: shifted */
/* floor(v / 2^k), also where the language leaves the shift of a negative number open. */
static int32_t shifted(int32_t v, int32_t k)
{
    return v >= 0 ? v >> k : ~(~v >> k);
}

/* part: leak */
static void leak(int pixels, int channels, const int32_t *decay, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++, v++)
            *v -= shifted(*v, decay[c]);
}

/* part: fire */
/* Spikes of a layer whose potentials hold their current; returns how many. strict: above theta, not at it. */
static uint32_t fire(int pixels, int channels, const int32_t *theta, int strict, int zero, int32_t *v, uint8_t *spikes)
{
    uint32_t fired = 0;
    for (int p = 0; p < pixels; p++, spikes += (channels + 7) / 8) {
        memset(spikes, 0, (size_t)((channels + 7) / 8));
        for (int c = 0; c < channels; c++, v++)
            if (*v >= theta[c] + strict) {
                *v = zero ? 0 : *v - theta[c];
                spikes[c / 8] |= (uint8_t)(1u << c % 8);
                fired++;
            }
    }
    return fired;
}

/* part: add */
/* sum += scale * x, channel by channel; scale NULL: sum += x. */
static void add(int height, int width, const struct values *in, const int32_t *scale, int32_t *sum)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < in->channels; c++)
                *sum++ += (scale ? scale[c] : 1) * value_at(in, y, x, c);
}

/* part: flatten */
/* Channels last to channel first: what a flattened image looks like to anything but a linear layer. */
static void flatten(int height, int width, const struct values *in, int32_t *out)
{
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                *out++ += value_at(in, y, x, c);
}

/* part: convolve_@T@ */
/* sum += bias + w * x, of any input. weight: [tap][c_in][c_out of a group]. */
static void convolve_@T@(const struct window *g, const @T@_t *weight, const int32_t *bias, const struct values *in,
                           int32_t *sum)
{
    const int outputs = g->out_channels / g->groups, inputs = g->channels / g->groups;
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels) {
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += bias[i];
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y - g->padding_y + ky, column = x * g->stride_x - g->padding_x + kx;
                    if (row < 0 || row >= g->height || column < 0 || column >= g->width)
                        continue;
                    for (int c = 0; c < g->channels; c++) {
                        const int32_t value = value_at(in, row, column, c);
                        const @T@_t *w = weight + ((size_t)(ky * g->kernel_width + kx) * g->channels + c) * outputs;
                        int32_t *to = sum + (size_t)(c / inputs) * outputs;
                        if (value)
                            for (int i = 0; i < outputs; i++)
                                to[i] += value * w[i];
                    }
                }
        }
}

/* part: add_rows */
/* sum += the weight rows that begin at the words listed.
 *
 * A word holds the weights of four outputs, each plus 128, the first one lowest. Its bytes are added two by two, each
 * with 16 bits to grow into: 255 * ROWS < 2^16. The 128 are taken off at the end.
 */
static void add_rows(const uint32_t *weight, int words, int outputs, const uint32_t *rows, int count, int32_t *sum)
{
    const int32_t bias = 128 * count;
    for (int word = 0; word < words; word++, sum += 4) {
        const uint32_t *column = weight + word;
        uint32_t even = 0, odd = 0;
        for (int k = 0; k < count; k++) {
            const uint32_t four = column[rows[k]];
            even += four & 0x00ff00ffu;
            odd += four >> 8 & 0x00ff00ffu;
        }
        const int left = outputs - 4 * word;
        sum[0] += (int32_t)(even & 0xffff) - bias;
        if (left > 1)
            sum[1] += (int32_t)(odd & 0xffff) - bias;
        if (left > 2)
            sum[2] += (int32_t)(even >> 16) - bias;
        if (left > 3)
            sum[3] += (int32_t)(odd >> 16) - bias;
    }
}

/* part: convolve_spikes */
/* sum += bias + w * x, where x are spikes. weight: [tap][c_in][word of four outputs]. */
static void convolve_spikes(const struct window *g, const uint32_t *weight, const int32_t *bias,
                            const struct values *in, int32_t *sum)
{
    enum { ROWS = 256 };
    const int words = (g->out_channels + 3) / 4, bytes = (in->channels + 7) / 8;
    uint32_t rows[ROWS];
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels) {
            int count = 0;
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += bias[i];
            for (int tap = 0; tap < g->kernel_height * g->kernel_width; tap++) {
                const int row = y * g->stride_y - g->padding_y + tap / g->kernel_width;
                const int column = x * g->stride_x - g->padding_x + tap % g->kernel_width;
                if (row < 0 || row >= g->height || column < 0 || column >= g->width)
                    continue;
                for (int pool = 0; pool < in->pool_height * in->pool_width; pool++) {
                    const int py = row * in->pool_y + pool / in->pool_width;
                    const int px = column * in->pool_x + pool % in->pool_width;
                    const uint8_t *bits = in->spikes + ((size_t)py * in->width + px) * bytes;
                    for (int byte = 0; byte < bytes; byte++) {
                        const int first = tap * g->channels + 8 * byte;
                        if (count > ROWS - 8) {
                            add_rows(weight, words, g->out_channels, rows, count, sum);
                            count = 0;
                        }
                        for (unsigned left = bits[byte], c = 0; left; left >>= 1, c++)
                            if (left & 1)
                                rows[count++] = (uint32_t)(first + (int)c) * (uint32_t)words;
                    }
                }
            }
            add_rows(weight, words, g->out_channels, rows, count, sum);
        }
}

/* part: start */
/* v[0] of every neuron of a layer. */
static void start(int pixels, int channels, const int32_t *v_init, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        memcpy(v + (size_t)p * channels, v_init, (size_t)channels * sizeof *v);
}
