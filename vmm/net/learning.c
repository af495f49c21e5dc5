/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The learning switch (IEEE 802.1D-2004, 7.8): the built-in user of the control interface. It
 * hears of frames that no flow knows, and of stations new at a port that may have many, and
 * answers with flows. It runs within vswitch_send(), so the first frame is not late.
 *
 * Ports of one address are not learnt from what they send: theirs is known, and frames for it
 * never go to anybody else.
 */
#include "vmm/net/vswitch_priv.h"

enum { AGEING_S = 300, PRIORITY = 0 };  /* 802.1Q-2018, table 8-6: recommended ageing time */

static struct flow_spec flow_to(const struct vport *p, uint64_t mac, uint32_t vlan)
{
    return (struct flow_spec){
        .match = { .fields = FLOW_VLAN | FLOW_DST, .vlan = (uint16_t)vlan, .dst = mac },
        .priority = PRIORITY,
        .actions = { .outputs = 1, .port = { (uint16_t)p->number } },
    };
}

/* The caller knows that it is no port's own address. Where there is no room, frames are flooded. */
void learning_source(struct vport *from, uint64_t src, uint32_t vlan, uint64_t now)
{
    struct flow_spec spec = flow_to(from, src, vlan);
    spec.flags = FLOW_AGE_BY_SOURCE;
    spec.idle_s = AGEING_S;
    (void)!flow_add(from->sw, &spec, (uint16_t)from->number, now);
}

/* An address of a port that is down is nowhere else. */
bool learning_miss(struct vport *from, const struct net_frame *f, uint64_t now, struct flow_actions *a)
{
    uint64_t dst = frame_dst(f);
    struct vport *own = dst & MAC_GROUP ? NULL : port_own(from->sw, dst, f->vlan);
    if (!own) {
        *a = (struct flow_actions){ .flags = FLOW_FLOOD };
        return true;
    }
    if (!own->up)
        return false;
    struct flow_spec spec = flow_to(own, dst, f->vlan);
    (void)!flow_add(from->sw, &spec, (uint16_t)own->number, now);
    *a = spec.actions;
    return true;
}
