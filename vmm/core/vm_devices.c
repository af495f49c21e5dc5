/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's PCI devices, made at boot and kept: what a life of the guest leaves in them goes
 * with reset and power-off. Slots are fixed by kind, so that one more disk renames no network
 * card: cards from 2, the entropy source at 10, disks from 11 on.
 */
#include "socle/vm_devices.h"

#include "socle/bits.h"
#include "socle/cpu.h"
#include "socle/drivers.h"
#include "socle/fmt.h"
#include "socle/hostcpu.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/net/macaddr.h"
#include "socle/str.h"
#include "socle/vm.h"

enum { SLOT_NIC = 2, SLOT_RNG = SLOT_NIC + CONFIG_NETS_MAX, SLOT_DISK = SLOT_RNG + 1, SLOTS = 32 };
_Static_assert(CONFIG_DISKS_MAX <= 2 * (SLOTS - SLOT_DISK), "two disks a slot at most");

enum { DROP_BUDGET = 64 };

/* ---- disks ---- */

/* Pages of an overlay live longer than the guest's memory, hence under an owner of their own. */
#define OVERLAY_OWNERS  (FRAME_OWNERS / 2u)
_Static_assert(CONFIG_GUESTS_MAX + 0u < OVERLAY_OWNERS, "each guest has two owners");

static void *page_alloc(void *ctx)
{
    const struct vm *vm = ctx;
    const struct frame_want want = { (uint16_t)(OVERLAY_OWNERS + vm->id), FRAME_HYPERVISOR, false, 0 };
    hpa_t at;
    return frame_alloc(&host_frames, &want, &at) ? NULL : host_ram(at);
}

static void page_free(void *ctx, void *page) { frame_free(&host_frames, host_ram_address(page)); }

uint64_t vm_overlay_bytes(const struct vm *vm)
{
    return frame_owned(&host_frames, (uint16_t)(OVERLAY_OWNERS + vm->id));
}

static bool say_full(void *owner)
{
    const struct vm_disk *d = owner;
    char size[FMT_SIZE_LEN];
    if (d->out_of_memory)
        log_warn("guest %s: %s: the machine is out of memory for its overlay: writes to it fail", d->vm->name, d->name);
    else
        log_warn("guest %s: %s: its overlay is full (overlay_max, %s): writes to it fail", d->vm->name, d->name,
                 fmt_size(size, d->cfg->overlay_max));
    return false;
}

/* A queue's lock is held: the line comes later. */
static void on_full(void *owner, bool out_of_memory)
{
    struct vm_disk *d = owner;
    d->out_of_memory = out_of_memory;
    vm_defer(d->vm, &d->full);
}

static hv_status open_image(struct vm_disk *d, const struct vm_file *f, char *why)
{
    const struct blk_pages pages = { d->vm, page_alloc, page_free };
    enum blk_ram_mode mode = d->cfg->readonly ? BLK_RAM_READONLY : d->cfg->overlay ? BLK_RAM_OVERLAY : BLK_RAM_DIRECT;
    void *root = NULL;
    hv_status s = HV_OK;
    if (mode == BLK_RAM_OVERLAY) {
        root = host_object(blk_ram_root_size(f->len));
        s = root ? HV_OK : HV_NOMEM;
    }
    s = s ? s : blk_ram_init(&d->ram, mode, host_ram(f->at), f->len, &pages, d->cfg->overlay_max, root);
    if (s)
        fmt(why, VM_WHY, s == HV_INVALID ? "disk image \"%s\": its size is no multiple of 512 bytes, or 0" :
            "out of memory for disk image \"%s\"", f->name);
    d->ram.on_full = on_full;
    d->ram.on_full_owner = d;
    d->blk = &d->ram.blk;
    return s;
}

static hv_status open_disk(struct vm_disk *d, const struct vm_file *f, char *why)
{
    char text[SHELL_WHY];
    if (d->cfg->file.text)
        return open_image(d, f, why);
    hv_status s = drivers_take_disk(d->cfg->device_kind, d->cfg->device_name.text, !d->cfg->readonly, d->vm->name,
                                    &d->blk, text);
    if (s)
        fmt(why, VM_WHY, "device \"%s\": %s", d->cfg->device.text, text);
    return s;
}

static uint8_t disk_devfn(uint32_t i)
{
    uint32_t slots = SLOTS - SLOT_DISK;
    return PCI_DEVFN(SLOT_DISK + i % slots, i / slots);
}

static bool add_disk(struct vm *vm, uint32_t i, const struct vm_file *f, char *why)
{
    struct vm_disk *d = host_object(sizeof(*d));
    unsigned queues = (unsigned)min_u64(vm->vcpus, VIRTIO_QUEUES_MAX);
    struct virtio_blk_queue *q = host_object(queues * sizeof(*q));
    if (!d || !q) {
        fmt(why, VM_WHY, "out of memory for its disks");
        return false;
    }
    vm->disk[i] = d;
    d->cfg = &vm->cfg->disk[i];
    d->vm = vm;
    d->full = (struct dev_work){ .step = say_full, .owner = d };
    fmt(d->name, sizeof(d->name), "disk %u", i);
    if (open_disk(d, f, why))
        return false;
    const struct virtio_blk_config c = {
        .blk = d->blk, .queues = queues, .queue = q, .rate = d->cfg->rate, .iops = d->cfg->iops, .name = d->name,
        .readonly = d->cfg->readonly, .serial = d->cfg->serial.text,
    };
    virtio_blk_init(&d->dev, &c, &vm->pc->env);
    return pci_add(&vm->pc->pci, disk_devfn(i), &d->dev.v.pci) == HV_OK;
}

/* ---- network cards ---- */

static void describe_port(struct vm *vm, const struct config_net *c, uint32_t i, struct vport_config *p)
{
    *p = (struct vport_config){ .any_mac = c->any_mac, .vlan = c->vlan, .trunk = c->trunk, .mirror = c->mirror };
    fmt(p->name, sizeof(p->name), i ? "%s.%u" : "%s", vm->name, i);
    memcpy(p->trunk_vlan, c->trunk_vlan, sizeof(p->trunk_vlan));
    if (c->has_mac)
        memcpy(p->mac, c->mac, sizeof(p->mac));
    else
        mac_default(p->mac, host_cpu()->uuid, vm->name, i);
}

static bool add_nic(struct vm *vm, uint32_t i, char *why)
{
    const struct config_net *c = &vm->cfg->net[i];
    struct vm_nic *n = host_object(sizeof(*n));
    struct vswitch *sw = switch_find(c->sw.text);
    if (!n || !sw) {
        fmt(why, VM_WHY, n ? "switch \"%s\" could not be made" : "out of memory for switch \"%s\"", c->sw.text);
        return false;
    }
    vm->nic[i] = n;
    n->cfg = c;
    fmt(n->name, sizeof(n->name), "net %u", i);
    struct virtio_net_config nc = {
        .sw = sw, .rate = c->rate, .rate_in = c->rate_in, .name = n->name, .clock = host_now,
    };
    describe_port(vm, c, i, &nc.port);
    hv_status s = virtio_net_init(&n->dev, &nc, &vm->pc->env);
    if (s) {
        char mac[MAC_TEXT];
        mac_format(mac, nc.port.mac);
        fmt(why, VM_WHY, s == HV_EXISTS ? "another port of switch \"%s\" has the MAC address %s" :
            "switch \"%s\" has no port for the MAC address %s", c->sw.text, mac);
        return false;
    }
    return pci_add(&vm->pc->pci, PCI_DEVFN(SLOT_NIC + i, 0), &n->dev.v.pci) == HV_OK;
}

/* ---- all of them ---- */

static void random_bytes(void *ctx, void *buf, size_t n) { host_random(buf, n); }

static bool add_rng(struct vm *vm, char *why)
{
    vm->rng = host_object(sizeof(*vm->rng));
    if (!vm->rng) {
        fmt(why, VM_WHY, "out of memory for its entropy device");
        return false;
    }
    virtio_rng_init(vm->rng, &vm->pc->env, random_bytes, NULL);
    return pci_add(&vm->pc->pci, PCI_DEVFN(SLOT_RNG, 0), &vm->rng->v.pci) == HV_OK;
}

bool vm_devices_init(struct vm *vm, const struct vm_file *image, char *why)
{
    for (uint32_t i = 0; i < vm->cfg->nets; i++)
        if (!add_nic(vm, i, why))
            return false;
    for (uint32_t i = 0; i < vm->cfg->disks; i++)
        if (!add_disk(vm, i, &image[i], why))
            return false;
    return add_rng(vm, why);
}

bool vm_devices_reset(struct vm *vm)
{
    bool quiet = virtio_machine_reset(&vm->rng->v);
    for (uint32_t i = 0; i < vm->cfg->nets; i++)
        quiet = virtio_machine_reset(&vm->nic[i]->dev.v) && quiet;
    for (uint32_t i = 0; i < vm->cfg->disks; i++)
        quiet = virtio_machine_reset(&vm->disk[i]->dev.v) && quiet;
    return quiet;
}

void vm_devices_started(struct vm *vm)
{
    char text[120];
    for (uint32_t i = 0; i < vm->cfg->disks; i++) {
        struct vm_disk *d = vm->disk[i];
        if (d->told || d->cfg->readonly)
            continue;
        d->told = true;
        if (!d->cfg->file.text) {
            drivers_describe_disk(d->blk, text, sizeof(text));
            log_info("guest %s: %s: writes go to %s", vm->name, d->name, text);
        } else if (d->cfg->overlay) {
            log_info("guest %s: %s: writes live in RAM only, until the guest stops", vm->name, d->name);
        } else {
            log_info("guest %s: %s: writes live in RAM only, until the machine goes off", vm->name, d->name);
        }
    }
}

bool vm_devices_drop(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->cfg->disks; i++)
        if (vm->disk[i]->ram.overlay && blk_ram_drop(&vm->disk[i]->ram, DROP_BUDGET))
            return true;
    return false;
}

uint32_t vm_devices_info_lines(const struct vm *vm) { return vm->cfg->nets + vm->cfg->disks; }

bool vm_devices_info(struct vm *vm, uint32_t index, char key[24], char value[200])
{
    if (index < vm->cfg->nets) {
        const struct vm_nic *n = vm->nic[index];
        char mac[MAC_TEXT] = "";
        if (n)
            mac_format(mac, n->dev.port.c.mac);
        fmt(key, 24, "net %u", index);
        fmt(value, 200, "switch %s, %s, link %s", vm->cfg->net[index].sw.text, mac,
            n && n->dev.port.up ? "up" : "down");
        return true;
    }
    index -= vm->cfg->nets;
    if (index >= vm->cfg->disks)
        return false;
    const struct vm_disk *d = vm->disk[index];
    char size[FMT_SIZE_LEN];
    fmt(key, 24, "disk %u", index);
    if (!d || !d->blk) {
        fmt(value, 200, "not there");
        return true;
    }
    fmt(value, 200, "%s %s, %s, %s, %lu reads, %lu writes, %lu errors", d->cfg->file.text ? "file" : "device",
        d->cfg->file.text ? d->cfg->file.text : d->cfg->device.text, fmt_size(size, d->blk->sectors * BLK_SECTOR),
        d->cfg->readonly ? "read-only" : d->cfg->overlay ? "overlay" : "writable", d->blk->reads, d->blk->writes,
        d->blk->errors);
    return true;
}
