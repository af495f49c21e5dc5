/* SPDX-License-Identifier: BSD-2-Clause */
/* See virtio.h. */
#include "virtio.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc, VENDOR = 0x1af4, DEVICE = 0x1040 };
enum { CAP_MSI = 5, CAP_VENDOR = 9, CAP_MSIX = 0x11 };

/* ---- cases ---------------------------------------------------------------------- */

static const char *wrong;
static unsigned cases;

void want(bool good, const char *what)
{
    if (!good && !wrong)
        wrong = what;
}

void run_case(const char *name, void (*run)(void))
{
    wrong = NULL;
    cases++;
    run();
    if (wrong)
        print("FAIL %s: %s\n", name, wrong);
    else
        print("ok %s\n", name);
}

void run_cases(const struct test *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        run_case(t[i].name, t[i].run);
}

void cases_done(const char *name) { print("%s done, %u cases\n", name, cases); }

bool wait_more(struct wait *w)
{
    uint64_t now = rdtsc();
    if (!w->end)
        w->end = now + (1ull << 32);
    in8(0x61);                          /* to the hypervisor and back */
    return now < w->end;
}

void idle(void)
{
    for (unsigned i = 0; i < 200; i++)
        in8(0x61);
}

/* ---- memory --------------------------------------------------------------------- */

void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    volatile uint8_t *t = to;
    for (const uint8_t *f = from; n--;)
        *t++ = *f++;
    return to;
}

static uint8_t pattern(uint64_t i, uint8_t seed) { return (uint8_t)(i * 7 + (i >> 8) * 13 + seed); }

void fill(volatile void *to, uint64_t n, uint8_t seed)
{
    for (uint64_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = pattern(i, seed);
}

bool filled(const volatile void *p, uint64_t n, uint8_t seed)
{
    for (uint64_t i = 0; i < n; i++)
        if (((const volatile uint8_t *)p)[i] != pattern(i, seed))
            return false;
    return true;
}

void clear(volatile void *to, uint64_t n, uint8_t value)
{
    for (uint64_t i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = value;
}

/* ---- PCI ------------------------------------------------------------------------ */

uint32_t pci_read(const struct vdev *d, unsigned offset, unsigned size)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));
    out32(CONFIG_ADDRESS, d->pci | (offset & 0xfc));
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

void pci_write(const struct vdev *d, unsigned offset, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));
    out32(CONFIG_ADDRESS, d->pci | (offset & 0xfc));
    if (size == 1)
        out8(port, (uint8_t)value);
    else if (size == 2)
        out16(port, (uint16_t)value);
    else
        out32(port, value);
}

uint64_t bar_of(const struct vdev *d, unsigned n)
{
    uint32_t low = pci_read(d, 0x10 + 4 * n, 4);
    uint64_t high = (low & 6) == 4 ? pci_read(d, 0x14 + 4 * n, 4) : 0;
    return high << 32 | (low & ~15u);
}

/* 4.1.4: where the structures are */
static void read_cap(struct vdev *d, unsigned cap)
{
    volatile uint8_t *p = at(bar_of(d, pci_read(d, cap + 4, 1)) + pci_read(d, cap + 8, 4));
    switch (pci_read(d, cap + 3, 1)) {
    case 1: d->common = p; break;
    case 2:
        d->notify = p;
        d->multiplier = pci_read(d, cap + 16, 4);
        break;
    case 3: d->isr = p; break;
    case 4:
        d->config = p;
        d->config_len = pci_read(d, cap + 12, 4);
        break;
    case 5: d->window = (uint8_t)cap; break;
    }
}

static void read_msix(struct vdev *d, unsigned cap)
{
    uint32_t table = pci_read(d, cap + 4, 4), pending = pci_read(d, cap + 8, 4);
    d->msix = (uint8_t)cap;
    d->vectors = (pci_read(d, cap + 2, 2) & 0x7ff) + 1;
    d->table = at(bar_of(d, table & 7) + (table & ~7u));
    d->pending = at(bar_of(d, pending & 7) + (pending & ~7u));
}

static void read_caps(struct vdev *d)
{
    unsigned cap = pci_read(d, 0x34, 1);
    for (unsigned i = 0; cap >= 0x40 && i < 48; i++, cap = pci_read(d, cap + 1, 1)) {
        switch (pci_read(d, cap, 1)) {
        case CAP_VENDOR: read_cap(d, cap); break;
        case CAP_MSI: d->msi = (uint8_t)cap; break;
        case CAP_MSIX: read_msix(d, cap); break;
        }
    }
}

bool vdev_find(struct vdev *d, unsigned type, unsigned n)
{
    for (uint32_t devfn = 0; devfn < 256; devfn++) {
        *d = (struct vdev){ .pci = 0x80000000u | devfn << 8 };
        if (pci_read(d, 0, 4) != ((DEVICE + type) << 16 | VENDOR) || n--)
            continue;
        pci_write(d, 4, 2, 6);          /* memory decoding, bus master */
        read_caps(d);
        return d->common && d->notify && d->isr;
    }
    return false;
}

/* ---- the device as a whole ------------------------------------------------------ */

uint8_t status(const struct vdev *d) { return r8(d->common + STATUS); }
void set_status(const struct vdev *d, uint8_t bits) { w8(d->common + STATUS, status(d) | bits); }

void vdev_reset(const struct vdev *d)
{
    w8(d->common + STATUS, 0);
    for (struct wait w = { 0 }; status(d) && wait_more(&w);) {}
    want(!status(d), "status is not 0 after a reset");
    if (d->msi)
        pci_write(d, d->msi + 2, 2, 0);
    if (d->msix)
        pci_write(d, d->msix + 2, 2, 0);
}

uint64_t offered(const struct vdev *d)
{
    w32(d->common + DEVICE_SELECT, 0);
    uint64_t low = r32(d->common + DEVICE_FEATURES);
    w32(d->common + DEVICE_SELECT, 1);
    return (uint64_t)r32(d->common + DEVICE_FEATURES) << 32 | low;
}

void accept(const struct vdev *d, uint64_t features)
{
    w32(d->common + DRIVER_SELECT, 0);
    w32(d->common + DRIVER_FEATURES, (uint32_t)features);
    w32(d->common + DRIVER_SELECT, 1);
    w32(d->common + DRIVER_FEATURES, (uint32_t)(features >> 32));
}

uint64_t accepted(const struct vdev *d)
{
    w32(d->common + DRIVER_SELECT, 0);
    uint64_t low = r32(d->common + DRIVER_FEATURES);
    w32(d->common + DRIVER_SELECT, 1);
    return (uint64_t)r32(d->common + DRIVER_FEATURES) << 32 | low;
}

bool negotiate(const struct vdev *d, uint64_t features)
{
    vdev_reset(d);
    set_status(d, ACKNOWLEDGE);
    set_status(d, DRIVER);
    accept(d, (features & offered(d)) | F_VERSION_1);
    set_status(d, FEATURES_OK);
    return status(d) & FEATURES_OK;
}

/* ---- queues --------------------------------------------------------------------- */

void queue_select(const struct vdev *d, uint16_t n) { w16(d->common + QUEUE_SELECT, n); }

/* 4.1.3.1: by halves */
static void write_half(const struct vdev *d, unsigned offset, uint64_t v)
{
    w32(d->common + offset, (uint32_t)v);
    w32(d->common + offset + 4, (uint32_t)(v >> 32));
}

void queue_place(const struct vdev *d, uint64_t desc, uint64_t avail, uint64_t used_at)
{
    write_half(d, QUEUE_DESC, desc);
    write_half(d, QUEUE_AVAIL, avail);
    write_half(d, QUEUE_USED, used_at);
}

void queue_init(struct queue *q, const struct vdev *d, uint16_t n, uint16_t size, volatile struct rings *r)
{
    clear(r, sizeof(*r), 0);
    queue_select(d, n);
    uint16_t max = r16(d->common + QUEUE_SIZE);
    *q = (struct queue){ .d = d, .n = n, .r = r, .size = size ? size : max > RING ? RING : max };
    w16(d->common + QUEUE_SIZE, q->size);
    queue_place(d, (uint64_t)&r->desc, (uint64_t)&r->avail, (uint64_t)&r->used);
    w16(d->common + QUEUE_ENABLE, 1);
}

void put_desc(volatile struct desc *to, uint64_t addr, uint64_t len, unsigned flags, unsigned next)
{
    to->addr = addr;
    to->len = (uint32_t)len;
    to->flags = (uint16_t)flags;
    to->next = (uint16_t)next;
}

void offer(struct queue *q, uint16_t head)
{
    q->r->avail.ring[q->next % q->size] = head;
    __asm__ volatile("" : : : "memory");
    q->r->avail.index = ++q->next;
    __asm__ volatile("mfence" : : : "memory");
}

void notify(const struct queue *q)
{
    queue_select(q->d, q->n);
    w16(q->d->notify + r16(q->d->common + QUEUE_NOTIFY_OFF) * q->d->multiplier, q->n);
}

volatile uint16_t *used_event(const struct queue *q) { return &q->r->avail.ring[q->size]; }
volatile uint16_t *avail_event(const struct queue *q) { return (volatile uint16_t *)&q->r->used.ring[q->size]; }

bool used(struct queue *q, uint32_t *id, uint32_t *len)
{
    for (struct wait w = { 0 }; q->r->used.index == q->seen; )
        if ((status(q->d) & NEEDS_RESET) || !wait_more(&w))
            return false;
    *id = q->r->used.ring[q->seen % q->size].id;
    *len = q->r->used.ring[q->seen % q->size].len;
    q->seen++;
    return true;
}

bool wants_reset(const struct vdev *d)
{
    for (struct wait w = { 0 }; !(status(d) & NEEDS_RESET);)
        if (!wait_more(&w))
            return false;
    return true;
}

uint32_t request(struct queue *q, uint16_t head)
{
    uint32_t id, len;
    offer(q, head);
    notify(q);
    if (!used(q, &id, &len))
        return NOTHING;
    want(id == head, "the used element names another request");
    return len;
}

/* ---- interrupts ----------------------------------------------------------------- */

static volatile unsigned hits[VECTORS];

static void hit(unsigned i)
{
    hits[i]++;
    w32(at(LAPIC + 0xb0), 0);
}

GATE_STUB(msi0, on_msi0);
GATE_STUB(msi1, on_msi1);
GATE_STUB(msi2, on_msi2);
GATE_STUB(msi3, on_msi3);
GATE_STUB(spurious, on_spurious);
void on_msi0(uint64_t *rip) { (void)rip; hit(0); }
void on_msi1(uint64_t *rip) { (void)rip; hit(1); }
void on_msi2(uint64_t *rip) { (void)rip; hit(2); }
void on_msi3(uint64_t *rip) { (void)rip; hit(3); }
void on_spurious(uint64_t *rip) { (void)rip; }

void interrupts_init(void)
{
    const void *const stub[VECTORS] = { msi0, msi1, msi2, msi3 };
    irq_init();
    for (unsigned i = 0; i < VECTORS; i++)
        gate_set(VECTOR + i, stub[i]);
    gate_set(0xff, spurious);
    w32(at(LAPIC + 0xf0), 0x1ff);       /* on; spurious interrupts by vector 0xff */
    w32(at(LAPIC + 0x80), 0);
}

void msix_on(const struct vdev *d)
{
    for (unsigned i = 0; i < d->vectors; i++) {
        w32(d->table + 16 * i, LAPIC);
        w32(d->table + 16 * i + 4, 0);
        w32(d->table + 16 * i + 8, VECTOR + i % VECTORS);
        w32(d->table + 16 * i + 12, 0);
    }
    pci_write(d, d->msix + 2, 2, 0x8000);
}

static void let_in(void) { __asm__ volatile("sti; nop; nop; cli" : : : "memory"); }

static unsigned take(unsigned i)
{
    unsigned n = hits[i];
    hits[i] = 0;
    return n;
}

unsigned interrupted(unsigned i)
{
    for (struct wait w = { 0 }; !hits[i] && wait_more(&w);)
        let_in();
    return take(i);
}

unsigned interrupted_now(unsigned i)
{
    let_in();
    idle();
    let_in();
    return take(i);
}

/* ---- the block device ----------------------------------------------------------- */

volatile struct blk_header blk_header;
volatile uint8_t blk_status;

void blk_start(struct queue *q, const struct vdev *d, uint64_t features, volatile struct rings *r)
{
    want(negotiate(d, features), "FEATURES_OK is refused");
    queue_init(q, d, 0, 0, r);
    set_status(d, DRIVER_OK);
}

uint8_t blk_request(struct queue *q, uint32_t type, uint64_t sector, volatile void *data, uint32_t len, uint32_t *written)
{
    bool in = type == BLK_IN || type == BLK_GET_ID;
    blk_header = (struct blk_header){ .type = type, .sector = sector };
    blk_status = S_NONE;
    put(q, 0, &blk_header, sizeof(blk_header), D_NEXT, len ? 1 : 2);
    put(q, 1, data, len, D_NEXT | (in ? D_WRITE : 0), 2);
    put(q, 2, &blk_status, 1, D_WRITE, 0);
    uint32_t n = request(q, 0);
    if (written)
        *written = n;
    return n == NOTHING ? S_NONE : blk_status;
}

bool blk_works(struct queue *q)
{
    static uint8_t seed;
    static uint8_t data[2048];
    uint32_t n;
    fill(data, sizeof(data), ++seed);
    if (blk_request(q, BLK_OUT, 8, data, sizeof(data), &n) != S_OK || n != 1)
        return false;
    clear(data, sizeof(data), 0);
    return blk_request(q, BLK_IN, 8, data, sizeof(data), &n) == S_OK && n == sizeof(data) + 1 &&
           filled(data, sizeof(data), seed);
}
