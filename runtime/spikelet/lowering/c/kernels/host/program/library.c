#include "../../stand_in/host_program.h"
#include "copies.h"
#include "layers.h"
#include "../list_counts.h"

size_t spikelet_state_bytes(void)
{
    return sizeof(struct state);
}

size_t spikelet_work_bytes(void)
{
    return sizeof(struct work);
}

/* Set n samples to their initial potentials. states: n structs, `stride` bytes apart. */
void spikelet_reset(const struct parameters *p, char *states, size_t stride, int n)
{
    for (int i = 0; i < n; i++)
        reset(p, (struct state *)(states + i * stride));
}

/* Write the lists of a layer that stores numbers of spikes. */
static void list_layer(const struct work *w, const struct layer *layer)
{
#ifdef WITH_COUNTS
    const struct spikes lists = lists_of(w, layer, 0);
    if (layer->counts)
        list_numbers(&lists, (const uint8_t *)w + layer->counts, layer->stride, 0, lists.height);
#else
    (void)w, (void)layer; /* lists are written at once */
#endif
}

/* Count the spikes of one sample in the last window of time-steps. The counts and costs of a row of pixels stay
 * in the cache for all time-steps.
 *
 * w: [steps]. lowest: of the sample, see copies.h, changed. costs, counts: [all neurons], layer by layer, channels last,
 * then copies: synaptic operations per spike, and spikes, which are added to. operations: [steps], written: synaptic
 * operations of each time-step.
 */
static void count_spikes(const struct work *w, int steps, uint8_t *lowest, const uint32_t *costs, uint32_t *counts,
                         uint64_t *operations)
{
    memset(operations, 0, steps * sizeof *operations);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int width = layers[i].width, copies = layers[i].copies, row = width * layers[i].channels;
        uint8_t *turns = copies > 1 ? lowest + layers[i].lowest : NULL;
        for (int t = 0; t < steps; t++)
            list_layer(w + t, layers + i);
        for (int y = 0; y < layers[i].height; y++, counts += row * copies, costs += row * copies) {
            for (int t = 0; t < steps; t++)
                for (int plane = 0; plane < layers[i].planes; plane++) {
                    const struct spikes lists = lists_of(w + t, layers + i, plane);
                    const spike_t *start = lists.start + (size_t)y * (width + 1);
                    const spike_t *list = lists.list + (size_t)y * lists.capacity;
                    uint64_t cost = 0;
                    for (int k = (int)start[0]; k < (int)start[width] && copies == 1; k++) {
                        counts[list[k] / SCALE]++;
                        cost += costs[list[k] / SCALE];
                    }
                    for (int k = (int)start[0]; k < (int)start[width] && copies > 1; k++)
                        for (int spike = 0; spike < 1 << plane; spike++) {
                            const int neuron = list[k] / SCALE;
                            const int copy = neuron * copies + take_turn(turns + neuron, copies);
                            counts[copy]++;
                            cost += costs[copy];
                        }
                    operations[t] += cost;
                }
            turns += copies > 1 ? row : 0;
        }
    }
}

#ifdef THREADS

/* A call of step that threads share. Thread i uses the workspaces from w + i * steps on. */
struct call {
    const struct parameters *p;
    struct state *s;
    struct work *w;
    const model_pixel *image;
    int steps;      /* 0: the threads end */
    uint64_t phase; /* in which the call begins */
};

/* A team and its threads; the caller's thread is thread 0. */
struct workers {
    struct team team;
    struct call call; /* written and read with the team's mutex */
    int started;
    struct member {
        struct workers *workers;
        pthread_t thread;
        int number;
    } members[];
};

/* Take part in a call. Returns the phase in which it ends. */
static uint64_t step_along(struct workers *workers, const struct call *call, int thread)
{
    struct team *team = &workers->team;
    struct share share = {-1, team->parts, thread, team->threads, call->w + (size_t)thread * call->steps, team, call->phase};
    step(call->p, call->s, call->w, call->image, call->steps, &share);
    return share.phase;
}

static void *work_along(void *argument)
{
    const struct member *member = argument;
    struct workers *workers = member->workers;
    for (uint64_t phase = 0;;) {
        await_end(&workers->team, phase); /* a call begins */
        pthread_mutex_lock(&workers->team.mutex);
        const struct call call = workers->call; /* the newest one; a thread that is late misses those before it */
        pthread_mutex_unlock(&workers->team.mutex);
        if (!call.steps)
            return NULL;
        phase = step_along(workers, &call, member->number);
    }
}

/* Set the call that the threads share, and start it. */
static void begin_call(struct workers *workers, struct call *call)
{
    call->phase = phase_of(&workers->team) + 1;
    pthread_mutex_lock(&workers->team.mutex);
    workers->call = *call;
    pthread_mutex_unlock(&workers->team.mutex);
    begin_phase(&workers->team, call->phase);
}

/* End the threads and free the memory. */
void spikelet_stop_workers(void *pointer)
{
    struct workers *workers = pointer;
    begin_call(workers, &(struct call){0});
    for (int i = 0; i < workers->started; i++)
        pthread_join(workers->members[i].thread, NULL);
    pthread_cond_destroy(&workers->team.changed);
    pthread_mutex_destroy(&workers->team.mutex);
    free(workers);
}

/* Start threads - 1 threads, MOST_PARTS - 1 at most, that share the time-steps of a sample with the caller. Returns NULL
 * where this fails.
 *
 * spins: how often a thread looks for work before it sleeps.
 */
void *spikelet_start_workers(int threads, int spins)
{
    enum { PARTS = 2 }; /* of each thread, so that threads which are late or slow do not delay the others */
    threads = threads < MOST_PARTS ? threads : MOST_PARTS;
    const size_t bytes = sizeof(struct workers) + (size_t)threads * sizeof(struct member);
    struct workers *workers = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!workers)
        return NULL;
    memset(workers, 0, bytes);
    pthread_mutex_init(&workers->team.mutex, NULL);
    pthread_cond_init(&workers->team.changed, NULL);
    workers->team.threads = threads;
    workers->team.parts = threads * PARTS < MOST_PARTS ? threads * PARTS : MOST_PARTS;
    workers->team.spins = spins;
    for (int i = 0; i < threads - 1; i++) {
        workers->members[i].workers = workers;
        workers->members[i].number = i + 1;
        if (pthread_create(&workers->members[i].thread, NULL, work_along, &workers->members[i])) {
            spikelet_stop_workers(workers);
            return NULL;
        }
        workers->started++;
    }
    return workers;
}

#endif /* THREADS */

/* Run time-steps of one sample, with the workers if there are any. */
static void step_together(void *workers, const struct parameters *p, struct state *s, struct work *w, const model_pixel *image,
                          int steps)
{
#ifdef THREADS
    if (workers) {
        struct call call = {p, s, w, image, steps, 0};
        begin_call(workers, &call);
        step_along(workers, &call, 0);
        return;
    }
#endif
    (void)workers;
    struct share share = ALONE(w);
    step(p, s, w, image, steps, &share);
}

/* Run `steps` time-steps, WINDOW at most, of n samples.
 *
 * workers: what spikelet_start_workers returned, or NULL for one thread. Each thread has its own workspaces.
 * states: n structs, `stride` bytes apart. w: [threads][steps]. images: [n][PIXELS], or NULL to keep the last ones.
 * lowest: [n][LOWEST], see copies.h; needed if there is something to count and neurons have copies.
 * costs, counts: [all neurons], see count_spikes. operations: [n][steps], written; or NULL to count nothing.
 */
void spikelet_step(void *workers, const struct parameters *p, char *states, size_t stride, int n, struct work *w,
                   const model_pixel *images, int steps, uint8_t *lowest, const uint32_t *costs, uint32_t *counts,
                   uint64_t *operations)
{
    for (int i = 0; i < n; i++) {
        step_together(workers, p, (struct state *)(states + i * stride), w, images ? images + (size_t)i * PIXELS : NULL, steps);
        if (operations)
            count_spikes(w, steps, lowest ? lowest + (size_t)i * LOWEST : NULL, costs, counts, operations + (size_t)i * steps);
    }
}

/* Expand the spikes of one layer in the last time-step of `w`.
 *
 * lowest: of the sample, see copies.h. turn: 1 if this time-step was not counted; the turns of the layer are taken then.
 * out: [channels * copies][height][width], 0 or 1, written.
 */
void spikelet_spikes(const struct work *w, int layer, uint8_t *lowest, int turn, uint8_t *out)
{
    const struct layer *of = layers + layer;
    const size_t pixels = (size_t)of->height * of->width;
    memset(out, 0, pixels * of->channels * of->copies);
    list_layer(w, of);
    if (turn && of->copies > 1)
        take_turns(w, of, lowest);
    for (int plane = 0; plane < of->planes; plane++) {
        const struct spikes lists = lists_of(w, of, plane);
        for (size_t pixel = 0, y = 0; y < (size_t)of->height; y++) {
            const spike_t *start = lists.start + y * (of->width + 1), *list = lists.list + y * of->capacity;
            for (int x = 0; x < of->width; x++, pixel++)
                for (int k = (int)start[x]; k < (int)start[x + 1]; k++) {
                    const int channel = list[k] / SCALE - x * of->channels;
                    uint8_t *spikes = out + (size_t)channel * of->copies * pixels + pixel;
                    if (of->copies == 1)
                        *spikes = 1;
                    else
                        mark_copies(1 << plane, lowest[of->lowest + pixel * of->channels + channel], of->copies,
                                    spikes, pixels);
                }
        }
    }
}
