/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the control interface share beyond the switch itself. */
#ifndef VMM_NET_CONTROL_PRIV_H
#define VMM_NET_CONTROL_PRIV_H

#include "socle/net/control_wire.h"
#include "vmm/net/vswitch_priv.h"

static inline struct control_header control_head(unsigned type, size_t length, uint32_t xid)
{
    return (struct control_header){ .version = CONTROL_VERSION, .type = (uint8_t)type,
                                    .length = (uint16_t)length, .xid = xid };
}

/* control_codec.c. False: what must be zero is not. */
MUST_CHECK bool flow_decode(const struct control_flow *from, struct flow_spec *to);
void flow_encode(const struct flow_spec *from, struct control_flow *to);
uint16_t port_flags(const struct vport *p);

#endif
