/* SPDX-License-Identifier: BSD-2-Clause */
/* See socle/drivers.h: disks for guests, uplinks for switches, what `devices` shows. */
#include "socle/drivers.h"

#include "drivers/drivers_priv.h"
#include "socle/cpu.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/str.h"

enum { CLASS_BRIDGE = 0x06 };

_Static_assert((int)DISK_WHY <= (int)SHELL_WHY, "reasons are handed on");

hv_status drivers_take_disk(enum config_device_kind kind, const char *name, bool writable, const char *who,
                            struct blk **out, char why[SHELL_WHY])
{
    static const char *const what[] = { "partition with PARTUUID", "disk with serial number", "disk or partition" };
    struct disk_view *v;
    hv_status s = disks_find(&drivers.disks, kind, name, &v);
    if (s == HV_NOT_FOUND)
        fmt(why, SHELL_WHY, "this machine has no %s %s, `devices` shows what there is", what[kind], name);
    else if (s)
        fmt(why, SHELL_WHY, "this machine has more than one %s %s", what[kind], name);
    else
        s = disk_claim(v, writable, who, why);
    *out = s ? NULL : &v->blk;
    return s;
}

static struct disk_view *view_of(const struct blk *b)
{
    return (struct disk_view *)((uintptr_t)b - offsetof(struct disk_view, blk));
}

void drivers_release_disk(struct blk *b, const char *who) { disk_release(view_of(b), who); }
void drivers_describe_disk(const struct blk *b, char *buf, size_t size) { disk_describe(view_of(b), buf, size); }

static bool is_uplink(const struct config_switch *c, const struct nic *n)
{
    if (c->uplink == CONFIG_UPLINK_MAC)
        return !memcmp(c->uplink_mac, n->mac, sizeof(n->mac));
    const struct config_pci_addr *a = &c->uplink_pci;
    return a->segment == n->pci.segment && a->bus == n->pci.bus &&
           (a->device << 3 | a->function) == n->pci.devfn;
}

hv_status drivers_uplink(const struct config_switch *c, struct vswitch *sw, char why[SHELL_WHY])
{
    for (uint32_t i = 0; i < drivers.nics; i++) {
        struct nic *n = &drivers.net[i]->nic;
        if (!is_uplink(c, n))
            continue;
        struct uplink *u = host_object(sizeof(*u));
        if (!u) {
            fmt(why, SHELL_WHY, "out of memory");
            return HV_NOMEM;
        }
        struct vport_config vlans = { .vlan = c->uplink_vlan, .trunk = c->uplink_trunk };
        memcpy(vlans.trunk_vlan, c->uplink_trunk_vlan, sizeof(vlans.trunk_vlan));
        return uplink_join(u, n, sw, &vlans, cpu_now, why);
    }
    fmt(why, SHELL_WHY, "this machine has no such NIC with a driver, `devices` shows what there is");
    return HV_NOT_FOUND;
}

static void function_row(const struct host_pci_function *f, struct device_row *r)
{
    const char *needs = host_pci_would_need(f);
    const struct nic *n = f->driver;
    host_pci_text(f->at, r->at);
    host_pci_what(f, r->what, sizeof(r->what));
    if (f->driver_name)
        fmt(r->driver, sizeof(r->driver), "%s", f->driver_name);
    else if (f->why_none[0])
        fmt(r->driver, sizeof(r->driver), "%s", f->why_none);
    else if (needs)
        fmt(r->driver, sizeof(r->driver), "none: needs %s", needs);
    else if (f->class_code >> 16 != CLASS_BRIDGE)      /* which need none */
        fmt(r->driver, sizeof(r->driver), "none");
    fmt(r->owner, sizeof(r->owner), "%s", n && n->used_by[0] ? n->used_by : f->driver_name ? "socle" : "-");
}

static void view_row(const struct disk_view *v, struct device_row *r)
{
    char size[DISK_SIZE_TEXT];
    disk_size_text(v->blk.sectors, size);
    r->below = true;
    fmt(r->at, sizeof(r->at), "%s", v->name);
    if (v->number)
        fmt(r->what, sizeof(r->what), "partition, %s, PARTUUID=%s", size, v->partuuid);
    else
        fmt(r->what, sizeof(r->what), "disk, %s%s%s%s", size, v->blk.readonly ? ", read-only" : "",
            v->blk.serial[0] ? ", serial:" : "", v->blk.serial);
    fmt(r->driver, sizeof(r->driver), "%s", v->disk->kind);
    disk_owners(v, r->owner, sizeof(r->owner));
}

size_t drivers_rows(size_t first, struct device_row *rows, size_t max)
{
    size_t n = 0, skip = first;
    for (uint32_t i = 0; drivers.pci && i < drivers.pci->count && n < max; i++)
        if (skip)
            skip--;
        else
            function_row(&drivers.pci->fn[i], &rows[n++]);
    for (uint32_t i = 0; i < drivers.disks.count; i++)
        for (uint32_t k = 0; k < drivers.disks.disk[i]->views && n < max; k++)
            if (skip)
                skip--;
            else
                view_row(&drivers.disks.disk[i]->view[k], &rows[n++]);
    return n;
}

static bool written(const struct disk *d)
{
    for (uint32_t i = 0; i < d->views; i++)
        if (d->view[i].blk.writes)
            return true;
    return false;
}

void drivers_flush(void)
{
    for (uint32_t i = 0; i < drivers.disks.count; i++) {
        struct disk *d = drivers.disks.disk[i];
        if (d->view[0].blk.volatile_cache && written(d) && !d->ops->flush(d))
            log_error("disk %s: what was written last may be lost: it does not answer to a flush", d->view[0].name);
    }
}
