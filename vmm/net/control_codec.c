/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows between their wire format and struct flow_spec. Values are checked where they are used. */
#include "vmm/net/control_priv.h"

bool flow_decode(const struct control_flow *from, struct flow_spec *to)
{
    *to = (struct flow_spec){
        .match = { .fields = from->fields, .in_port = from->in_port, .vlan = from->vlan, .type = from->ethertype,
                   .dst = mac_load(from->dst), .src = mac_load(from->src) },
        .priority = from->priority, .flags = from->flags, .idle_s = from->idle_s, .hard_s = from->hard_s,
        .actions = { .flags = from->action_flags, .outputs = from->outputs },
        .cookie = from->cookie,
    };
    for (unsigned i = 0; i < FLOW_OUTPUTS; i++)
        to->actions.port[i] = from->port[i];
    return !from->zero;
}

void flow_encode(const struct flow_spec *from, struct control_flow *to)
{
    const struct flow_match *m = &from->match;
    *to = (struct control_flow){
        .fields = m->fields, .in_port = m->in_port, .vlan = m->vlan, .ethertype = m->type,
        .priority = from->priority, .flags = from->flags, .idle_s = from->idle_s, .hard_s = from->hard_s,
        .action_flags = from->actions.flags, .outputs = from->actions.outputs, .cookie = from->cookie,
    };
    mac_store(to->dst, m->dst);
    mac_store(to->src, m->src);
    for (unsigned i = 0; i < FLOW_OUTPUTS; i++)
        to->port[i] = from->actions.port[i];
}

uint16_t port_flags(const struct vport *p)
{
    return (uint16_t)((p->up ? CONTROL_PORT_UP : 0) | (p->c.uplink ? CONTROL_PORT_UPLINK : 0) |
                      (p->c.any_mac ? CONTROL_PORT_ANY_MAC : 0) | (p->c.trunk ? CONTROL_PORT_TRUNK : 0) |
                      (p->c.mirror ? CONTROL_PORT_MIRROR : 0) | (p->full ? CONTROL_PORT_FULL : 0));
}
