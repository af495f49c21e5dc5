/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device towards its driver: features, configuration, start and reset, link
 * (virtio 1.2, 5.1). Called by the transport; frames and commands are in the files beside.
 */
#include "socle/virtio/virtio_net.h"

#include "vmm/virtio/virtio_net_priv.h"

enum { QUEUE_SIZE = 256, SPEED_MBIT = 10000, DUPLEX_FULL = 1 };

#define CLASS_ETHERNET  0x020000u       /* PCI Code and ID Assignment, 1.3 */

#define FEATURES (VIRTIO_NET_F_CSUM | VIRTIO_NET_GUEST_OFFLOADS | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | \
                  VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | \
                  VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | \
                  VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_RX_EXTRA | \
                  VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_SPEED_DUPLEX)

/* 5.1.4: device configuration, up to the last field that the features above name. */
struct net_config {
    uint8_t  mac[6];
    uint16_t status, max_pairs, mtu;
    uint32_t speed;                     /* Mbit/s */
    uint8_t  duplex;
} PACKED;
_Static_assert(sizeof(struct net_config) == 17, "virtio 1.2, 5.1.4");

static struct virtio_net *device(struct virtio *v) { return container_of(v, struct virtio_net, v); }

/* ---- configuration -------------------------------------------------------------- */

static void config_read(struct virtio *v, unsigned offset, void *buf, unsigned n)
{
    struct virtio_net *d = device(v);
    struct net_config c = { .max_pairs = 1, .mtu = (uint16_t)d->c.port.mtu,
                            .speed = SPEED_MBIT, .duplex = DUPLEX_FULL };
    spin_lock(&d->conf.lock);
    memcpy(c.mac, d->conf.mac, sizeof(c.mac));
    c.status = d->conf.status;
    spin_unlock(&d->conf.lock);
    memcpy(buf, (const uint8_t *)&c + offset, n);
}

/* 5.1.3.1: features that need another, of which any will do. */
static bool features_ok(struct virtio *v)
{
    static const struct { uint64_t feature, needs; } rule[] = {
        { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM },
        { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
        { VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
        { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },
        { VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
        { VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
        { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
        { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rule); i++)
        if (virtio_has(v, rule[i].feature) && !virtio_has(v, rule[i].needs))
            return false;
    return true;
}

/* ---- link ----------------------------------------------------------------------- */

void virtio_net_port_link(struct virtio_net *d)
{
    vport_link(&d->port, d->conf.started && (d->conf.status & VIRTIO_NET_S_LINK_UP));
}

/* Frames pass from now on, or no longer: neither into the guest's memory nor out of it. */
static void set_up(struct virtio_net *d, bool up)
{
    struct virtq *q = &d->v.q[VIRTIO_NET_RXQ];
    spin_lock(&q->lock);
    d->rx.up = up;
    spin_unlock(&q->lock);
}

void virtio_net_set_link(struct virtio_net *d, bool up)
{
    spin_lock(&d->conf.lock);
    bool changed = up != !!(d->conf.status & VIRTIO_NET_S_LINK_UP);
    if (changed) {
        d->conf.status = up ? VIRTIO_NET_S_LINK_UP : 0;
        if (up && virtio_has(&d->v, VIRTIO_NET_F_GUEST_ANNOUNCE))
            d->conf.status |= VIRTIO_NET_S_ANNOUNCE;
        set_up(d, up && d->conf.started);
        virtio_net_port_link(d);
    }
    spin_unlock(&d->conf.lock);
    if (changed)
        virtio_config_changed(&d->v);
}

/* ---- start and reset ------------------------------------------------------------ */

static void init_rx(struct virtio_net *d, uint64_t features)
{
    struct virtq *q = &d->v.q[VIRTIO_NET_RXQ];
    spin_lock(&q->lock);
    virtio_net_rx_init(d, features);
    if (virtio_ready(&d->v, VIRTIO_NET_RXQ))
        virtq_notify_disable(q);
    spin_unlock(&q->lock);
}

static void set_started(struct virtio_net *d, bool started)
{
    spin_lock(&d->conf.lock);
    d->conf.started = started;
    d->conf.status &= VIRTIO_NET_S_LINK_UP;
    memcpy(d->conf.mac, d->c.port.mac, sizeof(d->conf.mac));
    set_up(d, started && d->conf.status);
    virtio_net_port_link(d);
    spin_unlock(&d->conf.lock);
}

static void start(struct virtio *v)
{
    struct virtio_net *d = device(v);
    init_rx(d, v->features);
    set_started(d, true);
    dev_defer(d->env, &d->work);        /* what is in the queues already */
}

static bool reset(struct virtio *v)
{
    struct virtio_net *d = device(v);
    set_started(d, false);
    init_rx(d, 0);
    dev_alarm(d->env, &d->tx.alarm, ALARM_NEVER);
    dev_alarm(d->env, &d->rx.alarm, ALARM_NEVER);
    return true;
}

/* Nothing is kept of a queue between two calls, so it can go at once. */
static bool queue_reset(struct virtio *v, unsigned n)
{
    if (n == VIRTIO_NET_RXQ)
        virtio_net_rx_notify(device(v));        /* senders that wait: drop instead */
    return true;
}

/* ---- work ----------------------------------------------------------------------- */

static bool step(void *owner)
{
    bool more = virtio_net_ctrl_run(owner);
    return virtio_net_tx_run(owner) || more;
}

static void notify(struct virtio *v, unsigned n)
{
    struct virtio_net *d = device(v);
    bool more = false;
    switch (n) {
    case VIRTIO_NET_RXQ:
        virtio_net_rx_notify(d);
        break;
    case VIRTIO_NET_TXQ:
        more = virtio_net_tx_run(d);
        break;
    case VIRTIO_NET_CTRLQ:
        more = virtio_net_ctrl_run(d);
        break;
    }
    if (more)
        dev_defer(d->env, &d->work);
}

/* A receiver has room again, or the rate limit lets the next frame pass. */
static void resume(struct vport *p)
{
    struct virtio_net *d = p->owner;
    dev_defer(d->env, &d->work);
}

static void tx_alarm(void *owner, uint64_t now)
{
    struct virtio_net *d = owner;
    dev_defer(d->env, &d->work);
}

static void rx_alarm(void *owner, uint64_t now)
{
    struct virtio_net *d = owner;
    vport_room(&d->port);
}

static void limit(struct bucket *b, uint64_t rate, uint64_t now)
{
    bucket_init(b, rate, max_u64(rate / NET_BURSTS_PER_S, NET_BURST_MIN), now);
}

hv_status virtio_net_init(struct virtio_net *d, const struct virtio_net_config *c, const struct dev_env *env)
{
    static const struct virtio_ops ops = {
        .notify = notify, .config_read = config_read, .features_ok = features_ok,
        .start = start, .reset = reset, .queue_reset = queue_reset,
    };
    static const struct vport_ops port_ops = { virtio_net_deliver, resume };
    const struct virtio_config v = {
        VIRTIO_ID_NET, CLASS_ETHERNET, FEATURES, VIRTIO_NET_QUEUES, sizeof(struct net_config), &ops, env, c->name,
    };
    memset(d, 0, sizeof(*d));
    d->c = *c;
    d->env = env;
    if (!d->c.port.mtu)
        d->c.port.mtu = vswitch_mtu(c->sw);
    d->work = (struct dev_work){ .step = step, .owner = d };
    alarm_init(&d->tx.alarm, tx_alarm, d);
    alarm_init(&d->rx.alarm, rx_alarm, d);
    limit(&d->tx.rate, c->rate, dev_now(env));
    limit(&d->rx.rate, c->rate_in, dev_now(env));
    memcpy(d->conf.mac, c->port.mac, sizeof(d->conf.mac));
    d->conf.status = VIRTIO_NET_S_LINK_UP;
    virtio_net_rx_init(d, 0);
    virtio_init(&d->v, &v, QUEUE_SIZE);
    return vswitch_add(c->sw, &d->port, &d->c.port, &port_ops, d);
}
