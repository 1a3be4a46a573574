#ifndef SHARE_H
#define SHARE_H

#include "../../stand_in/host.h"

/* The share of one thread in a time-step. All threads call the same functions. The work of a node is divided into parts,
 * such as some rows of pixels or some channels; a thread that is free takes the next part. A thread whose core is busy
 * takes none, so that the others do not wait for it. */
struct share {
    int part;         /* that this thread evaluates; -1: none */
    int parts;        /* into which every node is divided */
    int thread, threads;
    struct work *own; /* [steps]: memory for intermediate sums of this thread */
    struct team *team;
    uint64_t phase;   /* counts the calls of wait_for_all */
};

/* The share of a thread that works alone. */
#define ALONE(work) {-1, 1, 0, 1, work, NULL, 0}

/* Part, number of parts and number of threads; constants in a program without threads. */
#ifdef THREADS
static inline int part_of(const struct share *share)
{
    return share->part;
}

static inline int parts_of(const struct share *share)
{
    return share->parts;
}

static inline int threads_of(const struct share *share)
{
    return share->threads;
}
#else
#define part_of(share) ((void)(share), 0)
#define parts_of(share) ((void)(share), 1)
#define threads_of(share) ((void)(share), 1)
#endif

/* The first of `count` rows that belong to a part; those of the last part end at that of part `parts`. */
static inline int first_of_part(int count, int part, int parts)
{
    return (int)((int64_t)count * part / parts);
}

#ifdef THREADS

#include <pthread.h>
#include <stdlib.h>

enum { MOST_PARTS = 24 }; /* bits of a ticket */

/* Threads that share the parts of every node. A thread without work polls `spins` times before it sleeps.
 *
 * ticket: a bit for each part that a thread has taken, and above them the number of the phase. A phase ends when all its
 * parts are finished. Parts of an ended phase cannot be taken. */
struct team {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* the phase, while threads sleep */
    int parts, threads, spins;
    uint64_t ticket __attribute__((aligned(64)));
    int finished; /* parts of this phase */
    int sleeping; /* threads that sleep */
};

static inline void spin(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* The number of the current phase. */
static inline uint64_t phase_of(const struct team *team)
{
    return __atomic_load_n(&team->ticket, __ATOMIC_SEQ_CST) >> MOST_PARTS;
}

/* Begin a phase; the work of the one before is finished. */
static __attribute__((unused)) void begin_phase(struct team *team, uint64_t phase)
{
    __atomic_store_n(&team->finished, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&team->ticket, phase << MOST_PARTS, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&team->sleeping, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&team->mutex); /* a thread that is about to sleep holds it until it sleeps */
        pthread_cond_broadcast(&team->changed);
        pthread_mutex_unlock(&team->mutex);
    }
}

/* Return when a phase has ended. */
static __attribute__((unused)) void await_end(struct team *team, uint64_t phase)
{
    for (int i = 0; i < team->spins; i++, spin())
        if (phase_of(team) != phase)
            return;
    pthread_mutex_lock(&team->mutex);
    __atomic_add_fetch(&team->sleeping, 1, __ATOMIC_SEQ_CST);
    while (phase_of(team) == phase)
        pthread_cond_wait(&team->changed, &team->mutex);
    __atomic_sub_fetch(&team->sleeping, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&team->mutex);
}

/* Finish the part of this thread, if any, and take another one: the first of its own that is left, whose data is in its
 * caches, or else the last one of the others. Returns whether there was one. */
static __attribute__((unused)) int take_shared_part(struct share *share)
{
    struct team *team = share->team;
    if (share->part >= 0 && __atomic_add_fetch(&team->finished, 1, __ATOMIC_ACQ_REL) == share->parts)
        begin_phase(team, share->phase + 1);
    share->part = -1;
    const int first = first_of_part(share->parts, share->thread, share->threads);
    const int end = first_of_part(share->parts, share->thread + 1, share->threads);
    const unsigned all = (1u << share->parts) - 1;
    const unsigned own = (1u << end) - (1u << first);
    uint64_t ticket = __atomic_load_n(&team->ticket, __ATOMIC_ACQUIRE);
    while (ticket >> MOST_PARTS == share->phase) {
        const unsigned left = ~(unsigned)ticket & all;
        if (!left)
            return 0;
        const int part = left & own ? __builtin_ctz(left & own) : 31 - __builtin_clz(left);
        if (__atomic_compare_exchange_n(&team->ticket, &ticket, ticket | (uint64_t)1 << part, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            share->part = part;
            return 1;
        }
    }
    return 0;
}

/* Add to a number of spikes to which other threads may add at the same time. */
#define ADD_SHARED(number, added) __atomic_fetch_add(number, added, __ATOMIC_RELAXED)
#else
#define ADD_SHARED(number, added) (*(number) += (added))
#endif

/* Take the next part of a node: while (take_part(share)) …; wait_for_all(share). */
static inline int take_part(struct share *share)
{
#ifdef THREADS
    if (share->team)
        return take_shared_part(share);
#endif
    share->part = share->part ? 0 : -1;
    return !share->part;
}

/* Return when all parts are finished. Each thread calls this function equally often in a time-step. */
static inline void wait_for_all(struct share *share)
{
#ifdef THREADS
    if (!share->team)
        return;
    if (phase_of(share->team) == share->phase)
        await_end(share->team, share->phase);
    share->phase++;
#else
    (void)share;
#endif
}

#endif /* SHARE_H */
