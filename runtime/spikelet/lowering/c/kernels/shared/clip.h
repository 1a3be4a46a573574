#ifndef CLIP_H
#define CLIP_H

/* The taps of a kernel of `size` at `position` that lie within [0, limit): from *first to before *end. */
static void clip(int position, int size, int limit, int *first, int *end)
{
    *first = position < 0 ? -position : 0;
    *end = position + size > limit ? limit - position : size;
    if (*end < *first) { /* the kernel lies in the padding alone */
        if (position < 0)
            *end = *first;
        else
            *first = *end;
    }
}

#endif /* CLIP_H */
