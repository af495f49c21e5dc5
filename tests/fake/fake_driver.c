/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_driver.h. */
#include "fake/fake_driver.h"

#include <string.h>

#include "socle/assert.h"
#include "socle/bits.h"

/* ---- one queue ------------------------------------------------------------------ */

uint64_t fake_get(const struct fake_env *f, uint64_t at, unsigned size)
{
    uint64_t v = 0;
    hv_assert(gmem_read(&f->mem, gpa(at), &v, size) == HV_OK);
    return v;
}

void fake_put(struct fake_env *f, uint64_t at, unsigned size, uint64_t v)
{
    hv_assert(gmem_write(&f->mem, gpa(at), &v, size) == HV_OK);
}

uint32_t fake_ring_bytes(uint16_t size)
{
    return (uint32_t)align_up(16u * size + 6 + 2u * size, 4) + 6 + 8u * size;
}

void fake_ring_init(struct fake_ring *r, struct fake_env *f, uint64_t at, uint16_t size)
{
    memset(r, 0, sizeof(*r));
    hv_assert(is_aligned(at, 16) && size && size <= VIRTQ_SIZE_MAX);
    r->f = f;
    r->size = size;
    r->desc = at;
    r->avail = at + 16u * size;
    r->used = align_up(r->avail + 6 + 2u * size, 4);
    hv_assert(gmem_fill(&f->mem, gpa(at), 0, fake_ring_bytes(size)) == HV_OK);
}

void fake_ring_desc(struct fake_ring *r, unsigned i, uint64_t at, uint32_t len, uint16_t flags, uint16_t next)
{
    uint64_t d = r->desc + 16u * i;
    fake_put(r->f, d, 8, at);
    fake_put(r->f, d + 8, 4, len);
    fake_put(r->f, d + 12, 2, flags);
    fake_put(r->f, d + 14, 2, next);
}

void fake_ring_offer(struct fake_ring *r, uint16_t head)
{
    fake_put(r->f, r->avail + 4 + 2u * (r->avail_idx % r->size), 2, head);
    fake_put(r->f, r->avail + 2, 2, ++r->avail_idx);
}

static uint16_t take_desc(struct fake_ring *r)
{
    for (uint16_t i = 0; i < r->size; i++)
        if (!r->taken[i]) {
            r->taken[i] = true;
            return i;
        }
    panic("no descriptor is free");
}

static uint16_t flags_of(unsigned i, unsigned out, unsigned in)
{
    return (uint16_t)((i >= out ? FAKE_WRITE : 0) | (i + 1 < out + in ? FAKE_NEXT : 0));
}

uint16_t fake_ring_add(struct fake_ring *r, const struct fake_buf *b, unsigned out, unsigned in)
{
    uint16_t at[VIRTQ_SIZE_MAX];
    hv_assert(out + in && out + in <= r->size);
    for (unsigned i = 0; i < out + in; i++)
        at[i] = take_desc(r);
    for (unsigned i = 0; i < out + in; i++)
        fake_ring_desc(r, at[i], b[i].at, b[i].len, flags_of(i, out, in), i + 1 < out + in ? at[i + 1] : 0);
    fake_ring_offer(r, at[0]);
    return at[0];
}

uint16_t fake_ring_add_indirect(struct fake_ring *r, uint64_t table, const struct fake_buf *b, unsigned out,
                                unsigned in)
{
    struct fake_ring t = { .f = r->f, .desc = table };
    for (unsigned i = 0; i < out + in; i++)
        fake_ring_desc(&t, i, b[i].at, b[i].len, flags_of(i, out, in), (uint16_t)(i + 1));
    uint16_t head = take_desc(r);
    fake_ring_desc(r, head, table, 16 * (out + in), FAKE_INDIRECT, 0);
    fake_ring_offer(r, head);
    return head;
}

static void free_chain(struct fake_ring *r, uint16_t i)
{
    for (unsigned n = 0; n < r->size; n++) {
        hv_assert(i < r->size);
        r->taken[i] = false;
        if (!(fake_get(r->f, r->desc + 16u * i + 12, 2) & FAKE_NEXT))
            return;
        i = (uint16_t)fake_get(r->f, r->desc + 16u * i + 14, 2);
    }
}

bool fake_ring_used(struct fake_ring *r, uint16_t *head, uint32_t *len)
{
    if ((uint16_t)fake_get(r->f, r->used + 2, 2) == r->used_idx)
        return false;
    uint64_t at = r->used + 4 + 8u * (r->used_idx++ % r->size);
    uint32_t id = (uint32_t)fake_get(r->f, at, 4);
    hv_assert(id < r->size);
    *head = (uint16_t)id;
    *len = (uint32_t)fake_get(r->f, at + 4, 4);
    free_chain(r, *head);
    return true;
}

uint16_t fake_ring_used_flags(const struct fake_ring *r) { return (uint16_t)fake_get(r->f, r->used, 2); }
uint16_t fake_ring_avail_event(const struct fake_ring *r)
{
    return (uint16_t)fake_get(r->f, r->used + 4 + 8u * r->size, 2);
}
void fake_ring_avail_flags(struct fake_ring *r, uint16_t flags) { fake_put(r->f, r->avail, 2, flags); }
void fake_ring_used_event(struct fake_ring *r, uint16_t event)
{
    fake_put(r->f, r->avail + 4 + 2u * r->size, 2, event);
}

/* ---- a device ------------------------------------------------------------------- */

enum { CAP_POINTER = 0x34, CAP_VENDOR = 9, CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE };

/* 4.1.4: the first capability of a kind counts. */
static void find_caps(struct fake_driver *d)
{
    const uint8_t *c = d->v->pci.config;
    struct fake_cap *kind[] = { NULL, &d->common, &d->notify, &d->isr, &d->device };
    unsigned n = 0;

    for (unsigned at = c[CAP_POINTER]; at; at = c[at + 1]) {
        hv_assert(at >= 0x40 && at < PCI_CONFIG_SIZE - 4 && n++ < 48);
        if (c[at] != CAP_VENDOR || c[at + 3] < CAP_COMMON || c[at + 3] > CAP_DEVICE || kind[c[at + 3]]->len)
            continue;
        *kind[c[at + 3]] = (struct fake_cap){ c[at + 4], pci_get32(c, at + 8), pci_get32(c, at + 12) };
        if (c[at + 3] == CAP_NOTIFY)
            d->notify_multiplier = pci_get32(c, at + 16);
    }
    hv_assert(d->common.len && d->notify.len && d->isr.len);
}

void fake_driver_init(struct fake_driver *d, struct fake_env *f, struct virtio *v)
{
    memset(d, 0, sizeof(*d));
    d->f = f;
    d->v = v;
    d->free = 0x10000;
    find_caps(d);
}

/* As the bus does it: the BAR's widths, and its lock if it names one. */
static uint64_t reach(struct fake_driver *d, const struct fake_cap *c, uint64_t offset, unsigned size, bool write,
                      uint64_t v)
{
    const struct pci_bar *b = &d->v->pci.bar[c->bar];
    struct bus_access a = { c->offset + offset, write ? v & ones_of_size(size) : ones_of_size(size), (uint8_t)size,
                            write };
    hv_assert(b->access && range_inside(a.offset, size, 0, b->size) && (b->widths & size));
    if (b->lock)
        spin_lock(b->lock);
    b->access(b->dev, &a);
    if (b->lock)
        spin_unlock(b->lock);
    return a.value & ones_of_size(size);
}

uint64_t fake_driver_get(struct fake_driver *d, unsigned offset, unsigned size)
{
    return reach(d, &d->common, offset, size, false, 0);
}

void fake_driver_set(struct fake_driver *d, unsigned offset, unsigned size, uint64_t v)
{
    if (size == 8) {                    /* 4.1.3.1: 64-bit fields as two halves */
        reach(d, &d->common, offset, 4, true, v & UINT32_MAX);
        reach(d, &d->common, offset + 4, 4, true, v >> 32);
    } else {
        reach(d, &d->common, offset, size, true, v);
    }
}

uint64_t fake_driver_config(struct fake_driver *d, unsigned offset, unsigned size)
{
    return reach(d, &d->device, offset, size, false, 0);
}

void fake_driver_config_set(struct fake_driver *d, unsigned offset, unsigned size, uint64_t v)
{
    reach(d, &d->device, offset, size, true, v);
}

uint8_t fake_driver_isr(struct fake_driver *d) { return (uint8_t)reach(d, &d->isr, 0, 1, false, 0); }

void fake_driver_notify(struct fake_driver *d, uint16_t n)
{
    fake_driver_set(d, FAKE_QUEUE_SELECT, 2, n);
    uint64_t offset = fake_driver_get(d, FAKE_QUEUE_NOTIFY_OFF, 2) * d->notify_multiplier;
    reach(d, &d->notify, offset, 2, true, n);
}

uint64_t fake_driver_alloc(struct fake_driver *d, uint32_t len)
{
    uint64_t at = d->free;
    hv_assert(len <= FAKE_RAM && at + len <= FAKE_RAM);
    d->free = align_up(at + len, 64);
    hv_assert(gmem_fill(&d->f->mem, gpa(at), 0, len) == HV_OK);
    return at;
}

uint64_t fake_driver_offered(struct fake_driver *d)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 2; i++) {
        fake_driver_set(d, FAKE_DEVICE_FEATURE_SELECT, 4, i);
        v |= fake_driver_get(d, FAKE_DEVICE_FEATURE, 4) << 32 * i;
    }
    return v;
}

bool fake_driver_negotiate(struct fake_driver *d, uint64_t features)
{
    fake_driver_set(d, FAKE_STATUS, 1, 0);
    hv_assert(fake_driver_get(d, FAKE_STATUS, 1) == 0);
    fake_driver_set(d, FAKE_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    fake_driver_set(d, FAKE_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        fake_driver_set(d, FAKE_DRIVER_FEATURE_SELECT, 4, i);
        fake_driver_set(d, FAKE_DRIVER_FEATURE, 4, features >> 32 * i & UINT32_MAX);
    }
    fake_driver_set(d, FAKE_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    return fake_driver_get(d, FAKE_STATUS, 1) & VIRTIO_FEATURES_OK;
}

void fake_driver_queue(struct fake_driver *d, uint16_t n, uint16_t size)
{
    struct fake_ring *r = &d->ring[n];
    fake_driver_set(d, FAKE_QUEUE_SELECT, 2, n);
    if (size)
        fake_driver_set(d, FAKE_QUEUE_SIZE, 2, size);
    size = (uint16_t)fake_driver_get(d, FAKE_QUEUE_SIZE, 2);
    fake_ring_init(r, d->f, fake_driver_alloc(d, fake_ring_bytes(size)), size);
    fake_driver_set(d, FAKE_QUEUE_DESC, 8, r->desc);
    fake_driver_set(d, FAKE_QUEUE_DRIVER, 8, r->avail);
    fake_driver_set(d, FAKE_QUEUE_DEVICE, 8, r->used);
    fake_driver_set(d, FAKE_QUEUE_ENABLE, 2, 1);
}

void fake_driver_start(struct fake_driver *d, uint64_t features, uint16_t size)
{
    uint64_t wanted = fake_driver_offered(d) & (features | VIRTIO_F_VERSION_1);
    hv_assert(fake_driver_negotiate(d, wanted));
    uint16_t queues = (uint16_t)fake_driver_get(d, FAKE_NUM_QUEUES, 2);
    for (uint16_t i = 0; i < queues; i++)
        fake_driver_queue(d, i, size);
    fake_driver_set(d, FAKE_STATUS, 1,
                    VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}
