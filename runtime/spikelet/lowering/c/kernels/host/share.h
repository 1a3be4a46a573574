#ifndef SHARE_H
#define SHARE_H

#include "../stand_in/host.h"

/* The part of a time-step that one thread runs. All threads call the same functions; each evaluates some rows of pixels,
 * or some channels, of every node. */
struct share {
    int part, parts;
    struct work *own; /* [steps]: memory for intermediate sums of this thread */
    struct team *team;
};

/* Part and number of parts; constants in a program without threads. */
#ifdef THREADS
static inline int part_of(const struct share *share)
{
    return share->part;
}

static inline int parts_of(const struct share *share)
{
    return share->parts;
}
#else
#define part_of(share) ((void)(share), 0)
#define parts_of(share) ((void)(share), 1)
#endif

/* The first of `count` rows that belong to a part; those of the last part end at that of part `parts`. */
static inline int first_of_part(int count, int part, int parts)
{
    return (int)((int64_t)count * part / parts);
}

#ifdef THREADS

#include <pthread.h>
#include <stdlib.h>

/* Threads that wait for each other. A thread spins `spins` times before it sleeps. */
struct team {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    int parts, spins;
    int arrived;         /* threads that wait */
    unsigned generation; /* number of times that all have arrived */
    int sleeping;        /* threads that sleep */
};

static inline void spin(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* Return when all threads of the team have called this function. */
static __attribute__((unused)) void meet(struct team *team)
{
    const unsigned generation = __atomic_load_n(&team->generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->parts) {
        __atomic_store_n(&team->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&team->generation, generation + 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&team->sleeping, __ATOMIC_SEQ_CST)) {
            pthread_mutex_lock(&team->mutex); /* a thread that is about to sleep holds it until it sleeps */
            pthread_cond_broadcast(&team->released);
            pthread_mutex_unlock(&team->mutex);
        }
        return;
    }
    for (int i = 0; i < team->spins; i++, spin())
        if (__atomic_load_n(&team->generation, __ATOMIC_ACQUIRE) != generation)
            return;
    pthread_mutex_lock(&team->mutex);
    __atomic_add_fetch(&team->sleeping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&team->generation, __ATOMIC_SEQ_CST) == generation)
        pthread_cond_wait(&team->released, &team->mutex);
    __atomic_sub_fetch(&team->sleeping, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&team->mutex);
}

/* Add to a number of spikes to which other threads add. */
#define ADD_SHARED(number, added) __atomic_fetch_add(number, added, __ATOMIC_RELAXED)
#else
#define ADD_SHARED(number, added) (*(number) += (added))
#endif

/* Return when the threads that share the time-step have evaluated the node. */
static inline void wait_for_all(const struct share *share)
{
#ifdef THREADS
    if (parts_of(share) > 1)
        meet(share->team);
#else
    (void)share;
#endif
}

#endif /* SHARE_H */
