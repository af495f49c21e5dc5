/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Versioned records, in which every vCPU and device saves and loads its state.
 * A record is {u32 id, u16 version, u16 zero, u32 length} and `length` bytes, all
 * little endian. Readers are safe on hostile input: every getter checks bounds and
 * marks the reader bad instead of reading outside.
 */
#ifndef SOCLE_STATE_H
#define SOCLE_STATE_H

#include "socle/status.h"
#include "socle/types.h"

#define STATE_ID(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

struct state_out {
    uint8_t *buf;
    size_t   cap, len;          /* len may pass cap: the size that would be needed */
    size_t   record;            /* offset of the open record's header */
};

struct state_in {
    const uint8_t *buf;
    size_t   len, pos;
    size_t   end;               /* end of the open record */
    bool     bad;               /* a getter ran past the record, or a header was wrong */
};

void state_begin(struct state_out *o, uint32_t id, uint16_t version);
void state_put_bytes(struct state_out *o, const void *p, size_t n);
void state_put_u8 (struct state_out *o, uint8_t v);
void state_put_u16(struct state_out *o, uint16_t v);
void state_put_u32(struct state_out *o, uint32_t v);
void state_put_u64(struct state_out *o, uint64_t v);
void state_end(struct state_out *o);

/* Opens the next record, which must have this id and a version from 1 to max_version. */
MUST_CHECK hv_status state_open(struct state_in *in, uint32_t id, uint16_t max_version,
                                uint16_t *version);
void     state_get_bytes(struct state_in *in, void *p, size_t n);
uint8_t  state_get_u8 (struct state_in *in);
uint16_t state_get_u16(struct state_in *in);
uint32_t state_get_u32(struct state_in *in);
uint64_t state_get_u64(struct state_in *in);
/* HV_INVALID when any getter went wrong or bytes of the record are left over. */
MUST_CHECK hv_status state_close(struct state_in *in);

#endif
