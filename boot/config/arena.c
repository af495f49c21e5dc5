/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bump allocator over one buffer of the caller. Everything a configuration holds lives
 * as long as the configuration, so nothing needs to be freed singly. Called by the TOML
 * reader and the schema pass; running out is an ordinary result, never a stop.
 */
#include "socle/bits.h"
#include "socle/config.h"
#include "socle/str.h"

void arena_init(struct arena *a, void *buf, size_t size)
{
    a->base = buf;
    a->size = size;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
    /* The address is aligned, not the offset: the buffer may start anywhere. */
    const uintptr_t at = (uintptr_t)a->base + a->used;
    const size_t pad = (size_t)(-at & (align - 1));

    if (a->size - a->used < pad || a->size - a->used - pad < size)
        return NULL;
    uint8_t *piece = a->base + a->used + pad;
    a->used += pad + size;
    memset(piece, 0, size);
    return piece;
}
