/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A real network interface: what a driver offers, and what the port of a switch that uses it
 * hands down. Frames come up by receive(), go out by ops->send().
 */
#ifndef DRIVERS_PURE_NIC_H
#define DRIVERS_PURE_NIC_H

#include "drivers/pure/host_pci.h"
#include "socle/net/vswitch.h"

enum { NICS_MAX = 8 };

struct nic;

/* A frame that has arrived, in the driver's memory until receive() returns. */
struct nic_frame {
    const uint8_t     *first;           /* its beginning: all of it, or at least NET_HEAD + NET_TAG_LEN */
    uint32_t           first_len, wire_len;
    struct net_offload off;             /* counted as received, not checked */
    /* Bytes [at, at+n) as received; false beyond the end. */
    bool             (*copy)(const struct nic_frame *f, uint32_t at, void *to, uint32_t n);
    void              *driver;
};

struct nic_ops {
    /* Lets frames in; the owner is set. */
    void          (*up)(struct nic *n);
    /* As vport_ops.deliver: NET_WAIT is followed by n->room(). */
    enum net_sent (*send)(struct nic *n, const struct net_frame *f, bool tag);
};

struct nic {
    const struct nic_ops *ops;
    void       *driver;
    const char *kind;                   /* the driver's name */
    char        at[HOST_PCI_TEXT];
    struct host_pci_addr pci;
    uint8_t     mac[6];
    uint32_t    mtu;                    /* the largest it takes; 0: it does not say */
    bool        link;
    /* Of its user, null before; without the driver's locks but receive(), a sender's. */
    void       *owner;
    bool      (*receive)(struct nic *n, const struct nic_frame *f);     /* false: dropped */
    void      (*room)(struct nic *n);
    void      (*link_changed)(struct nic *n);
    char        used_by[40];            /* "switch lan" */
    /* Frames that did not come through; the others are counted by the switch. */
    uint64_t    rx_dropped, tx_dropped, errors;
};

/* The port `uplink` of a switch that a NIC becomes. */
struct uplink {
    struct vport port;
    struct nic  *nic;
    uint64_t   (*now)(void);
};

/*
 * Joins the NIC to the switch; of *vlans the fields vlan, trunk and trunk_vlan count. Fails with a
 * reason, and nothing has changed then. Boot.
 */
MUST_CHECK hv_status uplink_join(struct uplink *u, struct nic *n, struct vswitch *sw, const struct vport_config *vlans,
                                 uint64_t (*now)(void), char why[192]);

#endif
