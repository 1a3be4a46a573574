#ifndef CLIP_H
#define CLIP_H

/* The taps of a kernel of `size` at `position` that lie within [0, limit): from *first to before *end. */
static void clip(int position, int size, int limit, int *first, int *end)
{
    *first = position < 0 ? -position : 0;
    *end = position + size > limit ? limit - position : size;
    if (*end < *first) /* all of it is in the padding */
        *(position < 0 ? end : first) = position < 0 ? *first : *end;
}

#endif /* CLIP_H */
