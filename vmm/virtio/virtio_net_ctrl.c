/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's control queue (virtio 1.2, 5.1.6.5): what the driver wants to receive,
 * its address, which offloads it takes. Each command ends with an ack byte; a request in which
 * there is no place for that is the only one that makes the device want a reset.
 */
#include "vmm/virtio/virtio_net_priv.h"

enum { ACK_OK, ACK_ERR };

enum {                                  /* class << 8 | command */
    RX_PROMISC = 0x000, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST,
    MAC_TABLE_SET = 0x100, MAC_ADDR_SET,
    VLAN_ADD = 0x200, VLAN_DEL,
    ANNOUNCE_ACK = 0x300,
    OFFLOADS_SET = 0x500,
};

/* A command's data, read front to back. */
struct command {
    struct virtio_net  *d;
    struct virtq_cursor at;
    uint64_t            left;
};

static struct virtq *ctrlq(struct virtio_net *d) { return &d->v.q[VIRTIO_NET_CTRLQ]; }

static bool get(struct command *c, void *to, size_t n)
{
    if (c->left < n || !virtq_pull(ctrlq(c->d), &c->at, to, n))
        return false;
    c->left -= n;
    return true;
}

/* The last item of a command. */
static bool get_last(struct command *c, void *to, size_t n)
{
    return c->left == n && get(c, to, n);
}

/* What receiving depends on changes under the lock of the queue that receives. */
static struct virtio_net_rx *lock_rx(struct virtio_net *d)
{
    spin_lock(&d->v.q[VIRTIO_NET_RXQ].lock);
    return &d->rx;
}

static void unlock_rx(struct virtio_net *d) { spin_unlock(&d->v.q[VIRTIO_NET_RXQ].lock); }

/* ---- 5.1.6.5.1: packet receive filtering ---------------------------------------- */

static bool set_mode(struct command *c, unsigned what)
{
    uint8_t on;
    if (!get_last(c, &on, 1) || on > 1)
        return false;
    struct virtio_net_filter *f = &lock_rx(c->d)->filter;
    bool *mode[] = { &f->promisc, &f->allmulti, &f->alluni, &f->nomulti, &f->nouni, &f->nobcast };
    *mode[what - RX_PROMISC] = on;
    unlock_rx(c->d);
    return true;
}

/* ---- 5.1.6.5.2: MAC addresses --------------------------------------------------- */

struct mac_table {
    uint8_t  count;
    bool     over;                      /* more than fit */
    uint64_t mac[VIRTIO_NET_MACS];
};

/* struct virtio_net_ctrl_mac: a count and as many addresses, of the right kind. */
static bool get_table(struct command *c, struct mac_table *t, bool multicast)
{
    uint32_t entries;
    uint8_t mac[6];
    t->count = 0;
    if (!get(c, &entries, sizeof(entries)) || entries > c->left / sizeof(mac))
        return false;
    t->over = entries > VIRTIO_NET_MACS;
    if (t->over) {
        uint64_t bytes = entries * (uint64_t)sizeof(mac);
        c->left -= bytes;
        return virtq_skip(&c->at, bytes);
    }
    while (t->count < entries) {
        if (!get(c, mac, sizeof(mac)))
            return false;
        t->mac[t->count] = mac_load(mac);
        if (!!(t->mac[t->count++] & MAC_GROUP) != multicast)
            return false;
    }
    return true;
}

static bool set_tables(struct command *c)
{
    struct mac_table uni, multi;
    if (!get_table(c, &uni, false) || !get_table(c, &multi, true) || c->left)
        return false;
    struct virtio_net_filter *f = &lock_rx(c->d)->filter;
    f->unis = uni.count;
    f->uni_over = uni.over;
    memcpy(f->uni, uni.mac, uni.count * sizeof(f->uni[0]));
    f->multis = multi.count;
    f->multi_over = multi.over;
    memcpy(f->multi, multi.mac, multi.count * sizeof(f->multi[0]));
    unlock_rx(c->d);
    return true;
}

/* Only what the switch would let it send from, else the guest would cut itself off. */
static bool set_address(struct command *c)
{
    struct virtio_net *d = c->d;
    uint8_t mac[6];
    if (!get_last(c, mac, sizeof(mac)))
        return false;
    uint64_t value = mac_load(mac);
    bool own = value == mac_load(d->c.port.mac);
    if (!mac_is_station(value) || !(own || d->c.port.any_mac))
        return false;
    spin_lock(&d->conf.lock);
    memcpy(d->conf.mac, mac, sizeof(mac));
    spin_unlock(&d->conf.lock);
    lock_rx(d)->filter.mac = value;
    unlock_rx(d);
    return true;
}

/* ---- 5.1.6.5.3 to 5.1.6.5.8 ----------------------------------------------------- */

static bool set_vlan(struct command *c, bool add)
{
    uint16_t vid;
    if (!get_last(c, &vid, sizeof(vid)) || vid > VLAN_MAX)
        return false;
    uint64_t *word = &lock_rx(c->d)->filter.vlan[vid / 64];
    *word = add ? *word | BIT64(vid % 64) : *word & ~BIT64(vid % 64);
    unlock_rx(c->d);
    return true;
}

static bool ack_announce(struct command *c)
{
    if (c->left)
        return false;
    spin_lock(&c->d->conf.lock);
    c->d->conf.status &= (uint16_t)~VIRTIO_NET_S_ANNOUNCE;
    spin_unlock(&c->d->conf.lock);
    return true;
}

static bool set_offloads(struct command *c)
{
    uint64_t offloads;
    if (!get_last(c, &offloads, sizeof(offloads)) || (offloads & ~(c->d->v.features & VIRTIO_NET_GUEST_OFFLOADS)))
        return false;
    lock_rx(c->d)->offloads = offloads;
    unlock_rx(c->d);
    return true;
}

/* ---- commands ------------------------------------------------------------------- */

/* The feature that a command needs; 0: there is no such command. */
static uint64_t needs(unsigned what)
{
    switch (what) {
    case RX_PROMISC:
    case RX_ALLMULTI:
    case MAC_TABLE_SET: return VIRTIO_NET_F_CTRL_RX;
    case RX_ALLUNI:
    case RX_NOMULTI:
    case RX_NOUNI:
    case RX_NOBCAST:    return VIRTIO_NET_F_CTRL_RX_EXTRA;
    case MAC_ADDR_SET:  return VIRTIO_NET_F_CTRL_MAC_ADDR;
    case VLAN_ADD:
    case VLAN_DEL:      return VIRTIO_NET_F_CTRL_VLAN;
    case ANNOUNCE_ACK:  return VIRTIO_NET_F_GUEST_ANNOUNCE;
    case OFFLOADS_SET:  return VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
    default:            return 0;
    }
}

static bool execute(struct virtio_net *d)
{
    struct command c = { d, virtq_out(&d->command), d->command.out_len };
    uint8_t head[2];
    if (!get(&c, head, sizeof(head)))
        return false;
    unsigned what = (unsigned)head[0] << 8 | head[1];
    if (!virtio_has(&d->v, needs(what)))
        return false;
    switch (what) {
    case MAC_TABLE_SET: return set_tables(&c);
    case MAC_ADDR_SET:  return set_address(&c);
    case VLAN_ADD:
    case VLAN_DEL:      return set_vlan(&c, what == VLAN_ADD);
    case ANNOUNCE_ACK:  return ack_announce(&c);
    case OFFLOADS_SET:  return set_offloads(&c);
    default:            return set_mode(&c, what);
    }
}

/* Executes d->command and writes its ack; false: that has no place. */
static bool serve(struct virtio_net *d)
{
    struct virtq_cursor k = virtq_in(&d->command);
    uint8_t ack = execute(d) ? ACK_OK : ACK_ERR;
    return virtq_push(ctrlq(d), &k, &ack, 1);
}

/* Serves what there is; true: more than the budget allows. */
static bool serve_all(struct virtio_net *d, unsigned *budget)
{
    struct virtq *q = ctrlq(d);
    while (*budget) {
        switch (virtq_take(q, &d->command)) {
        case VIRTQ_EMPTY:
            return false;
        case VIRTQ_BROKEN:
            virtio_broken(&d->v, q->broken);
            return false;
        case VIRTQ_GOT:
            break;
        }
        if (!serve(d)) {
            virtio_broken(&d->v, "a control command has no place for its status");
            return false;
        }
        virtq_put(q, d->command.head, 1);
        *budget -= 1;
    }
    return true;
}

static bool run(struct virtio_net *d)
{
    struct virtq *q = ctrlq(d);
    unsigned budget = NET_RUN_COMMANDS;
    for (;;) {
        bool more = serve_all(d, &budget);
        if (budget < NET_RUN_COMMANDS && virtq_publish(q))
            virtio_interrupt(&d->v, q);
        if (more || !virtio_ready(&d->v, VIRTIO_NET_CTRLQ) || !virtq_notify_enable(q))
            return more;
    }
}

bool virtio_net_ctrl_run(struct virtio_net *d)
{
    spin_lock(&ctrlq(d)->lock);
    bool more = virtio_ready(&d->v, VIRTIO_NET_CTRLQ) && virtio_has(&d->v, VIRTIO_NET_F_CTRL_VQ) && run(d);
    spin_unlock(&ctrlq(d)->lock);
    return more;
}
