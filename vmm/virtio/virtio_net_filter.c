/* SPDX-License-Identifier: BSD-2-Clause */
/* Does a driver want a frame, by destination and VLAN (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3)? */
#include "vmm/virtio/virtio_net_priv.h"

static bool listed(const uint64_t *mac, unsigned n, uint64_t dst)
{
    for (unsigned i = 0; i < n; i++)
        if (mac[i] == dst)
            return true;
    return false;
}

/* Where a command forbids what another allows, the prohibition counts (5.1.6.5.1.1). */
static bool wants(const struct virtio_net_filter *f, uint64_t dst)
{
    if (dst == MAC_MASK)
        return !f->nobcast;
    if (dst & MAC_GROUP)
        return !f->nomulti && (f->allmulti || f->multi_over || listed(f->multi, f->multis, dst));
    return !f->nouni && (dst == f->mac || f->alluni || f->uni_over || listed(f->uni, f->unis, dst));
}

/*
 * vlan: of the tag that the driver will see, 0 without one. Promiscuous counts for more than
 * the VLAN table, as a bridge inside the guest expects of a network card.
 */
bool virtio_net_filter_pass(const struct virtio_net_filter *f, const uint8_t dst[6], uint16_t vlan)
{
    if (!(f->on | f->vlan_on) || f->promisc)
        return true;
    if (unlikely(vlan) && f->vlan_on && !(f->vlan[vlan / 64] & BIT64(vlan % 64)))
        return false;
    return !f->on || wants(f, mac_load(dst));
}
