/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver against a virtio device behind PCI, the entropy device: any access to its
 * BARs and configuration space, any contents of rings and memory, resets in between, deferred
 * work, save and load, and loads of damaged records. Now and then the driver behaves, so that
 * the device gets somewhere.
 */
#include <string.h>

#include "fake/fake_driver.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/virtio/virtio_rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STATE_MAX = 512, STEPS_MAX = 128, DEVFN = PCI_DEVFN(3, 0), RINGS = 0x10000, DATA = 0x20000 };

static struct fake_env *f;
static struct pci pci;
static struct pio_bus bus;
static struct virtio_rng rng;
static struct fake_driver d;

static const uint8_t *next;
static size_t left;

static uint8_t u8(void)
{
    if (!left)
        return 0;
    left--;
    return *next++;
}

static uint32_t u32(void)
{
    uint32_t v = u8();
    v |= (uint32_t)u8() << 8;
    v |= (uint32_t)u8() << 16;
    return v | (uint32_t)u8() << 24;
}

static void source(void *ctx, void *buf, size_t n) { memset(buf, 0xa5, n); }

static void build(void)
{
    if (!f)
        f = fake_env_new();
    f->now = 0;
    f->work = NULL;
    memset(f->line, 0, sizeof(f->line));
    memset(f->ram + RINGS, 0, 0x11000);
    pci_init(&pci, &f->env, NULL, NULL);
    pio_bus_init(&bus);
    hv_assert(pci_attach(&pci, &bus) == HV_OK);
    virtio_rng_init(&rng, &f->env, source, NULL);
    hv_assert(pci_add(&pci, DEVFN, &rng.v.pci) == HV_OK);
    pci_reset(&pci);
    pci_assign(&pci);
    fake_driver_init(&d, f, &rng.v);
}

/* ---- what a driver does --------------------------------------------------------- */

static void access(unsigned n, uint64_t offset, uint8_t how)
{
    struct pci_bar *b = &rng.v.pci.bar[n];
    struct bus_access a = { .offset = offset % b->size, .size = (uint8_t)(1u << (how & 3)), .write = how & 4 };
    if (!(b->widths & a.size) || a.offset + a.size > b->size)
        return;                         /* the bus sees to that */
    a.value = a.write ? (how & 8 ? u32() : u8()) & ones_of_size(a.size) : ones_of_size(a.size);
    b->access(b->dev, &a);
    hv_assert(a.write || !(a.value & ~ones_of_size(a.size)));
}

static void access_config(uint8_t reg, uint8_t how)
{
    struct bus_access a = { .value = 0x80000000u | DEVFN << 8 | (reg & 0xfc), .size = 4, .write = true };
    pio_access(&bus, 0xcf8, &a);
    unsigned size = 1u << (how & 3) % 3;
    a = (struct bus_access){ .size = (uint8_t)size, .write = how & 4 };
    a.value = a.write ? (how & 8 ? u32() : u8()) & ones_of_size(size) : ones_of_size(size);
    pio_access(&bus, (uint16_t)(0xcfc + (reg & 3 & ~(size - 1))), &a);
}

/* The rings where a well-behaved driver has them; the size may be refused. */
static void behave(void)
{
    uint8_t how = u8();
    d.free = RINGS;
    fake_driver_set(&d, FAKE_QUEUE_SELECT, 2, 0);
    if (fake_driver_negotiate(&d, fake_driver_offered(&d) & ~(how & 1 ? VIRTIO_F_EVENT_IDX : 0)))
        fake_driver_queue(&d, 0, (uint16_t)(1u << (how >> 1 & 3)));
    fake_driver_set(&d, FAKE_STATUS, 1, 0x0f);
}

static void write_desc(void)
{
    uint8_t how = u8();
    uint64_t table = how & 1 ? DATA : rng.v.q[0].desc.v;
    uint64_t at = how & 2 ? (uint64_t)u32() << (how >> 4 & 4 ? 32 : 0) : DATA + u8();
    struct { uint64_t at; uint32_t len; uint16_t flags, next; } desc = {
        at, how & 4 ? u32() : u8(), how & 8 ? u8() : FAKE_WRITE | (how >> 5 & FAKE_NEXT), u8() & 7
    };
    if (gmem_write(&f->mem, gpa(table + 16 * (how >> 4 & 7)), &desc, sizeof(desc)) != HV_OK)
        return;
}

static void offer(void)
{
    const struct virtq *q = &rng.v.q[0];
    uint16_t index = 0, head = u8() & 7;
    if (gmem_read(&f->mem, gpa(q->avail.v + 2), &index, 2) != HV_OK)
        return;
    if (gmem_write(&f->mem, gpa(q->avail.v + 4 + 2 * (index & (q->size - 1))), &head, 2) != HV_OK)
        return;
    index++;
    if (gmem_write(&f->mem, gpa(q->avail.v + 2), &index, 2) == HV_OK)
        access(0, 0x3000, 5);
}

/* ---- save and load -------------------------------------------------------------- */

static size_t save(uint8_t *buf)
{
    struct state_out o = { .buf = buf, .cap = STATE_MAX };
    virtio_rng_save(&rng, &o);
    hv_assert(o.len <= STATE_MAX);
    return o.len;
}

static void round_trip(void)
{
    uint8_t a[STATE_MAX], b[STATE_MAX];
    size_t n = save(a);
    struct state_in in = { .buf = a, .len = n };
    hv_assert(virtio_rng_load(&rng, &in) == HV_OK);
    hv_assert(save(b) == n && !memcmp(a, b, n));
}

static void damaged_load(void)
{
    uint8_t a[STATE_MAX], b[STATE_MAX], was[STATE_MAX];
    size_t n = save(a);
    memcpy(was, a, n);
    for (unsigned i = u8() & 3; i < 4; i++)
        a[u8() % n] = u8();
    struct state_in in = { .buf = a, .len = n };
    if (virtio_rng_load(&rng, &in) != HV_OK)
        hv_assert(save(b) == n && !memcmp(was, b, n));
}

/* ---- what always holds ---------------------------------------------------------- */

static void check(void)
{
    const struct virtio *v = &rng.v;
    const struct virtq *q = &v->q[0];
    const char *why;
    hv_assert(!v->lock.taken && !q->lock.taken && !v->pci.irq_lock.taken);
    hv_assert(is_pow2(q->size) && q->size <= q->max);
    hv_assert(!q->enabled || virtq_place_ok(q, &why));
    hv_assert((v->status & VIRTIO_FEATURES_OK) || !(v->status & VIRTIO_DRIVER_OK));
    hv_assert(!(v->status & VIRTIO_FEATURES_OK) || !(v->features & ~v->offered));
    hv_assert(q->vector < v->pci.msix_vectors || q->vector == VIRTIO_NO_VECTOR);
    hv_assert(v->config_vector < v->pci.msix_vectors || v->config_vector == VIRTIO_NO_VECTOR);
    hv_assert(!v->pci.intx_out || !pci_msix_on(&v->pci));
}

static void step(void)
{
    uint8_t byte = u8();
    switch (byte & 15) {
    case 0: behave(); break;
    case 1:
    case 2: write_desc(); break;
    case 3:
    case 4: offer(); break;
    case 5: access(0, u8() & 63, byte >> 4); break;
    case 6: access(0, u8() & 63, (byte >> 4) | 4); break;
    case 7: access(0, u32(), byte >> 4); break;
    case 8: access(0, 0x3000, 5); break;
    case 9: access(1, u8() & 63, byte >> 4); break;
    case 10: access_config((uint8_t)(u8() | 0x40), byte >> 4); break;
    case 11: access_config(u8(), (byte >> 4) | 4); break;
    case 12: (void)fake_env_work(f); break;
    case 13:
        if (gmem_write(&f->mem, gpa(RINGS + u32() % 0x1000), &byte, 1) != HV_OK)
            return;
        break;
    case 14: u8() & 1 ? round_trip() : damaged_load(); break;
    default: hv_assert(virtio_machine_reset(&rng.v)); break;
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    next = data;
    left = size;
    build();
    for (unsigned i = 0; left && i < STEPS_MAX; i++)
        step();
    return 0;
}
