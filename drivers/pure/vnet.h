/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net of the outer machine (virtio 1.2, 5.1) as a struct nic: one queue each way, buffers
 * of one page in host memory. Checksums and segmentation are left to the device where it
 * offers that. Filters of the device are not negotiated: then it passes everything on.
 *
 * Locking: rx_lock guards the receive queue and is held while a frame goes through the switch, as
 * a sender's; tx_lock guards the transmit queue, as a receiver's. rx before tx.
 */
#ifndef DRIVERS_PURE_VNET_H
#define DRIVERS_PURE_VNET_H

#include "drivers/pure/nic.h"
#include "drivers/pure/vdev.h"
#include "socle/lock.h"

enum { VNET_RX, VNET_TX, VNET_QUEUES };
enum {
    VNET_PAGES = VQ_SIZE_MAX,           /* for each direction */
    VNET_PIECES = 18,                   /* pages of the longest frame */
    VNET_RX_BUDGET = 128,               /* frames at once */
};

struct vnet_header {                    /* 5.1.6 */
    uint8_t  flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct vnet_header) == 12, "virtio_net_hdr (5.1.6)");

struct vnet_rx {                        /* a frame in its pages */
    unsigned  n;                        /* 0: none */
    uint8_t  *page[VNET_PIECES];
    uint32_t  len[VNET_PIECES];         /* of each, the header included in the first */
    uint8_t   first[NET_HEAD + NET_TAG_LEN];
    struct nic_frame frame;
};

struct vnet_tx { unsigned n; uint16_t page[VNET_PIECES]; };

enum vnet_state { VNET_READY, VNET_RESETTING, VNET_DEAD };

struct vnet {
    struct vdev dev;
    struct nic        nic;
    enum vnet_state   state;            /* changes with both locks held */
    bool              up;
    uint64_t          due;              /* ns; ~0: nothing to look after */
    uint64_t          give_up;
    /* receiving */
    struct spinlock   rx_lock;
    void             *rx_page[VNET_PAGES];
    struct vnet_rx    rx;
    /* sending */
    struct spinlock   tx_lock;
    void             *tx_page[VNET_PAGES];
    uint16_t          tx_free, tx_stack[VNET_PAGES];        /* pages that are free */
    struct vnet_tx    tx[VQ_SIZE_MAX], *tx_record[VQ_SIZE_MAX];
    uint16_t          tx_records;       /* of tx_record[]: free ones */
    uint16_t          tx_seen;          /* next_used at the last look */
    bool              tx_full;          /* somebody was answered NET_WAIT */
    uint8_t           finish[NET_MTU_MAX + 64];
};

/* Brings it up, receiving nothing yet. v: zeroed; dev and both sets of pages are set. Null, or why not. Boot. */
MUST_CHECK const char *vnet_start(struct vnet *v);
/* The device interrupted. True: there is more to do. The CPU's loop. */
bool vnet_serve(struct vnet *v);
/* As vblk_tick(). */
uint64_t vnet_tick(struct vnet *v, uint64_t now);

#endif
