/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the virtio-net driver. Section numbers: virtio 1.2. */
#ifndef DRIVERS_PURE_VNET_PRIV_H
#define DRIVERS_PURE_VNET_PRIV_H

#include "drivers/pure/vnet.h"

#define F_CSUM          BIT64(0)        /* 5.1.3 */
#define F_GUEST_CSUM    BIT64(1)
#define F_MTU           BIT64(3)
#define F_MAC           BIT64(5)
#define F_GUEST_TSO4    BIT64(7)
#define F_GUEST_TSO6    BIT64(8)
#define F_GUEST_ECN     BIT64(9)
#define F_HOST_TSO4     BIT64(11)
#define F_HOST_TSO6     BIT64(12)
#define F_HOST_ECN      BIT64(13)
#define F_MRG_RXBUF     BIT64(15)
#define F_STATUS        BIT64(16)

/* vnet_tx.c. With tx_lock: after the queue was set up; what has been sent. */
void vnet_tx_reset(struct vnet *v);
void vnet_tx_reclaim(struct vnet *v);
/* Without locks: what an interrupt means for sending. */
void vnet_tx_serve(struct vnet *v);
enum net_sent vnet_send(struct nic *n, const struct net_frame *f, bool tag);

/* vnet_rx.c. With rx_lock: all pages to the device. True: there is more. */
void vnet_rx_fill(struct vnet *v);
bool vnet_rx_serve(struct vnet *v);

#endif
