/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes and reads the versioned records in which vCPUs and devices keep their
 * state (state.h). The writer never writes past its buffer but goes on counting, so
 * that a first pass with cap 0 tells the size. The reader trusts nothing it reads.
 * What a record means is its owner's business.
 */
#include "socle/state.h"

#include "socle/str.h"

enum {
    HEADER_SIZE   = 12,         /* u32 id, u16 version, u16 zero, u32 length */
    HEADER_LENGTH = 8,          /* offset of the length */
};

static void store_le(uint8_t *p, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t load_le(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static bool has_room(const struct state_out *o, size_t n)
{
    return o->len <= o->cap && n <= o->cap - o->len;
}

void state_put_bytes(struct state_out *o, const void *p, size_t n)
{
    if (n && has_room(o, n))
        memcpy(o->buf + o->len, p, n);
    o->len += n;
}

static void put_le(struct state_out *o, uint64_t v, unsigned size)
{
    uint8_t bytes[8];
    store_le(bytes, v, size);
    state_put_bytes(o, bytes, size);
}

void state_put_u8(struct state_out *o, uint8_t v) { put_le(o, v, 1); }
void state_put_u16(struct state_out *o, uint16_t v) { put_le(o, v, 2); }
void state_put_u32(struct state_out *o, uint32_t v) { put_le(o, v, 4); }
void state_put_u64(struct state_out *o, uint64_t v) { put_le(o, v, 8); }

void state_begin(struct state_out *o, uint32_t id, uint16_t version)
{
    o->record = o->len;
    state_put_u32(o, id);
    state_put_u16(o, version);
    state_put_u16(o, 0);
    state_put_u32(o, 0);        /* the length, known at state_end() */
}

void state_end(struct state_out *o)
{
    size_t length = o->len - o->record - HEADER_SIZE;
    if (o->record <= o->cap && o->cap - o->record >= HEADER_SIZE)
        store_le(o->buf + o->record + HEADER_LENGTH, length, 4);
}

/* Why a header does not fit; HV_OK when it does. */
static hv_status check_header(const uint8_t *h, uint32_t id, uint16_t max_version, size_t room)
{
    uint64_t version = load_le(h + 4, 2);

    if (load_le(h, 4) != id)
        return HV_NOT_FOUND;
    if (load_le(h + 6, 2) != 0 || load_le(h + HEADER_LENGTH, 4) > room || version == 0)
        return HV_INVALID;
    return version > max_version ? HV_UNSUPPORTED : HV_OK;
}

hv_status state_open(struct state_in *in, uint32_t id, uint16_t max_version, uint16_t *version)
{
    hv_status s = HV_INVALID;
    const uint8_t *h = in->buf + in->pos;

    *version = 0;
    if (!in->bad && in->pos <= in->len && in->len - in->pos >= HEADER_SIZE)
        s = check_header(h, id, max_version, in->len - in->pos - HEADER_SIZE);
    if (s) {
        /* Getters that follow, should a caller go on, find an empty record. */
        in->end = in->pos;
        in->bad = true;
        return s;
    }
    *version = (uint16_t)load_le(h + 4, 2);
    in->pos += HEADER_SIZE;
    in->end = in->pos + load_le(h + HEADER_LENGTH, 4);
    return HV_OK;
}

void state_get_bytes(struct state_in *in, void *p, size_t n)
{
    if (!n)
        return;
    if (in->bad || in->pos > in->end || n > in->end - in->pos) {
        in->bad = true;
        memset(p, 0, n);
        return;
    }
    memcpy(p, in->buf + in->pos, n);
    in->pos += n;
}

static uint64_t get_le(struct state_in *in, unsigned size)
{
    uint8_t bytes[8];
    state_get_bytes(in, bytes, size);
    return load_le(bytes, size);
}

uint8_t state_get_u8(struct state_in *in) { return (uint8_t)get_le(in, 1); }
uint16_t state_get_u16(struct state_in *in) { return (uint16_t)get_le(in, 2); }
uint32_t state_get_u32(struct state_in *in) { return (uint32_t)get_le(in, 4); }
uint64_t state_get_u64(struct state_in *in) { return get_le(in, 8); }

hv_status state_close(struct state_in *in)
{
    if (in->bad || in->pos != in->end) {
        in->bad = true;
        return HV_INVALID;
    }
    return HV_OK;
}
