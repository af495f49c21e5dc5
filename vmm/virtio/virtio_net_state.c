/* SPDX-License-Identifier: BSD-2-Clause */
/* Saves and loads a network device: what the driver set by commands, then the transport's record. */
#include "vmm/virtio/virtio_net_priv.h"

#define STATE_NET   STATE_ID('V', 'N', 'E', 'T')

enum { MODES = 8 };

struct saved {
    uint8_t                  mac[6];
    uint16_t                 status;
    uint64_t                 offloads;
    struct virtio_net_filter filter;
};

static void modes(struct virtio_net_filter *f, bool *mode[MODES])
{
    bool *all[MODES] = { &f->promisc, &f->allmulti, &f->alluni, &f->nomulti, &f->nouni, &f->nobcast,
                         &f->uni_over, &f->multi_over };
    memcpy(mode, all, sizeof(all));
}

static void put_macs(struct state_out *o, const uint64_t *mac, unsigned n)
{
    state_put_u8(o, (uint8_t)n);
    for (unsigned i = 0; i < n; i++)
        state_put_bytes(o, &mac[i], 6);
}

static bool get_macs(struct state_in *in, uint64_t *mac, uint8_t *n, bool multicast)
{
    *n = state_get_u8(in);
    if (*n > VIRTIO_NET_MACS)
        return false;
    bool good = true;
    for (unsigned i = 0; i < *n; i++) {
        mac[i] = 0;
        state_get_bytes(in, &mac[i], 6);
        good &= !!(mac[i] & MAC_GROUP) == multicast;
    }
    return good;
}

void virtio_net_save(const struct virtio_net *d, struct state_out *o)
{
    struct virtio_net_filter f = d->rx.filter;
    bool *mode[MODES];
    uint8_t bits = 0;
    modes(&f, mode);
    for (unsigned i = 0; i < MODES; i++)
        bits |= (uint8_t)(*mode[i] << i);

    state_begin(o, STATE_NET, 1);
    state_put_bytes(o, d->conf.mac, sizeof(d->conf.mac));
    state_put_u16(o, d->conf.status);
    state_put_u64(o, d->rx.offloads);
    state_put_u8(o, bits);
    put_macs(o, f.uni, f.unis);
    put_macs(o, f.multi, f.multis);
    for (unsigned i = 0; i < VSWITCH_VLAN_WORDS; i++)
        state_put_u64(o, f.vlan[i]);
    state_end(o);
    virtio_save(&d->v, o);
}

static hv_status get_saved(const struct virtio_net *d, struct state_in *in, struct saved *s)
{
    uint16_t version;
    hv_status status = state_open(in, STATE_NET, 1, &version);
    if (status != HV_OK)
        return status;
    memset(s, 0, sizeof(*s));
    state_get_bytes(in, s->mac, sizeof(s->mac));
    s->status = state_get_u16(in);
    s->offloads = state_get_u64(in);
    bool *mode[MODES];
    uint8_t bits = state_get_u8(in);
    modes(&s->filter, mode);
    for (unsigned i = 0; i < MODES; i++)
        *mode[i] = bits >> i & 1;
    bool good = get_macs(in, s->filter.uni, &s->filter.unis, false) &&
                get_macs(in, s->filter.multi, &s->filter.multis, true);
    for (unsigned i = 0; i < VSWITCH_VLAN_WORDS; i++)
        s->filter.vlan[i] = state_get_u64(in);
    s->filter.mac = mac_load(s->mac);
    good &= !(s->offloads & ~VIRTIO_NET_GUEST_OFFLOADS) &&
            !(s->status & ~(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE)) &&
            (d->c.port.any_mac ? mac_is_station(s->filter.mac)
                               : !memcmp(s->mac, d->c.port.mac, sizeof(s->mac)));
    return state_close(in) == HV_OK && good ? HV_OK : HV_INVALID;
}

hv_status virtio_net_load(struct virtio_net *d, struct state_in *in)
{
    struct saved s;
    hv_status status = get_saved(d, in, &s);
    if (status == HV_OK)
        status = virtio_load(&d->v, in);
    if (status != HV_OK)
        return status;
    memcpy(d->conf.mac, s.mac, sizeof(s.mac));
    d->conf.status = s.status;
    d->conf.started = d->v.status & VIRTIO_DRIVER_OK;
    d->rx.offloads = s.offloads & d->v.features;
    d->rx.filter = s.filter;
    d->rx.filter.on = virtio_has(&d->v, VIRTIO_NET_F_CTRL_RX);
    d->rx.filter.vlan_on = virtio_has(&d->v, VIRTIO_NET_F_CTRL_VLAN);
    d->rx.waiting = false;
    d->rx.up = d->conf.started && (s.status & VIRTIO_NET_S_LINK_UP);
    virtio_net_port_link(d);
    dev_defer(d->env, &d->work);        /* frames and commands that waited */
    return HV_OK;
}
