/* SPDX-License-Identifier: BSD-2-Clause */
/* See socle/drivers.h: which driver takes which function, and their work from the CPU's loop. */
#include "socle/drivers.h"

#include "drivers/drivers_priv.h"
#include "drivers/vdev_pci.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/str.h"

struct drivers drivers;

/* ---- disks ---- */

static bool read_blocks(void *ctx, uint64_t block, void *buf, uint32_t n)
{
    struct disk *d = ctx;
    return d->ops->read(d, block * (d->logical / BLK_SECTOR), buf, n);
}

/* Buffer and table are pages of their own: the device writes there. */
static void read_partitions(struct disk *d)
{
    struct partition_table *t = host_object(sizeof(*t));
    uint8_t *buf = host_pages(1);
    struct partition_source s = { d, read_blocks, d->logical, d->view[0].blk.sectors / (d->logical / BLK_SECTOR) };
    if (t && buf) {
        bool ok = partition_read(&s, buf, t);
        struct disk_view *views = host_object((t->count + 1) * sizeof(*views));
        if (ok && views)
            disk_set_partitions(d, views, t);
        if (t->note[0])
            log_warn("disk %s: %s", d->view[0].name, t->note);
        if (t->dropped)
            log_warn("disk %s: %u partitions more than the %u that are used", d->view[0].name, t->dropped,
                     PARTITIONS_MAX);
    }
    host_object_free(t, sizeof(*t));
    host_pages_free(buf, 1);
}

static void say_disk(const struct disk *d)
{
    char size[DISK_SIZE_TEXT], parts[32] = "no partitions";
    const struct disk_view *v = &d->view[0];
    if (d->views > 1)
        fmt(parts, sizeof(parts), "%u partition%s", d->views - 1, d->views > 2 ? "s" : "");
    log_info("disk %s: %s, %s%s%s%s, %s", v->name, d->model, disk_size_text(v->blk.sectors, size),
             v->blk.serial[0] ? ", serial " : "", v->blk.serial, v->blk.readonly ? ", read-only" : "", parts);
}

static const char *start_blk(struct host_pci_function *f)
{
    char name[DISK_NAME];
    if (drivers.disks.count == DISKS_MAX)
        return "too many disks";
    struct vblk *b = host_object(sizeof(*b));
    if (!b)
        return "out of memory";
    fmt(name, sizeof(name), "vd%c", 'a' + (int)drivers.disks.count);
    const char *why = vdev_pci_open(f, &b->dev);
    why = why ? why : vblk_start(b, name);
    if (why)
        return why;
    if (!disks_add(&drivers.disks, &b->disk))
        return "too many disks";
    f->driver_name = "virtio-blk";
    drivers.blk[drivers.blks++] = b;
    read_partitions(&b->disk);
    say_disk(&b->disk);
    return NULL;
}

/* ---- network ---- */

static bool alloc_pages(struct vnet *v)
{
    for (unsigned i = 0; i < VNET_PAGES; i++) {
        v->rx_page[i] = host_pages(1);
        v->tx_page[i] = host_pages(1);
        if (!v->rx_page[i] || !v->tx_page[i])
            return false;
    }
    return true;
}

static const char *start_net(struct host_pci_function *f)
{
    if (drivers.nics == NICS_MAX)
        return "too many NICs";
    struct vnet *v = host_object(sizeof(*v));
    if (!v || !alloc_pages(v))
        return "out of memory";
    const char *why = vdev_pci_open(f, &v->dev);
    why = why ? why : vnet_start(v);
    if (why)
        return why;
    const uint8_t *m = v->nic.mac;
    v->nic.pci = f->at;
    f->driver_name = "virtio-net";
    f->driver = &v->nic;
    drivers.net[drivers.nics++] = v;
    log_info("nic %s: %s, %02x:%02x:%02x:%02x:%02x:%02x%s", v->nic.at, v->nic.kind, m[0], m[1], m[2], m[3], m[4],
             m[5], v->nic.link ? "" : ", link down");
    return NULL;
}

/* ---- start-up ---- */

static void start_virtio(struct host_pci_function *f)
{
    unsigned type = vdev_pci_type(f);
    const char *why = type == VIRTIO_TYPE_BLK ? start_blk(f) : type == VIRTIO_TYPE_NET ? start_net(f) : NULL;
    if (type != VIRTIO_TYPE_BLK && type != VIRTIO_TYPE_NET)
        return;
    f->owner = HOST_PCI_HOST;
    if (!why)
        return;
    char at[HOST_PCI_TEXT];
    host_pci_stop_dma(f);
    log_warn("%s %s: not used: %s", type == VIRTIO_TYPE_BLK ? "virtio disk" : "virtio NIC", host_pci_text(f->at, at),
             why);
    fmt(f->why_none, sizeof(f->why_none), "none: %s", why);
}

void drivers_init(const struct host_acpi *acpi)
{
    drivers.pci = pci_find_all(acpi);
    if (!drivers.pci)
        return;
    log_debug("PCI: %u functions", drivers.pci->count);
    for (uint32_t i = 0; i < drivers.pci->count; i++)
        start_virtio(&drivers.pci->fn[i]);
}

/* ---- work ---- */

void drivers_serve(void)
{
    for (uint32_t i = 0; i < drivers.blks; i++) {
        struct vblk *b = drivers.blk[i];
        if (b->dev.interrupted || b->dev.changed) {
            b->dev.interrupted = false;
            vblk_serve(b);
        }
    }
    for (uint32_t i = 0; i < drivers.nics; i++) {
        struct vnet *v = drivers.net[i];
        if (!v->dev.interrupted && !v->dev.changed)
            continue;
        v->dev.interrupted = false;
        if (vnet_serve(v)) {
            v->dev.interrupted = true;
            v->dev.wake();
        }
    }
}

uint64_t drivers_next(void)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < drivers.blks; i++)
        due = min_u64(due, drivers.blk[i]->due);
    for (uint32_t i = 0; i < drivers.nics; i++)
        due = min_u64(due, drivers.net[i]->due);
    return due;
}

uint64_t drivers_tick(uint64_t now)
{
    for (uint32_t i = 0; i < drivers.blks; i++)
        vblk_tick(drivers.blk[i], now);
    for (uint32_t i = 0; i < drivers.nics; i++)
        vnet_tick(drivers.net[i], now);
    return drivers_next();
}
