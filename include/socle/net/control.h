/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch's control interface: flows say where frames go. The built-in learning switch is
 * its first user, by the structs; a controller outside speaks the same in messages of bytes,
 * which docs/switch.md describes. At most one controller; the data plane never waits for it.
 */
#ifndef SOCLE_NET_CONTROL_H
#define SOCLE_NET_CONTROL_H

#include "socle/net/vswitch.h"

enum {
    FLOW_EXACT_MAX = 4096,      /* flows that match {VLAN, destination}, found by a hash */
    FLOW_WILD_MAX  = 64,        /* all others, looked through in the order of priority */
    FLOW_OUTPUTS   = 8,
};

enum flow_field {               /* what a flow matches; fields not named match anything */
    FLOW_IN_PORT = 1, FLOW_VLAN = 2, FLOW_DST = 4, FLOW_SRC = 8, FLOW_TYPE = 16,
    FLOW_FIELDS = 31,
};

struct flow_match {
    uint16_t fields;            /* enum flow_field; what is not named is 0 */
    uint16_t in_port, vlan;     /* vlan 0: frames of no VLAN */
    uint16_t type;              /* EtherType */
    uint64_t dst, src;          /* as mac_load() gives them */
};

/*
 * Output to ports, or to each port of the frame's VLAN; also or instead a PACKET_IN to the
 * controller; nothing: drop. Never to the port a frame came from, nor out of its VLAN.
 */
enum { FLOW_FLOOD = 1, FLOW_TO_CONTROLLER = 2, FLOW_ACTIONS = 3 };
struct flow_actions {
    uint8_t  flags, outputs;    /* ports listed; the rest of them 0 */
    uint16_t port[FLOW_OUTPUTS];
};

enum {
    FLOW_NOTIFY = 1,            /* say so (FLOW_REMOVED) when it goes */
    FLOW_AGE_BY_SOURCE = 2,     /* the idle time is that of frames *from* its destination; exact flows only */
    FLOW_FLAGS = 3,
};
struct flow_spec {
    struct flow_match   match;
    uint16_t            priority;       /* the highest wins; an exact flow wins a tie */
    uint16_t            flags;
    uint16_t            idle_s, hard_s; /* seconds until it goes; 0: never */
    struct flow_actions actions;
    uint64_t            cookie;         /* the controller's own */
};

struct flow_info {
    struct flow_spec spec;
    bool             built_in;          /* by the learning switch */
    uint64_t         packets, bytes, age_ns, idle_ns;
};

/* ---- by structs; each takes sw->lock ---- */

/*
 * Adds a flow or replaces the one with this match (wild flows: and this priority). INVALID: see
 * the members; EXISTS: an exact flow of higher priority has this match; NOMEM: the table is full.
 */
MUST_CHECK hv_status control_flow_add(struct vswitch *sw, const struct flow_spec *spec, uint64_t now);
/* Changes actions, timeouts, flags, priority (of an exact flow) and cookie, keeps the counters. */
MUST_CHECK hv_status control_flow_modify(struct vswitch *sw, const struct flow_spec *spec, uint64_t now);
/* Removes the flow of this match and priority. */
MUST_CHECK hv_status control_flow_delete(struct vswitch *sw, const struct flow_match *match, uint16_t priority);
/* Removes all flows that match no frame that `match` does not; how many. A bit at a time, not under one lock. */
uint32_t control_flow_delete_all(struct vswitch *sw, const struct flow_match *match);
/* The first flow at *index or after it, and the index after that. False: none left. Start with 0. */
MUST_CHECK bool control_flow_next(struct vswitch *sw, uint32_t *index, uint64_t now, struct flow_info *info);

/* ---- by messages ---- */

enum {
    CONTROL_VERSION = 1,
    CONTROL_MESSAGE_MAX = 2048, /* bytes, in both directions */
};
/*
 * Handles one whole message, `in`, that nobody else can change any more. Writes the reply to
 * `out`, CONTROL_MESSAGE_MAX bytes, and returns its length, 0: none. Any bytes are safe.
 */
size_t control_message(struct vswitch *sw, const void *in, size_t len, void *out, uint64_t now);
/* Takes the next event into `out`, CONTROL_MESSAGE_MAX bytes; its length, 0: none. */
size_t control_event(struct vswitch *sw, void *out);
/* Is there an event? Cheap, no lock. */
bool control_pending(const struct vswitch *sw);
/* The transport says that the controller has gone: the fail mode of its HELLO begins. */
void control_gone(struct vswitch *sw);

#endif
