/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the network device share. */
#ifndef VIRTIO_NET_PRIV_H
#define VIRTIO_NET_PRIV_H

#include "socle/assert.h"
#include "socle/net/macaddr.h"
#include "socle/virtio/virtio_net.h"

#define VIRTIO_NET_GUEST_OFFLOADS (VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | \
                                   VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)

/* virtio 1.2, 5.1.6: precedes each frame in both directions. All little endian. */
struct virtio_net_hdr {
    uint8_t  flags, gso_type;           /* as struct net_offload */
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr) == VIRTIO_NET_HDR, "virtio 1.2, 5.1.6");

/* A bucket's burst: 20 ms worth, but no less than a frame. */
enum { NET_BURSTS_PER_S = 50, NET_BURST_MIN = 1514 };

/* What one run over a queue may do before others get their turn. */
enum { NET_RUN_FRAMES = 32, NET_RUN_BYTES = 256 << 10, NET_RUN_COMMANDS = 16 };

/* For what was sent while bucket_take(b, 0, now, ...) said that it may be. */
static inline void virtio_net_charge(struct bucket *b, uint64_t bytes, uint64_t now)
{
    uint64_t when;
    bool taken = bucket_take(b, bytes, now, &when);
    hv_assert(taken);
}

/* Serve the transmit or control queue, whose lock they take; true: there is more to do. */
bool virtio_net_tx_run(struct virtio_net *d);
bool virtio_net_ctrl_run(struct virtio_net *d);

/* The switch's way in: struct vport_ops. */
enum net_sent virtio_net_deliver(struct vport *p, const struct net_frame *f, bool tag);
/* The driver has added receive buffers. */
void virtio_net_rx_notify(struct virtio_net *d);
/* To the state after a reset, with the features agreed on (0: none yet); the receive queue's lock held. */
void virtio_net_rx_init(struct virtio_net *d, uint64_t features);

bool virtio_net_filter_pass(const struct virtio_net_filter *f, const uint8_t dst[6], uint16_t vlan);

/* Tells the port what link and driver are; d->conf.lock held. */
void virtio_net_port_link(struct virtio_net *d);

#endif
