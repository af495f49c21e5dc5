/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the switch share. Everything here is called with sw->lock held. */
#ifndef VMM_NET_VSWITCH_PRIV_H
#define VMM_NET_VSWITCH_PRIV_H

#include "socle/net/control.h"
#include "socle/net/macaddr.h"
#include "vmm/net/wire.h"

enum {
    FLOW_BUCKETS_LOG = 13, FLOW_BUCKETS = 1 << FLOW_BUCKETS_LOG,
    FLOW_CHAIN_MAX  = 8,        /* flows in a bucket: bounds each look-up */
    FLOW_SLOTS      = 1 + FLOW_EXACT_MAX + FLOW_WILD_MAX,      /* slot 0: none */
    FLOW_WILD_FIRST = 1 + FLOW_EXACT_MAX,
    SHARE_CONTROLLER = VSWITCH_PORTS, SHARES,
    OWN_BUCKETS_LOG = 10, OWN_BUCKETS = 1 << OWN_BUCKETS_LOG,
    EVENT_BYTES = 96, EVENTS = 128,
    PACKET_BYTES = 224, PACKETS = 64, PACKETS_OF_PORT = 8,
    PORT_NONE = 0xffff,
};

#define SECOND_NS       1000000000ull
#define TIME_NEVER      (~0ull)
#define IDLE_NEVER      (~0ull >> 1)

struct port_set { uint64_t word[VSWITCH_PORTS / 64]; };

static inline void set_add(struct port_set *s, uint32_t n) { s->word[n / 64] |= 1ull << n % 64; }
static inline void set_remove(struct port_set *s, uint32_t n) { s->word[n / 64] &= ~(1ull << n % 64); }
static inline bool set_has(const struct port_set *s, uint32_t n) { return s->word[n / 64] >> n % 64 & 1; }

struct flow {
    uint64_t key;               /* exact: flow_key() */
    uint64_t packets, bytes;
    uint64_t since, used;       /* added; last frame */
    uint64_t hard_at, idle_ns;  /* TIME_NEVER, IDLE_NEVER: no such limit */
    struct flow_spec spec;
    uint32_t seq;               /* changes when the slot gets another flow */
    uint16_t next;              /* in its bucket, or the next free slot */
    uint16_t older, newer;      /* in its share */
    uint16_t share;             /* whose room it takes: a port's, or SHARE_CONTROLLER */
    bool     in_use;
};

/*
 * Room in the table of exact flows. A share may always have `sure` flows, and up to `most`
 * while nobody's sure ones need the room: so no port can crowd out another.
 */
struct flow_share {
    uint16_t count, sure, most;
    uint16_t oldest, newest;
};

struct event { uint16_t len; uint8_t bytes[EVENT_BYTES]; };
struct packet_event { uint16_t len, port; uint8_t bytes[PACKET_BYTES]; };

/* The controller, and what waits for it. */
struct control {
    bool     connected;
    bool     misses, sources;   /* it wants to hear of these */
    bool     secure;            /* without it, frames no flow knows are dropped */
    uint64_t keepalive_ns;      /* silent for longer: it has gone; 0: never */
    uint64_t heard;
    uint32_t first_event, events, first_packet, packets;
    uint32_t lost_events, lost_packets;
    uint8_t  packets_of[VSWITCH_PORTS];
    struct event        event[EVENTS];
    struct packet_event packet[PACKETS];
};

struct vswitch {
    struct spinlock  lock;
    uint32_t         mtu, storm_limit;
    uint32_t         ports;
    uint32_t         mirrors;           /* ports that are */
    struct port_set  mirror;
    struct vport    *port[VSWITCH_PORTS];
    uint16_t         own[OWN_BUCKETS];  /* number + 1 of a port by its address */
    uint64_t         seed;
    _Atomic uint64_t due;               /* min of the two below, for vswitch_next() */
    uint64_t         stall_due, sweep_due;
    void           (*on_due)(void);     /* due has moved forward */
    /* flows */
    uint32_t         timed;             /* flows with a time limit */
    uint16_t         fresh, free;       /* never used slots begin here; list of free ones */
    uint16_t         sweep_at;
    uint32_t         free_slots, sure_left;     /* free_slots >= sure_left, unless ports came late */
    uint32_t         wild_count;
    uint16_t         wild[FLOW_WILD_MAX];       /* slots, from the highest priority */
    uint16_t         bucket[FLOW_BUCKETS];
    struct flow_share share[SHARES];
    struct flow      flow[FLOW_SLOTS];
    struct control   control;
    _Atomic uint32_t pending;           /* events and packets that wait, for control_pending() */
    char             name[VSWITCH_NAME];
};

/* ---- ports: ports.c ---- */

/* Is the frame one that this port may send? Sets f->vlan. False: counted. */
bool port_accepts(struct vport *p, struct net_frame *f, bool tagged);
/* One more broadcast or unknown destination: is it within the limit? False: counted. */
bool port_storm(struct vport *p, uint64_t now);
bool port_member(const struct vport *p, uint32_t vlan);
/* May this frame leave at p, when it came from `from` (may be null)? */
bool port_may_get(const struct vport *p, const struct vport *from, const struct net_frame *f);
/* Does p get it with its tag? */
static inline bool port_tags(const struct vport *p, uint32_t vlan) { return p->c.trunk && vlan != p->c.vlan; }
/* The port with this address of its own, if it is in the VLAN, else null. */
struct vport *port_own(struct vswitch *sw, uint64_t mac, uint32_t vlan);
/* The same in any VLAN, and enters one. */
struct vport *port_of_mac(struct vswitch *sw, uint64_t mac);
void port_own_add(struct vswitch *sw, struct vport *p);

static inline uint64_t frame_dst(const struct net_frame *f) { return get_le64(f->head) & MAC_MASK; }
static inline uint64_t frame_src(const struct net_frame *f) { return get_le64(f->head + MAC_LEN) & MAC_MASK; }
/* Is its source the port's to use? Tells the learning switch of new ones. False: counted. */
bool port_source_slow(struct vport *p, const struct net_frame *f, uint64_t now);
static inline bool port_source(struct vport *p, const struct net_frame *f, uint64_t now)
{
    return likely(frame_src(f) == p->mac) || port_source_slow(p, f, now);
}
static inline uint16_t frame_type(const struct net_frame *f) { return get_be16(f->head + ETH_TYPE); }

/* ---- flows: flow.c, flow_edit.c ---- */

static inline uint64_t flow_key(uint64_t mac, uint32_t vlan) { return mac | (uint64_t)vlan << 48; }
static inline bool flow_is_exact(const struct flow_match *m) { return m->fields == (FLOW_VLAN | FLOW_DST); }
static inline bool flow_alive(const struct flow *w, uint64_t now)
{
    /* Clocks of two CPUs may be a little apart: signed. */
    return now < w->hard_at && (int64_t)(now - w->used) < (int64_t)w->idle_ns;
}
static inline uint16_t flow_slot(const struct vswitch *sw, const struct flow *w) { return (uint16_t)(w - sw->flow); }

struct flow *flow_exact(struct vswitch *sw, uint64_t key);      /* null: none; may be over its time */
struct flow *flow_wild(struct vswitch *sw, const struct flow_match *m, uint16_t priority);
/* The flow for a frame from a port, null: none. */
struct flow *flow_lookup(struct vswitch *sw, const struct vport *from, const struct net_frame *f, uint64_t now);
hv_status flow_insert(struct vswitch *sw, const struct flow_spec *spec, uint16_t share, uint64_t now);
void flow_set(struct vswitch *sw, struct flow *w, const struct flow_spec *spec, uint64_t now);
void flow_sort_wild(struct vswitch *sw);
enum { REMOVED_IDLE, REMOVED_HARD, REMOVED_DELETED, REMOVED_REPLACED };
void flow_remove(struct vswitch *sw, struct flow *w, unsigned reason);
void flow_forget(struct vswitch *sw, uint16_t share);           /* all flows of a port's share */
void flow_sweep(struct vswitch *sw, uint64_t now);              /* a part of the table, and sets sweep_due */
void flow_set_share(struct vswitch *sw, uint16_t share, uint16_t sure, uint16_t most);
/* share: who asks. */
hv_status flow_add(struct vswitch *sw, const struct flow_spec *spec, uint16_t share, uint64_t now);

/* ---- full receivers: stall.c ---- */

/* p is full: may `from` wait for it? Then from is on its list. */
bool stall_wait(struct vport *p, struct vport *from, uint64_t now);
void stall_took(struct vport *p, uint32_t bytes, uint64_t now);
void stall_leave(struct vport *from);                           /* it waits no more */
void stall_set_due(struct vswitch *sw);                         /* sw->due from its parts */

/* ---- who decides about frames that no flow knows ---- */

/* learning.c. False: to nobody. */
void learning_source(struct vport *from, uint64_t src, uint32_t vlan, uint64_t now);
bool learning_miss(struct vport *from, const struct net_frame *f, uint64_t now, struct flow_actions *a);

/* control_event.c */
enum { PACKET_MISS, PACKET_ACTION, PACKET_SOURCE };
enum { PORT_ADDED, PORT_UP, PORT_DOWN, PORT_CONFLICT };
void event_packet(struct vport *from, const struct net_frame *f, unsigned reason, uint64_t cookie);
void event_removed(struct vswitch *sw, const struct flow *w, unsigned reason);
void event_port(struct vport *p, unsigned reason, uint64_t mac);
void event_clear(struct vswitch *sw);

enum { MISS_LEARN, MISS_CONTROLLER, MISS_DROP };
unsigned control_miss_mode(struct vswitch *sw, uint64_t now);

/* vswitch.c: a frame that the controller sends; takes the lock itself. */
void vswitch_output(struct vswitch *sw, struct vport *from, const struct net_frame *f,
                    const struct flow_actions *a, uint64_t now);

#endif
