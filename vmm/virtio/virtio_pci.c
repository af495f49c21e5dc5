/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI: the function, its capabilities, the BAR behind them, and interrupts. The
 * PCI bus calls the BAR's handler, devices ask for interrupts. Virtio 1.2, section 4.1; the
 * modern interface only.
 */
#include "virtio_priv.h"

#define VENDOR          0x1af4          /* 4.1.2 */
#define DEVICE_BASE     0x1040
#define REVISION        1               /* 4.1.2.1: modern devices, 1 or higher; subsystem from 0x40 on */
#define SUBSYSTEM_BASE  0x40
#define CFG_SUBSYSTEM   0x2c

#define CAP_VENDOR      9

/* 4.1.4: struct virtio_pci_cap and what follows it */
enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MORE = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY, TYPE_ISR, TYPE_DEVICE, TYPE_WINDOW };

/* The BAR: four pages, one for each structure. */
enum {
    BAR = 0, MSIX_BAR = 1, BAR_LEN = 0x4000, REGION = 0x1000,
    COMMON = 0, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000,
    NOTIFY_MULTIPLIER = 4,
};

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };         /* 4.1.4.5 */

/* ---- interrupts ----------------------------------------------------------------- */

/* 4.1.5.1.2: with MSI-X a message or nothing; ISR and INTx are for drivers without. */
static void interrupt(struct virtio *v, uint16_t vector, uint8_t cause)
{
    struct pci_function *f = &v->pci;
    if (likely(pci_msix_on(f))) {
        if (vector != VIRTIO_NO_VECTOR)
            pci_msix_send(f, vector);
        return;
    }
    spin_lock(&f->irq_lock);
    v->isr |= cause;
    pci_set_intx_locked(f, true);
    spin_unlock(&f->irq_lock);
}

void virtio_interrupt(struct virtio *v, struct virtq *q)
{
    interrupt(v, __atomic_load_n(&q->vector, __ATOMIC_RELAXED), ISR_QUEUE);
}

void virtio_config_interrupt(struct virtio *v)
{
    if (virtio_status(v) & VIRTIO_DRIVER_OK)
        interrupt(v, __atomic_load_n(&v->config_vector, __ATOMIC_RELAXED), ISR_CONFIG);
}

static uint8_t take_isr(struct virtio *v)
{
    struct pci_function *f = &v->pci;
    spin_lock(&f->irq_lock);
    uint8_t isr = v->isr;
    v->isr = 0;
    pci_set_intx_locked(f, false);
    spin_unlock(&f->irq_lock);
    return isr;
}

void virtio_interrupts_off(struct virtio *v)
{
    take_isr(v);
    for (uint16_t i = 0; i < v->pci.msix_vectors; i++)
        pci_msix_clear(&v->pci, i);
}

/* ---- the BAR -------------------------------------------------------------------- */

/* Where it is written says which queue; the value does so again (4.1.5.2). */
static void notify(struct virtio *v, unsigned offset, const struct bus_access *a)
{
    unsigned n = offset / NOTIFY_MULTIPLIER;
    if (a->write && n < v->c.queues && offset % NOTIFY_MULTIPLIER == 0 && virtio_ready(v, n))
        v->c.ops->notify(v, n);
}

static void access_device(struct virtio *v, unsigned offset, struct bus_access *a)
{
    uint8_t buf[8] = { 0 };
    if (offset >= v->c.config_len || a->size > v->c.config_len - offset)
        return;
    if (a->write) {
        if (!v->c.ops->config_write)
            return;
        for (unsigned i = 0; i < a->size; i++)
            buf[i] = (uint8_t)(a->value >> 8 * i);
        v->c.ops->config_write(v, offset, buf, a->size);
        return;
    }
    v->c.ops->config_read(v, offset, buf, a->size);
    a->value = 0;
    for (unsigned i = 0; i < a->size; i++)
        a->value |= (uint64_t)buf[i] << 8 * i;
}

static void access_bar(void *dev, struct bus_access *a)
{
    struct virtio *v = dev;
    const unsigned offset = (unsigned)a->offset;
    if (likely(offset >= NOTIFY)) {
        notify(v, offset - NOTIFY, a);
    } else if (offset >= ISR && offset < ISR + REGION) {
        if (offset == ISR && a->size == 1 && !a->write)
            a->value = take_isr(v);
    } else {
        spin_lock(&v->lock);
        if (offset >= DEVICE)
            access_device(v, offset - DEVICE, a);
        else
            virtio_common_access(v, offset - COMMON, a);
        spin_unlock(&v->lock);
    }
}

/* ---- the window in configuration space (4.1.4.9) -------------------------------- */

/* What an access to pci_cfg_data reaches; false: the driver chose nothing that is there. */
static bool window_access(const struct virtio *v, struct bus_access *a)
{
    const uint8_t *cap = &v->pci.config[v->window_cap];
    uint32_t offset = pci_get32(cap, CAP_OFFSET), len = pci_get32(cap, CAP_LENGTH);
    if (cap[CAP_BAR] != BAR || (len != 1 && len != 2 && len != 4))
        return false;
    if (!range_inside(offset, len, 0, BAR_LEN) || offset % len)
        return false;
    *a = (struct bus_access){ .offset = offset, .value = ones_of_size(len), .size = (uint8_t)len };
    return true;
}

/* An access that begins behind pci_cfg_data's first byte goes on with an earlier one. */
static bool in_window(const struct virtio *v, unsigned offset, unsigned size)
{
    return range_overlaps(offset, size, v->window_cap + CAP_MORE, 1);
}

static void window_read(struct pci_function *f, unsigned offset, unsigned size)
{
    struct virtio *v = f->dev;
    struct bus_access a;
    if (!in_window(v, offset, size) || !window_access(v, &a))
        return;
    access_bar(v, &a);
    spin_lock(&f->irq_lock);
    for (unsigned i = 0; i < a.size; i++)
        f->config[v->window_cap + CAP_MORE + i] = (uint8_t)(a.value >> 8 * i);
    spin_unlock(&f->irq_lock);
}

static void window_write(struct pci_function *f, unsigned offset, unsigned size)
{
    struct virtio *v = f->dev;
    struct bus_access a;
    if (!in_window(v, offset, size) || !window_access(v, &a))
        return;
    a.write = true;
    a.value = pci_get32(f->config, v->window_cap + CAP_MORE) & ones_of_size(a.size);
    access_bar(v, &a);
}

static void window_reset(struct pci_function *f)
{
    const struct virtio *v = f->dev;
    for (unsigned i = v->window_cap; i < v->window_cap + CAP_MORE + 4u; i++)
        f->config[i] &= (uint8_t)~f->wmask[i];
}

/* ---- set-up --------------------------------------------------------------------- */

static uint8_t add_cap(struct pci_function *f, uint8_t type, unsigned cap_len, uint32_t offset, uint32_t len)
{
    unsigned cap = pci_add_capability(f, CAP_VENDOR, cap_len);
    f->config[cap + CAP_LEN] = (uint8_t)cap_len;
    f->config[cap + CAP_TYPE] = type;
    f->config[cap + CAP_BAR] = BAR;
    pci_set32(f->config, cap + CAP_OFFSET, offset);
    pci_set32(f->config, cap + CAP_LENGTH, len);
    return (uint8_t)cap;
}

static void add_window(struct virtio *v)
{
    struct pci_function *f = &v->pci;
    uint8_t cap = v->window_cap = add_cap(f, TYPE_WINDOW, CAP_MORE + 4, 0, 0);
    f->wmask[cap + CAP_BAR] = 0xff;
    pci_set32(f->wmask, cap + CAP_OFFSET, ~0u);
    pci_set32(f->wmask, cap + CAP_LENGTH, ~0u);
    pci_set32(f->wmask, cap + CAP_MORE, ~0u);
}

void virtio_pci_build(struct virtio *v)
{
    static const struct pci_ops ops = { window_read, window_write, window_reset };
    const struct pci_bar bar = {
        .kind = PCI_BAR_MEM32, .size = BAR_LEN, .widths = 1 | 2 | 4 | 8, .access = access_bar, .dev = v,
    };
    struct pci_function *f = &v->pci;

    pci_function_init(f, VENDOR, (uint16_t)(DEVICE_BASE + v->c.type), v->c.class_code, REVISION);
    pci_set16(f->config, CFG_SUBSYSTEM, VENDOR);
    pci_set16(f->config, CFG_SUBSYSTEM + 2, (uint16_t)(SUBSYSTEM_BASE + v->c.type));
    f->ops = &ops;
    f->dev = v;
    pci_set_bar(f, BAR, &bar);
    add_cap(f, TYPE_COMMON, CAP_MORE, COMMON, VIRTIO_COMMON_LEN);
    uint8_t notify_cap = add_cap(f, TYPE_NOTIFY, CAP_MORE + 4, NOTIFY, NOTIFY_MULTIPLIER * v->c.queues);
    pci_set32(f->config, notify_cap + CAP_MORE, NOTIFY_MULTIPLIER);
    add_cap(f, TYPE_ISR, CAP_MORE, ISR, 1);
    if (v->c.config_len)                /* 4.1.4.6.1: for device types that have one */
        add_cap(f, TYPE_DEVICE, CAP_MORE, DEVICE, v->c.config_len);
    add_window(v);
    pci_use_intx(f);
    pci_add_msix(f, MSIX_BAR, (uint16_t)(v->c.queues + 1));     /* each queue, and the configuration */
    pci_add_msi(f);
}
