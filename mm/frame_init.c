/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start of the frame allocator: from the map of physical ranges to blocks and frames.
 * Runs once at boot on one CPU. The records go to the end of the highest RAM that the
 * window shows and that is large enough, so that low memory stays free for who needs
 * it. The work is linear in blocks plus ranges.
 */
#include "frame_priv.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

/* Records may take this part of the RAM they are for: 1/64. */
enum { RECORDS_SHARE = 64 };

/* What a stretch of physical memory is to the allocator. */
enum use { USE_NONE, USE_FREE, USE_HV };

struct stretch { uint64_t start, end; enum use use; };

/* Where the records lie, and where in them the next page for a split block is. */
struct layout { uint64_t base, size, top, next_page; };

/* Whatever is not plainly RAM is left alone: ACPI tables too, as they are read later. */
static enum use use_of(enum mem_kind kind)
{
    switch (kind) {
    case MEM_RAM:
        return USE_FREE;
    case MEM_BOOT:
    case MEM_HYPERVISOR:
        return USE_HV;
    case MEM_ACPI:
    case MEM_RESERVED:
    case MEM_NVS:
    case MEM_BAD:
    case MEM_KINDS:
        break;
    }
    return USE_NONE;
}

/* The stretch that begins at `at`, the records' own memory taken into account. */
static struct stretch stretch_at(const struct memmap *map, const struct layout *l, uint64_t at)
{
    struct stretch s = { at, l->top, USE_NONE };
    const struct mem_range *r = memmap_find(map, at);

    if (r) {
        s.end = r->base + r->len;
        s.use = use_of(r->kind);
    } else {
        for (uint32_t i = map->count; i > 0 && map->range[i - 1].base > at; i--)
            s.end = map->range[i - 1].base;
    }
    if (range_inside(at, 1, l->base, l->size)) {
        s.end = l->base + l->size;
        s.use = USE_HV;
    } else if (at < l->base && l->base < s.end) {
        s.end = l->base;
    }
    s.end = min_u64(s.end, l->top);
    return s;
}

static uint64_t fixed_size(uint64_t top)
{
    uint64_t blocks = (top + BLOCK_SIZE - 1) >> BLOCK_SHIFT;
    uint64_t gigas = (blocks + FRAME_GIGA - 1) / FRAME_GIGA;

    return align_up(blocks * sizeof(struct frame_block) + gigas * sizeof(struct frame_giga) +
                    FRAME_OWNERS * sizeof(struct frame_owner), PAGE_SIZE);
}

/* End of the RAM to be used: without the part that would need too many records. */
static uint64_t choose_top(const struct memmap *map)
{
    uint64_t ram = 0, top = 0;

    for (uint32_t i = 0; i < map->count && map->range[i].base < RAM_LIMIT; i++) {
        const struct mem_range *r = &map->range[i];
        uint64_t end = min_u64(r->base + r->len, RAM_LIMIT);
        if (use_of(r->kind) == USE_NONE)
            continue;
        /* Each range is judged together with all RAM below it. */
        ram += end - r->base;
        if ((end >> BLOCK_SHIFT) * sizeof(struct frame_block) <= ram / RECORDS_SHARE + PAGE_SIZE)
            top = end;
    }
    return top;
}

/* What choose_top() left out, for the log. */
static uint64_t frames_above(const struct memmap *map, uint64_t top)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        uint64_t from = max_u64(map->range[i].base, top);
        uint64_t end = map->range[i].base + map->range[i].len;
        if (use_of(map->range[i].kind) != USE_NONE && from < end)
            n += (end - from) >> PAGE_SHIFT;
    }
    return n;
}

/* Blocks that a range begins or ends inside of, plus both ends of the records. */
static uint64_t count_partial(const struct memmap *map, uint64_t top)
{
    uint64_t n = 2, last = UINT64_MAX;

    for (uint32_t i = 0; i < map->count && map->range[i].base < top; i++) {
        uint64_t edge[2] = { map->range[i].base, map->range[i].base + map->range[i].len };
        for (unsigned e = 0; e < 2; e++) {
            if (is_aligned(edge[e], BLOCK_SIZE) || edge[e] >> BLOCK_SHIFT == last)
                continue;
            /* Ranges are sorted, so one remembered block avoids counting any twice. */
            last = edge[e] >> BLOCK_SHIFT;
            n++;
        }
    }
    return n;
}

/* At the end of the highest range that has room below `reach`. */
static hv_status place_records(const struct memmap *map, uint64_t reach, struct layout *l)
{
    for (uint32_t i = map->count; i > 0; i--) {
        const struct mem_range *r = &map->range[i - 1];
        uint64_t end = min_u64(min_u64(r->base + r->len, l->top), align_down(reach, PAGE_SIZE));
        if (r->kind != MEM_RAM || end <= r->base || end - r->base < l->size)
            continue;
        l->base = end - l->size;
        return HV_OK;
    }
    return HV_NOMEM;
}

static void set_whole(struct frames *f, uint32_t block, enum use use)
{
    f->block[block] = (struct frame_block){ .next = NIL, .prev = NIL };
    if (use == USE_FREE)
        block_push_free(f, block, false);
    if (use == USE_HV)
        block_own(f, block, OWNER_HV, FRAME_HYPERVISOR);
}

/* A stretch inside one block, which is split when the first such stretch is seen. */
static void set_part(struct frames *f, struct layout *l, const struct stretch *s)
{
    uint32_t block = (uint32_t)(s->start >> BLOCK_SHIFT);

    if (f->block[block].state != STATE_SPLIT) {
        hv_assert(l->next_page < l->base + l->size);
        split_begin(f, block, l->next_page);
        l->next_page += PAGE_SIZE;
    }
    for (uint64_t at = s->start; s->use != USE_NONE && at < s->end; at += PAGE_SIZE)
        split_set(f, (uint32_t)(at >> PAGE_SHIFT), s->use == USE_HV, OWNER_HV, FRAME_HYPERVISOR);
}

/* Whole blocks in one go each, so that a large machine starts quickly. */
static void take_stretch(struct frames *f, struct layout *l, const struct stretch *s)
{
    for (uint64_t at = s->start, end; at < s->end; at = end) {
        end = min_u64(s->end, align_down(at, BLOCK_SIZE) + BLOCK_SIZE);
        if (end - at == BLOCK_SIZE)
            set_whole(f, (uint32_t)(at >> BLOCK_SHIFT), s->use);
        else
            set_part(f, l, &(struct stretch){ at, end, s->use });
    }
    if (s->use != USE_NONE)
        f->total += (s->end - s->start) >> PAGE_SHIFT;
}

static void place_arrays(struct frames *f, struct layout *l)
{
    uint8_t *p = f->window + l->base;

    f->blocks = (uint32_t)((l->top + BLOCK_SIZE - 1) >> BLOCK_SHIFT);
    f->gigas = (f->blocks + FRAME_GIGA - 1) / FRAME_GIGA;
    f->block = (struct frame_block *)(void *)p;
    f->owner = (struct frame_owner *)(void *)(f->block + f->blocks);
    f->giga = (struct frame_giga *)(void *)(f->owner + FRAME_OWNERS);
    /* All zero is STATE_NONE: blocks in holes need no further work. */
    memset(p, 0, fixed_size(l->top));
    l->next_page = l->base + fixed_size(l->top);
    f->records = l->size >> PAGE_SHIFT;
}

hv_status frame_init(struct frames *f, const struct memmap *map, uint8_t *window, uint64_t reach)
{
    struct layout l = { 0 };

    *f = (struct frames){ .window = window, .reach = reach };
    l.top = choose_top(map);
    f->ignored = frames_above(map, l.top);
    l.size = fixed_size(l.top) + count_partial(map, l.top) * PAGE_SIZE;
    hv_status s = l.top ? place_records(map, reach, &l) : HV_NOMEM;
    if (s)
        return s;
    place_arrays(f, &l);
    block_lists_init(f);
    for (uint64_t at = 0; at < l.top;) {
        struct stretch piece = stretch_at(map, &l, at);
        take_stretch(f, &l, &piece);
        at = piece.end;
    }
    return HV_OK;
}

void frame_set_reach(struct frames *f, uint64_t reach)
{
    spin_lock(&f->lock);
    f->reach = reach;
    spin_unlock(&f->lock);
}
