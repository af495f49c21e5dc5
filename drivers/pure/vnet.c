/* SPDX-License-Identifier: BSD-2-Clause */
/* See vnet.h: bringing it up, link, what takes too long. */
#include "drivers/pure/vnet.h"

#include "drivers/pure/vnet_priv.h"
#include "socle/fmt.h"
#include "socle/log.h"

enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10, STATUS_LINK = 1 };   /* 5.1.4 */

#define LOOK_NS         5000000000ull   /* a queue without progress for so long is stuck */
#define RESET_LOOK_NS   10000000ull
#define RESET_MAX_NS    5000000000ull
#define NEVER           UINT64_MAX

static void read_link(struct vnet *v)
{
    v->nic.link = !vdev_has(&v->dev, F_STATUS) || vdev_config16(&v->dev, CONFIG_STATUS) & STATUS_LINK;
}

static void up(struct nic *n)
{
    struct vnet *v = n->driver;
    spin_lock(&v->rx_lock);
    if (v->state == VNET_READY && !v->up)
        vnet_rx_fill(v);
    v->up = true;
    spin_unlock(&v->rx_lock);
}

static const struct nic_ops ops = { up, vnet_send };

/* Features whose lack costs nothing but work. Large frames come only into several buffers. */
static const char *bring_up(struct vnet *v)
{
    struct vdev *d = &v->dev;
    uint64_t base = F_CSUM | F_MTU | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN | F_MRG_RXBUF | F_STATUS |
                    F_GUEST_CSUM;
    const char *why = vdev_negotiate(d, base | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN);
    if (!why && !vdev_has(d, F_MRG_RXBUF))
        why = vdev_negotiate(d, base);
    if (why)
        return why;
    read_link(v);
    why = vdev_start(d, VNET_QUEUES);
    if (!why)
        vnet_tx_reset(v);
    return why;
}

const char *vnet_start(struct vnet *v)
{
    struct nic *n = &v->nic;
    const char *why = bring_up(v);
    if (why)
        return why;
    if (!vdev_has(&v->dev, F_MAC))
        return "it has no MAC address";
    for (unsigned i = 0; i < 6; i++)
        n->mac[i] = vdev_config8(&v->dev, CONFIG_MAC + i);
    n->mtu = vdev_has(&v->dev, F_MTU) ? vdev_config16(&v->dev, CONFIG_MTU) : 0;
    n->ops = &ops;
    n->driver = v;
    n->kind = "virtio-net";
    fmt(n->at, sizeof(n->at), "%s", v->dev.at);
    v->due = NEVER;
    return NULL;
}

static void lock_both(struct vnet *v)
{
    spin_lock(&v->rx_lock);
    spin_lock(&v->tx_lock);
}

static void unlock_both(struct vnet *v)
{
    spin_unlock(&v->tx_lock);
    spin_unlock(&v->rx_lock);
}

static void begin_reset(struct vnet *v, const char *why)
{
    lock_both(v);
    if (v->state == VNET_READY) {
        uint64_t now = v->dev.now();
        log_error("nic %s: %s: the device is reset", v->nic.at, why);
        v->nic.errors++;
        v->state = VNET_RESETTING;
        v->give_up = now + RESET_MAX_NS;
        v->due = now;
        vdev_reset(&v->dev);
    }
    unlock_both(v);
}

static void look_at_link(struct vnet *v)
{
    bool old = v->nic.link;
    read_link(v);
    if (v->nic.link == old)
        return;
    log_info("nic %s: link %s", v->nic.at, v->nic.link ? "up" : "down");
    if (v->nic.link_changed)
        v->nic.link_changed(&v->nic);
}

bool vnet_serve(struct vnet *v)
{
    if (v->state != VNET_READY)
        return false;
    if (atomic_exchange(&v->dev.changed, false)) {
        if (vdev_needs_reset(&v->dev))
            begin_reset(v, "it asks for a reset");
        else
            look_at_link(v);
    }
    vnet_tx_serve(v);
    bool more = vnet_rx_serve(v);
    for (unsigned i = 0; i < VNET_QUEUES; i++)
        if (v->state == VNET_READY && v->dev.q[i].broken)
            begin_reset(v, v->dev.q[i].broken);
    return more;
}

static void finish_reset(struct vnet *v)
{
    bool room;
    lock_both(v);
    const char *why = bring_up(v);
    v->state = why ? VNET_DEAD : VNET_READY;
    v->due = NEVER;
    if (!why && v->up)
        vnet_rx_fill(v);
    room = v->tx_full;
    v->tx_full = false;
    unlock_both(v);
    if (why)
        log_error("nic %s: does not come back: %s", v->nic.at, why);
    else
        log_info("nic %s: works again after its reset", v->nic.at);
    if (room && v->nic.room)
        v->nic.room(&v->nic);
    if (v->nic.link_changed)
        v->nic.link_changed(&v->nic);
}

static void look_at_reset(struct vnet *v, uint64_t now)
{
    if (vdev_is_reset(&v->dev)) {
        finish_reset(v);
        return;
    }
    v->due = now + RESET_LOOK_NS;
    if (now < v->give_up)
        return;
    log_error("nic %s: the device does not reset and is given up", v->nic.at);
    lock_both(v);
    vdev_give_up(&v->dev);
    v->state = VNET_DEAD;
    v->due = NEVER;
    v->nic.link = false;
    unlock_both(v);
    if (v->nic.link_changed)
        v->nic.link_changed(&v->nic);
}

uint64_t vnet_tick(struct vnet *v, uint64_t now)
{
    struct vq *q = &v->dev.q[VNET_TX];
    if (now < v->due)
        return v->due;
    if (v->state == VNET_RESETTING) {
        look_at_reset(v, now);
        return v->due;
    }
    vnet_tx_serve(v);
    spin_lock(&v->tx_lock);
    bool stuck = v->state == VNET_READY && q->in_flight && q->next_used == v->tx_seen;
    v->tx_seen = q->next_used;
    v->due = q->in_flight ? now + LOOK_NS : NEVER;
    spin_unlock(&v->tx_lock);
    if (stuck)
        begin_reset(v, "a frame has not left for 5 s");
    return v->due;
}
