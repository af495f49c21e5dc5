/* SPDX-License-Identifier: BSD-2-Clause */
/* See vdev_pci.h. */
#include "drivers/vdev_pci.h"

#include "arch/x86/cpu/percpu.h"
#include "socle/cpu.h"
#include "socle/hostmem.h"

enum { ID_TRANSITIONAL_NET = 0x1000, ID_TRANSITIONAL_BLK = 0x1001, ID_MODERN = 0x1040, ID_END = 0x1080 };
enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16 };     /* 4.1.4 */
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_DEVICE = 4, CAPS_MAX = 48 };
enum { COMMON_LEN = 56, DEVICE_LEN = 256, NOTIFY_LEN = 1 << 20 };      /* what we look at, at most */

unsigned vdev_pci_type(const struct host_pci_function *f)
{
    if (f->vendor != VIRTIO_PCI_VENDOR)
        return 0;
    if (f->device == ID_TRANSITIONAL_NET)
        return VIRTIO_TYPE_NET;
    if (f->device == ID_TRANSITIONAL_BLK)
        return VIRTIO_TYPE_BLK;
    return f->device > ID_MODERN && f->device < ID_END ? f->device - ID_MODERN : 0;
}

static void wake(void) { atomic_fetch_or(&this_cpu()->events, PCPU_EVENT_DEVICE); }

static void on_config(void *ctx) { ((struct vdev *)ctx)->changed = true; }
static void on_queue(void *ctx) { ((struct vdev *)ctx)->interrupted = true; }

/* Maps what one capability describes, up to `most` bytes, unless there is one already. */
static volatile uint8_t *map(const struct host_pci_function *f, uint8_t cap, uint32_t most, uint32_t *len)
{
    uint32_t n = host_pci_read(f, cap + CAP_LENGTH, 4);
    *len = n < most ? n : most;
    return pci_map(f, host_pci_read(f, cap + CAP_BAR, 1), host_pci_read(f, cap + CAP_OFFSET, 4), *len);
}

/* Of several capabilities of a type the first that can be mapped counts (4.1.4.2). */
static const char *find_registers(const struct host_pci_function *f, struct vdev *d)
{
    uint32_t common_len = 0;
    uint8_t cap = host_pci_capability(f, HOST_PCI_CAP_VENDOR, 0);
    if (!cap)
        return "legacy virtio only";
    for (unsigned n = 0; cap && n < CAPS_MAX; n++, cap = host_pci_capability(f, HOST_PCI_CAP_VENDOR, cap)) {
        uint32_t type = host_pci_read(f, cap + CAP_TYPE, 1);
        if (type == CAP_COMMON && !d->common) {
            d->common = map(f, cap, COMMON_LEN, &common_len);
        } else if (type == CAP_NOTIFY && !d->notify) {
            d->notify = map(f, cap, NOTIFY_LEN, &d->notify_len);
            d->notify_multiplier = host_pci_read(f, cap + CAP_MULTIPLIER, 4);
        } else if (type == CAP_DEVICE && !d->config) {
            d->config = map(f, cap, DEVICE_LEN, &d->config_len);
            d->config_len = d->config ? d->config_len : 0;
        }
    }
    return d->common && common_len == COMMON_LEN && d->notify ? NULL : "its registers have no address";
}

const char *vdev_pci_open(struct host_pci_function *f, struct vdev *d)
{
    d->pci = f;
    d->space.window = host_ram(hpa(0));
    d->now = cpu_now;
    d->wake = wake;
    host_pci_text(f->at, d->at);
    for (unsigned i = 0; i < VDEV_QUEUES; i++) {
        d->mem[i] = host_pages(VQ_PAGES);
        if (!d->mem[i])
            return "out of memory";
    }
    const char *why = find_registers(f, d);
    if (why)
        return why;
    host_pci_enable(f);
    const struct pci_irq irq[VDEV_VECTORS] = {
        [VDEV_VECTOR_CONFIG] = { on_config, d }, [VDEV_VECTOR_QUEUES] = { on_queue, d },
    };
    return pci_use_msix(f, irq, VDEV_VECTORS);
}
