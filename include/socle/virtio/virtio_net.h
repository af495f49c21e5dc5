/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network device (virtio 1.2, 5.1) on a port of a virtual switch: one receive, one transmit
 * and one control queue. A frame goes from the sender's memory into the receiver's in one copy,
 * on the sender's CPU, under the locks of the sender's transmit and the receiver's receive queue.
 *
 * Locking: the transport's v->lock and the queues' as in socle/virtio/virtio.h; d->tx belongs to
 * the transmit queue's lock, d->rx to the receive queue's. d->conf.lock guards the rest that
 * changes; it comes after v->lock and the control queue's, before the switch's. The control
 * queue's lock comes before the receive queue's.
 */
#ifndef SOCLE_VIRTIO_VIRTIO_NET_H
#define SOCLE_VIRTIO_VIRTIO_NET_H

#include "socle/bucket.h"
#include "socle/net/vswitch.h"
#include "socle/virtio/virtio.h"

enum { VIRTIO_NET_RXQ, VIRTIO_NET_TXQ, VIRTIO_NET_CTRLQ, VIRTIO_NET_QUEUES };

/* 5.1.3: what this device can offer. */
#define VIRTIO_NET_F_CSUM                   BIT64(0)
#define VIRTIO_NET_F_GUEST_CSUM             BIT64(1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS    BIT64(2)
#define VIRTIO_NET_F_MTU                    BIT64(3)
#define VIRTIO_NET_F_MAC                    BIT64(5)
#define VIRTIO_NET_F_GUEST_TSO4             BIT64(7)
#define VIRTIO_NET_F_GUEST_TSO6             BIT64(8)
#define VIRTIO_NET_F_GUEST_ECN              BIT64(9)
#define VIRTIO_NET_F_HOST_TSO4              BIT64(11)
#define VIRTIO_NET_F_HOST_TSO6              BIT64(12)
#define VIRTIO_NET_F_HOST_ECN               BIT64(13)
#define VIRTIO_NET_F_MRG_RXBUF              BIT64(15)
#define VIRTIO_NET_F_STATUS                 BIT64(16)
#define VIRTIO_NET_F_CTRL_VQ                BIT64(17)
#define VIRTIO_NET_F_CTRL_RX                BIT64(18)
#define VIRTIO_NET_F_CTRL_VLAN              BIT64(19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA          BIT64(20)
#define VIRTIO_NET_F_GUEST_ANNOUNCE         BIT64(21)
#define VIRTIO_NET_F_CTRL_MAC_ADDR          BIT64(23)
#define VIRTIO_NET_F_SPEED_DUPLEX           BIT64(63)

enum { VIRTIO_NET_S_LINK_UP = 1, VIRTIO_NET_S_ANNOUNCE = 2 };  /* 5.1.4: status */

enum {
    VIRTIO_NET_HDR      = 12,           /* bytes of struct virtio_net_hdr before each frame, 5.1.6 */
    VIRTIO_NET_MACS     = 64,           /* addresses of each kind that the receive filter holds */
};

struct virtio_net_config {
    struct vswitch     *sw;
    struct vport_config port;           /* mtu 0: the switch's */
    uint64_t            rate, rate_in;  /* bytes/s that the guest sends and receives; 0: no limit */
    const char         *name;           /* for log lines, such as "net 0" */
    /* Time for vswitch_send(): one for all ports, ns. Null: the VM's own. */
    uint64_t          (*clock)(void);
};

/* What the driver asked to receive (5.1.6.5.1 to 5.1.6.5.3). Addresses: 48 bits, first byte lowest. */
struct virtio_net_filter {
    uint64_t mac;
    bool     on, vlan_on;               /* as negotiated; else everything passes */
    bool     promisc, allmulti, alluni, nomulti, nouni, nobcast;
    bool     uni_over, multi_over;      /* more addresses than the table holds: all pass */
    uint8_t  unis, multis;
    uint64_t uni[VIRTIO_NET_MACS], multi[VIRTIO_NET_MACS];
    uint64_t vlan[VSWITCH_VLAN_WORDS];
};

struct virtio_net_tx {
    struct virtq_chain  chain;          /* the frame on its way */
    struct net_frame    frame;
    uint32_t            prefix;         /* bytes of the chain before frame byte 0: header, tag */
    struct virtq_cursor at;             /* where body() reads on ... */
    uint32_t            at_byte;        /* ... which is this byte of the chain */
    bool                fault;          /* the chain names what is no memory */
    struct bucket       rate;
    uint64_t            now;            /* VM time of this run */
    struct alarm        alarm;
    uint64_t            malformed;      /* frames dropped before they reached the switch */
};

struct virtio_net_used { uint16_t head; uint32_t len; };

struct virtio_net_rx {
    bool                     up;        /* driver ready and link up */
    bool                     waiting;   /* answered NET_WAIT for lack of buffers */
    uint64_t                 offloads;  /* VIRTIO_NET_F_GUEST_* that the driver takes now */
    struct virtio_net_filter filter;
    struct virtq_chain       all, one;  /* the buffers of a frame as one; one more of them */
    uint32_t                 used;      /* requests taken for the frame being delivered */
    struct virtio_net_used   use[VIRTQ_SIZE_MAX];
    struct bucket            rate;
    struct alarm             alarm;
    uint64_t                 filtered, small;   /* dropped: not asked for; larger than the buffers */
    uint8_t                  buf[NET_MTU_MAX + 64];     /* for net_frame_finish() */
};

struct virtio_net {
    struct virtio            v;
    struct virtio_net_config c;
    const struct dev_env    *env;
    struct vport             port;
    struct dev_work          work;      /* frames and commands that wait */
    struct {
        struct spinlock lock;
        uint8_t         mac[6];         /* as the driver reads it */
        uint16_t        status;         /* VIRTIO_NET_S_* */
        bool            started;        /* DRIVER_OK */
    } conf;
    struct virtio_net_tx     tx;
    struct virtq_chain       command;   /* under the control queue's lock */
    struct virtio_net_rx     rx;
};

/*
 * Makes the device, whose PCI function d->v.pci the caller adds to the bus, and its port on the
 * switch; fails as vswitch_add() does. VM set-up.
 */
MUST_CHECK hv_status virtio_net_init(struct virtio_net *d, const struct virtio_net_config *c,
                                     const struct dev_env *env);
/* Pulls or plugs the cable. It is in at first. Without locks. */
void virtio_net_set_link(struct virtio_net *d, bool up);

/* Transport and device; nothing is ever under way while the VM stands still. */
void virtio_net_save(const struct virtio_net *d, struct state_out *o);
/* HV_INVALID: unchanged. Link and queues go on from where they were. */
MUST_CHECK hv_status virtio_net_load(struct virtio_net *d, struct state_in *in);

#endif
