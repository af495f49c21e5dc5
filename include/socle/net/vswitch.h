/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual switch: ports with VLANs and filters, a flow table that says where frames go,
 * counters, mirror, storm limit. The data plane knows nothing of learning: that is the first
 * user of its control interface (socle/net/control.h). Pure; time is an argument.
 *
 * Locking: sw->lock guards tables and counters and is held for look-ups only, never while a
 * port's deliver() runs; that takes the receiving queue's lock. A sender may hold its own
 * queue's lock: sender's queue < switch < receiver's queue (docs/locking.md).
 */
#ifndef SOCLE_NET_VSWITCH_H
#define SOCLE_NET_VSWITCH_H

#include "socle/lock.h"
#include "socle/net/frame.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    VSWITCH_PORTS   = 512,      /* CONFIG_GUESTS_MAX * CONFIG_NETS_MAX */
    VSWITCH_NAME    = 40,
    VLAN_MAX        = 4094,
    VSWITCH_VLAN_WORDS = 64,
    PORT_STALL_NS   = 5000000,  /* how long a full receiver may hold up a sender */
};
_Static_assert(VSWITCH_PORTS % 64 == 0, "sets of ports are made of words");

struct vswitch;
struct vport;

enum net_sent {
    NET_SENT,
    NET_DROPPED,                /* for whatever reason; counted */
    NET_WAIT,                   /* the one receiver is full: keep it, send again at resume() */
};

struct vport_ops {
    /*
     * A frame for the port's owner, who copies it before returning; with its tag if `tag`.
     * Without sw->lock. NET_WAIT: no room now. vport_room() follows when there is.
     */
    enum net_sent (*deliver)(struct vport *p, const struct net_frame *f, bool tag);
    /* What vswitch_send() answered NET_WAIT to may be sent again. Without locks, but
     * possibly by the receiver's CPU: only note it. */
    void          (*resume)(struct vport *p);
};

struct vport_config {
    char     name[VSWITCH_NAME];        /* "web", "web.1", "uplink" */
    bool     uplink;                    /* outside: many addresses, no filter, no learning limit */
    uint8_t  mac[6];                    /* its own; uplink: the NIC's */
    bool     any_mac;                   /* may send from other addresses than its own (key `any_mac`) */
    uint16_t vlan;                      /* access port of that VLAN; trunk: VLAN of untagged frames; 0: none */
    bool     trunk;                     /* frames carry tags, of those VLANs: */
    uint64_t trunk_vlan[VSWITCH_VLAN_WORDS];
    bool     mirror;                    /* gets a copy of every frame, tagged as received; sends nothing */
    uint32_t mtu;
};

/* Counters of a port, as its guest sees them: rx is what it received. */
struct vport_count {
    uint64_t rx, rx_bytes, tx, tx_bytes;
    uint64_t rx_full;           /* dropped: no room at the receiver */
    uint64_t spoofed;           /* dropped: source address not its own */
    uint64_t vlan;              /* dropped: VLAN not allowed */
    uint64_t malformed;         /* dropped: too short or long, multicast source, bad offload */
    uint64_t storm;             /* dropped: more broadcasts than the limit */
    uint64_t no_flow;           /* dropped: no flow says where to (or a flow says drop) */
    uint64_t conflict;          /* dropped: from another port's own address; also an alarm */
    uint64_t rx_refused;        /* dropped: deliver() did not want it */
};

struct vport {
    struct vport_config     c;
    const struct vport_ops *ops;
    void                   *owner;
    struct vswitch         *sw;
    uint32_t                number;
    bool                    up;         /* link: guest running and its driver ready */
    struct vport_count      count;
    /* private to vmm/net/ */
    uint64_t                mac;        /* c.mac, as mac_load() gives it */
    uint32_t                own_next;   /* table of own addresses: number + 1 of the next */
    uint64_t                storm_at;   /* begin of the second that storm_left is for */
    uint32_t                storm_left;
    uint64_t                alarm_at;   /* last alarm about an address conflict */
    bool                    full;       /* it answered NET_WAIT, vport_room() has not come */
    bool                    held;       /* it took nothing since it was full */
    uint64_t                held_until; /* end of the time that it may hold senders up */
    uint64_t                hold_ns;    /* not held: how long it may, stall.c */
    uint32_t                room;       /* counts vport_room() */
    struct vport           *waiting, *waiting_last;     /* senders to resume */
    struct vport           *waits_for, *next_waiting, *prev_waiting;
};

/* Makes a switch. `mem`: vswitch_size() zeroed bytes. storm_limit: broadcast and unknown-destination
 * frames a second and port, 0: none. */
size_t vswitch_size(void);
struct vswitch *vswitch_init(void *mem, const char *name, uint32_t mtu, uint32_t storm_limit);
/* Keys the hash of the flow table with a number that guests cannot know. Before the first port is up. */
void vswitch_seed(struct vswitch *sw, uint64_t secret);
/* What is called when the time of vswitch_next() moves forward; under sw->lock. */
void vswitch_on_due(struct vswitch *sw, void (*on_due)(void));
const char *vswitch_name(const struct vswitch *sw);
uint32_t vswitch_mtu(const struct vswitch *sw);

/*
 * HV_EXISTS: another port has this MAC; HV_NOMEM: no port left; HV_INVALID: the MAC is no
 * station's, or a VLAN is none. The port stays for ever. Boot.
 */
MUST_CHECK hv_status vswitch_add(struct vswitch *sw, struct vport *p, const struct vport_config *c,
                                 const struct vport_ops *ops, void *owner);
struct vport *vswitch_port(struct vswitch *sw, uint32_t number);    /* null: none */
/* The port's counters at one moment. */
struct vport_count vport_counters(struct vport *p);

/* The port's link goes up or down; what was learnt about it is forgotten when down. */
void vport_link(struct vport *p, bool up);
/*
 * Sends a frame from a port: checks, look-up, delivery to one or many. NET_WAIT only for one
 * receiver that is full, for at most PORT_STALL_NS since it has been; then it drops until
 * there is room. Never to an uplink, whose frames are for many. frame: f->vlan as
 * net_frame_parse() left it (the tag's, or 0); it comes back unchanged.
 */
enum net_sent vswitch_send(struct vport *from, struct net_frame *f, bool tagged, uint64_t now);
/* There is room again at a port whose deliver() answered NET_WAIT. Without queue locks. */
void vport_room(struct vport *p);
/*
 * Time at which senders that wait must be resumed, or flows looked at, and doing it. ~0: none.
 * next: cheap, no lock. tick: without queue locks.
 */
uint64_t vswitch_next(const struct vswitch *sw);
void vswitch_tick(struct vswitch *sw, uint64_t now);

#endif
