/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/virtio/virtio*.c: the transport's registers, status, reset, interrupts, save and load. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_driver.h"
#include "socle/bits.h"

enum { QUEUES = 3, SIZE = 8, CONFIG = 13, DEVFN = PCI_DEVFN(4, 0), RINGS = 0x40000 };
enum { ACK = VIRTIO_ACKNOWLEDGE, DRV = VIRTIO_DRIVER, OK = VIRTIO_DRIVER_OK, FOK = VIRTIO_FEATURES_OK };

#define F_X BIT64(3)
#define F_Y BIT64(35)
#define MSG 0xfee00000u

static struct fake_env *f;
static struct pci *pci;
static struct pio_bus *bus;
static struct virtio *v;
static struct fake_driver d;

/* What the device behind the transport is told, and what it answers. */
static struct {
    unsigned notified[QUEUES], started, resets, queue_resets;
    bool     refuse_features, reset_later, queue_reset_later;
    uint8_t  config[CONFIG];
    bool     locked;            /* v->lock was held in all of these but notify */
} dev;

static void locked(void) { dev.locked = dev.locked && v->lock.taken; }
static void notify(struct virtio *x, unsigned n)
{
    assert_int_equal(v->lock.taken, 0);
    dev.notified[n]++;
}
static void config_read(struct virtio *x, unsigned offset, void *buf, unsigned n)
{
    locked();
    assert_true(offset + n <= CONFIG);
    memcpy(buf, dev.config + offset, n);
}
static void config_write(struct virtio *x, unsigned offset, const void *buf, unsigned n)
{
    locked();
    assert_true(offset + n <= CONFIG);
    memcpy(dev.config + offset, buf, n);
}
static bool features_ok(struct virtio *x)
{
    return !dev.refuse_features;
}
static void start(struct virtio *x)
{
    locked();
    assert_true(v->status & OK);
    dev.started++;
}
static bool reset(struct virtio *x)
{
    locked();
    dev.resets++;
    return !dev.reset_later;
}
static bool queue_reset(struct virtio *x, unsigned n)
{
    locked();
    assert_false(virtio_ready(v, n));
    dev.queue_resets++;
    return !dev.queue_reset_later;
}

static const struct virtio_ops ops = { notify, config_read, config_write, features_ok, start, reset, queue_reset };

static void build(const struct virtio_ops *o, unsigned config_len)
{
    const struct virtio_config c = {
        .type = VIRTIO_ID_BLK, .class_code = 0x010000, .features = F_X | F_Y, .queues = QUEUES,
        .config_len = config_len, .ops = o, .env = &f->env, .name = "test",
    };
    memset(&dev, 0, sizeof(dev));
    dev.locked = true;
    pci_init(pci, &f->env, NULL, NULL);
    pio_bus_init(bus);
    assert_int_equal(pci_attach(pci, bus), HV_OK);
    virtio_init(v, &c, SIZE);
    assert_int_equal(pci_add(pci, DEVFN, &v->pci), HV_OK);
    pci_reset(pci);
    pci_assign(pci);
    assert_true(virtio_machine_reset(v));
    fake_driver_init(&d, f, v);
    memset(f->line, 0, sizeof(f->line));
    f->msis = 0;
}

static int setup(void **unused)
{
    f = fake_env_new();
    pci = calloc(1, sizeof(*pci));
    bus = calloc(1, sizeof(*bus));
    v = calloc(1, sizeof(*v));
    build(&ops, CONFIG);
    return 0;
}

static int teardown(void **unused)
{
    bool good = dev.locked;
    free(pci);
    free(bus);
    free(v);
    fake_env_free(f);
    return good ? 0 : -1;
}

/* ---- what the tests do ---------------------------------------------------------- */

static uint32_t cfg(unsigned reg, unsigned size)
{
    struct bus_access a = { .value = 0x80000000u | DEVFN << 8 | (reg & 0xfc), .size = 4, .write = true };
    pio_access(bus, 0xcf8, &a);
    a = (struct bus_access){ .value = ones_of_size(size), .size = (uint8_t)size };
    pio_access(bus, (uint16_t)(0xcfc + reg % 4), &a);
    return (uint32_t)(a.value & ones_of_size(size));
}

static void cfg_set(unsigned reg, unsigned size, uint32_t value)
{
    struct bus_access a = { .value = 0x80000000u | DEVFN << 8 | (reg & 0xfc), .size = 4, .write = true };
    pio_access(bus, 0xcf8, &a);
    a = (struct bus_access){ .value = value, .size = (uint8_t)size, .write = true };
    pio_access(bus, (uint16_t)(0xcfc + reg % 4), &a);
}

/* The n-th capability of this kind; type: of virtio's. 0: there is none. */
static unsigned find_cap(uint8_t id, uint8_t type)
{
    for (unsigned at = cfg(0x34, 1); at; at = cfg(at + 1, 1))
        if (cfg(at, 1) == id && (id != 9 || cfg(at + 3, 1) == type))
            return at;
    return 0;
}

static uint64_t get(unsigned offset, unsigned size) { return fake_driver_get(&d, offset, size); }
static void set(unsigned offset, unsigned size, uint64_t value) { fake_driver_set(&d, offset, size, value); }
static uint8_t status(void) { return (uint8_t)get(FAKE_STATUS, 1); }

/* The BAR's handler, whatever lies at the offset. */
static uint64_t bar(uint64_t offset, unsigned size) { return fake_read(v->pci.bar[0].access, v, offset, size); }
static void bar_set(uint64_t offset, unsigned size, uint64_t value)
{
    fake_write(v->pci.bar[0].access, v, offset, size, value);
}

static void go(uint64_t features) { fake_driver_start(&d, features, 0); }

static bool line(void) { return f->line[v->pci.gsi]; }

/* MSI-X on; vector i sends data 0x100 + i. */
static void use_msix(void)
{
    unsigned cap = find_cap(0x11, 0);
    for (unsigned i = 0; i < v->pci.msix_vectors; i++) {
        fake_write(v->pci.bar[1].access, v->pci.bar[1].dev, 16 * i, 4, MSG);
        fake_write(v->pci.bar[1].access, v->pci.bar[1].dev, 16 * i + 8, 4, 0x100 + i);
        fake_write(v->pci.bar[1].access, v->pci.bar[1].dev, 16 * i + 12, 4, 0);
    }
    cfg_set(cap + 2, 2, 0x8000);
    assert_true(pci_msix_on(&v->pci));
}

/* ---- identity and capabilities -------------------------------------------------- */

static void test_identity(void **unused)
{
    assert_int_equal(cfg(0, 4), 0x10421af4);
    assert_int_equal(cfg(8, 4), 0x01000001);            /* class, and a revision of at least 1 */
    assert_int_equal(cfg(0x2c, 2), 0x1af4);
    assert_true(cfg(0x2e, 2) >= 0x40);
    assert_int_equal(cfg(0x3d, 1), 1);
    assert_int_equal(v->pci.bar[0].kind, PCI_BAR_MEM32);
    assert_int_equal(v->pci.bar[0].size, 16384);
    assert_null(v->pci.bar[0].lock);
    assert_int_equal(fake_driver_offered(&d), F_X | F_Y | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
                                                  VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET);
    static struct virtio_ops simple;
    simple = ops;
    simple.queue_reset = NULL;
    build(&simple, 0);
    assert_false(fake_driver_offered(&d) & VIRTIO_F_RING_RESET);
    assert_int_equal(d.device.len, 0);
}

static void test_capabilities(void **unused)
{
    static const struct { uint8_t type, len; uint32_t offset, length; } want[] = {
        { 1, 16, 0, 60 }, { 2, 20, 0x3000, 4 * QUEUES }, { 3, 16, 0x1000, 1 }, { 4, 16, 0x2000, CONFIG },
        { 5, 20, 0, 0 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        unsigned at = find_cap(9, want[i].type);
        assert_true(at >= 0x40 && at % 4 == 0);
        assert_int_equal(cfg(at + 2, 1), want[i].len);
        assert_int_equal(cfg(at + 4, 1), 0);            /* BAR */
        assert_int_equal(cfg(at + 8, 4), want[i].offset);
        assert_int_equal(cfg(at + 12, 4), want[i].length);
        for (unsigned j = 0; want[i].type != 5 && j < want[i].len; j += 4) {
            uint32_t before = cfg(at + j, 4);
            cfg_set(at + j, 4, ~before);                /* read-only */
            assert_int_equal(cfg(at + j, 4), before);
        }
    }
    assert_int_equal(cfg(find_cap(9, 2) + 16, 4), 4);   /* notify_off_multiplier */
    assert_int_equal(cfg(find_cap(0x11, 0) + 2, 2) & 0x7ff, QUEUES);    /* one vector more than that */
    assert_int_not_equal(find_cap(0x05, 0), 0);
}

/* ---- common configuration ------------------------------------------------------- */

static const struct { uint8_t offset, size; } reg[] = {
    { 0, 4 }, { 4, 4 }, { 8, 4 }, { 12, 4 }, { 16, 2 }, { 18, 2 }, { 20, 1 }, { 21, 1 }, { 22, 2 }, { 24, 2 },
    { 26, 2 }, { 28, 2 }, { 30, 2 }, { 32, 4 }, { 36, 4 }, { 40, 4 }, { 44, 4 }, { 48, 4 }, { 52, 4 }, { 56, 2 },
    { 58, 2 },
};

static void test_reset_values(void **unused)
{
    assert_int_equal(get(FAKE_CONFIG_VECTOR, 2), 0xffff);
    assert_int_equal(get(FAKE_NUM_QUEUES, 2), QUEUES);
    assert_int_equal(status(), 0);
    assert_int_equal(get(FAKE_DRIVER_FEATURE, 4), 0);
    for (unsigned n = 0; n < QUEUES; n++) {
        set(FAKE_QUEUE_SELECT, 2, n);
        assert_int_equal(get(FAKE_QUEUE_SELECT, 2), n);
        assert_int_equal(get(FAKE_QUEUE_SIZE, 2), SIZE);
        assert_int_equal(get(FAKE_QUEUE_VECTOR, 2), 0xffff);
        assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 0);
        assert_int_equal(get(FAKE_QUEUE_NOTIFY_OFF, 2), n);
        assert_int_equal(get(FAKE_QUEUE_NOTIFY_DATA, 2), n);
        assert_int_equal(get(FAKE_QUEUE_RESET, 2), 0);
        for (unsigned at = 32; at < 56; at += 4)
            assert_int_equal(get(at, 4), 0);
    }
    static const uint16_t none[] = { QUEUES, 16, 65535 };
    for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
        set(FAKE_QUEUE_SELECT, 2, none[i]);
        for (unsigned j = 9; j < ARRAY_LEN(reg); j++) {         /* writes go nowhere */
            set(reg[j].offset, reg[j].size, 1);
            assert_int_equal(get(reg[j].offset, reg[j].size), reg[j].offset == FAKE_QUEUE_VECTOR ? 0xffff : 0);
        }
    }
}

/* Every offset in every width: what is no register reads ones, and writing it changes nothing. */
static void test_widths(void **unused)
{
    set(FAKE_QUEUE_DESC, 8, 0x1122334455667788);
    set(FAKE_DEVICE_FEATURE_SELECT, 4, 0x12345678);
    for (unsigned offset = 0; offset < 0x1000; offset++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            bool exists = size == 8 && (offset == 32 || offset == 40 || offset == 48);
            for (unsigned j = 0; j < ARRAY_LEN(reg); j++)
                exists |= reg[j].offset == offset && reg[j].size == size;
            uint64_t value = bar(offset, size);
            if (exists)
                continue;
            assert_true(value == ones_of_size(size));
            bar_set(offset, size, 0x0101010101010101);
        }
    }
    assert_int_equal(status(), 0);
    assert_true(bar(32, 8) == 0x1122334455667788);
    assert_int_equal(get(0, 4), 0x12345678);
    bar_set(40, 8, 0x99aabbccddeeff00);
    assert_int_equal(get(40, 4), 0xddeeff00);
    assert_int_equal(get(44, 4), 0x99aabbcc);
}

static void test_read_only(void **unused)
{
    static const unsigned ro[] = { 4, 18, 21, 30, 56 };
    for (unsigned i = 0; i < ARRAY_LEN(ro); i++) {
        unsigned size = ro[i] == 4 ? 4 : ro[i] == 21 ? 1 : 2;
        uint64_t before = get(ro[i], size);
        set(ro[i], size, before ^ 0x55);
        assert_int_equal(get(ro[i], size), before);
    }
}

static void test_features(void **unused)
{
    set(FAKE_DEVICE_FEATURE_SELECT, 4, 2);
    assert_int_equal(get(FAKE_DEVICE_FEATURE, 4), 0);
    set(FAKE_DEVICE_FEATURE_SELECT, 4, UINT32_MAX);
    assert_int_equal(get(FAKE_DEVICE_FEATURE, 4), 0);
    set(FAKE_DRIVER_FEATURE_SELECT, 4, 2);
    set(FAKE_DRIVER_FEATURE, 4, UINT32_MAX);
    assert_int_equal(get(FAKE_DRIVER_FEATURE, 4), 0);
    assert_true(v->features == 0);
    assert_false(fake_driver_negotiate(&d, 0));
    assert_false(fake_driver_negotiate(&d, F_X));       /* without VERSION_1 */
    assert_false(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | BIT64(4)));
    assert_false(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | BIT64(63)));
    dev.refuse_features = true;
    assert_false(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
    assert_int_equal(status(), ACK | DRV);
    dev.refuse_features = false;
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | F_Y | VIRTIO_F_EVENT_IDX));
    assert_true(virtio_has(v, F_Y) && !virtio_has(v, F_X));
    for (unsigned n = 0; n < QUEUES; n++)
        assert_true(v->q[n].event_idx && !v->q[n].indirect);
    for (unsigned i = 0; i < 2; i++) {                  /* fixed from now on */
        set(FAKE_DRIVER_FEATURE_SELECT, 4, i);
        uint64_t before = get(FAKE_DRIVER_FEATURE, 4);
        set(FAKE_DRIVER_FEATURE, 4, 0);
        assert_int_equal(get(FAKE_DRIVER_FEATURE, 4), before);
    }
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC));
    assert_true(v->q[1].indirect && !v->q[1].event_idx);
}

static void test_status(void **unused)
{
    set(FAKE_STATUS, 1, ACK | DRV | OK);                /* without FEATURES_OK */
    assert_int_equal(status(), ACK | DRV);
    assert_int_equal(dev.started, 0);
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);          /* features are not agreed on */
    assert_int_equal(status(), ACK | DRV);
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
    set(FAKE_STATUS, 1, 0xff);                          /* only the driver's bits */
    assert_int_equal(status(), ACK | DRV | FOK | OK | VIRTIO_FAILED);
    assert_int_equal(dev.started, 1);
    set(FAKE_STATUS, 1, ACK);                           /* bits are not taken back one by one */
    assert_int_equal(status(), ACK | DRV | FOK | OK | VIRTIO_FAILED);
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);
    assert_int_equal(dev.started, 1);
    unsigned resets = dev.resets;
    set(FAKE_STATUS, 1, 0);
    assert_int_equal(status(), 0);
    assert_int_equal(dev.resets, resets + 1);
}

/* ---- queues --------------------------------------------------------------------- */

static void test_queue_setup(void **unused)
{
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
    set(FAKE_QUEUE_SELECT, 2, 1);
    static const uint16_t bad[] = { 0, 3, 6, 7, 16, 256, 32768, 65535 };
    set(FAKE_QUEUE_SIZE, 2, 4);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        set(FAKE_QUEUE_SIZE, 2, bad[i]);
        assert_int_equal(get(FAKE_QUEUE_SIZE, 2), 4);
    }
    fake_driver_queue(&d, 1, 4);
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 1);
    assert_true(v->q[1].enabled && !v->q[0].enabled);
    set(FAKE_QUEUE_SIZE, 2, 8);                         /* fixed now */
    set(FAKE_QUEUE_ENABLE, 2, 0);
    set(FAKE_QUEUE_DESC, 8, 0x1000);
    set(FAKE_QUEUE_DRIVER, 8, 0x2000);
    set(FAKE_QUEUE_DEVICE, 8, 0x3000);
    assert_int_equal(get(FAKE_QUEUE_SIZE, 2), 4);
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 1);
    assert_int_equal(v->q[1].desc.v, d.ring[1].desc);
    assert_int_equal(v->q[1].avail.v, d.ring[1].avail);
    assert_int_equal(v->q[1].used.v, d.ring[1].used);
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);
    set(FAKE_QUEUE_SELECT, 2, 0);                       /* too late for another one */
    set(FAKE_QUEUE_DESC, 8, RINGS);
    assert_int_equal(v->q[0].desc.v, 0);
    set(FAKE_QUEUE_ENABLE, 2, 1);
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 0);
    assert_int_equal(status(), ACK | DRV | FOK | OK);
}

static void test_enable_elsewhere(void **unused)
{
    static const uint64_t nowhere[] = { FAKE_RAM, 0xfee00000, UINT64_MAX & ~15ull, FAKE_RAM - 16, RINGS + 8 };
    for (unsigned i = 0; i < ARRAY_LEN(nowhere); i++) {
        assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
        set(FAKE_QUEUE_SELECT, 2, 2);
        set(FAKE_QUEUE_DESC, 8, nowhere[i]);
        set(FAKE_QUEUE_DRIVER, 8, RINGS + 0x1000);
        set(FAKE_QUEUE_DEVICE, 8, RINGS + 0x2000);
        assert_null(v->broken);
        set(FAKE_QUEUE_ENABLE, 2, 1);
        assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 0);
        assert_true(status() & VIRTIO_NEEDS_RESET);
        assert_non_null(v->broken);
        unsigned started = dev.started;
        set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);      /* does not help */
        assert_int_equal(dev.started, started);
        assert_false(line());
        v->broken = NULL;
    }
    set(FAKE_STATUS, 1, 0);
    go(0);                                              /* but a reset does */
    assert_int_equal(status(), ACK | DRV | FOK | OK);
    assert_int_equal(dev.started, 1);
}

static void test_queue_reset(void **unused)
{
    go(VIRTIO_F_EVENT_IDX);
    set(FAKE_QUEUE_SELECT, 2, 1);
    set(FAKE_QUEUE_RESET, 2, 1);                        /* was not agreed on */
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 1);
    assert_int_equal(dev.queue_resets, 0);
    set(FAKE_STATUS, 1, 0);
    go(VIRTIO_F_RING_RESET | VIRTIO_F_EVENT_IDX);
    set(FAKE_QUEUE_SELECT, 2, 1);
    set(FAKE_QUEUE_VECTOR, 2, 1);
    set(FAKE_QUEUE_RESET, 2, 0);
    set(FAKE_QUEUE_RESET, 2, 2);
    assert_int_equal(dev.queue_resets, 0);
    v->q[1].next_avail = 5;
    set(FAKE_QUEUE_RESET, 2, 1);
    assert_int_equal(dev.queue_resets, 1);
    assert_int_equal(get(FAKE_QUEUE_RESET, 2), 0);
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 0);
    assert_int_equal(get(FAKE_QUEUE_VECTOR, 2), 0xffff);
    assert_int_equal(v->q[1].next_avail, 0);
    assert_true(v->q[1].event_idx);
    assert_true(v->q[0].enabled);
    set(FAKE_QUEUE_RESET, 2, 1);                        /* there is nothing to reset */
    assert_int_equal(dev.queue_resets, 1);
    fake_driver_queue(&d, 1, 4);                        /* and anew, now that it may */
    assert_true(v->q[1].enabled);
    assert_int_equal(v->q[1].size, 4);
    assert_true(virtio_ready(v, 1));
}

static void test_queue_reset_later(void **unused)
{
    go(VIRTIO_F_RING_RESET);
    dev.queue_reset_later = true;
    set(FAKE_QUEUE_SELECT, 2, 2);
    set(FAKE_QUEUE_RESET, 2, 1);
    assert_int_equal(get(FAKE_QUEUE_RESET, 2), 1);
    assert_false(virtio_ready(v, 2));
    set(FAKE_QUEUE_SIZE, 2, 2);                         /* not yet */
    set(FAKE_QUEUE_ENABLE, 2, 1);
    set(FAKE_QUEUE_RESET, 2, 1);
    assert_int_equal(get(FAKE_QUEUE_SIZE, 2), SIZE);
    assert_false(v->q[2].enabled);
    assert_int_equal(dev.queue_resets, 1);
    virtio_queue_reset_done(v, 1);                      /* another one */
    assert_int_equal(get(FAKE_QUEUE_RESET, 2), 1);
    virtio_queue_reset_done(v, 2);
    assert_int_equal(get(FAKE_QUEUE_RESET, 2), 0);
    fake_driver_queue(&d, 2, 2);
    assert_true(v->q[2].enabled);
    virtio_queue_reset_done(v, 2);                      /* comes twice: nothing happens */
    assert_true(v->q[2].enabled);
    set(FAKE_QUEUE_RESET, 2, 1);
    set(FAKE_STATUS, 1, 0);                             /* the whole device meanwhile */
    go(VIRTIO_F_RING_RESET);
    virtio_queue_reset_done(v, 2);
    assert_true(v->q[2].enabled);
}

/* ---- reset ---------------------------------------------------------------------- */

static void test_reset(void **unused)
{
    go(VIRTIO_F_EVENT_IDX);
    set(FAKE_CONFIG_VECTOR, 2, 0);
    set(FAKE_DEVICE_FEATURE_SELECT, 4, 1);
    virtio_config_changed(v);
    assert_true(line());
    set(FAKE_STATUS, 1, 0);
    assert_false(line());
    assert_int_equal(fake_driver_isr(&d), 0);
    test_reset_values(NULL);
    assert_int_equal(get(0, 4), 0);
    assert_true(v->features == 0);
    assert_false(v->q[0].event_idx);
}

static void test_reset_later(void **unused)
{
    go(0);
    dev.reset_later = true;
    set(FAKE_STATUS, 1, 0);
    assert_int_not_equal(status(), 0);
    assert_false(virtio_ready(v, 0));
    unsigned resets = dev.resets;
    set(FAKE_STATUS, 1, 0);                             /* asks again; it is under way */
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);
    set(FAKE_DRIVER_FEATURE, 4, 0x7f);
    assert_int_equal(dev.resets, resets);
    assert_false(virtio_machine_reset(v));
    fake_driver_notify(&d, 0);
    assert_int_equal(dev.notified[0], 0);
    virtio_broken(v, "late");                           /* a worker that has not heard yet */
    assert_false(status() & VIRTIO_NEEDS_RESET);
    dev.reset_later = false;
    virtio_reset_done(v);
    assert_int_equal(status(), 0);
    assert_int_equal(get(FAKE_QUEUE_ENABLE, 2), 0);
    go(0);
    virtio_reset_done(v);                               /* comes twice: nothing happens */
    assert_int_equal(status(), ACK | DRV | FOK | OK);
    assert_true(virtio_machine_reset(v));
    assert_int_equal(status(), 0);
    dev.reset_later = true;
    assert_false(virtio_machine_reset(v));
    assert_int_not_equal(status(), 0);
    virtio_reset_done(v);
    assert_int_equal(status(), 0);
}

/* ---- notifications and interrupts ----------------------------------------------- */

static void test_notify(void **unused)
{
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
    fake_driver_queue(&d, 1, 0);
    fake_driver_notify(&d, 1);                          /* before DRIVER_OK */
    assert_int_equal(dev.notified[1], 0);
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);
    fake_driver_notify(&d, 1);
    assert_int_equal(dev.notified[1], 1);
    fake_driver_notify(&d, 0);                          /* not enabled */
    assert_int_equal(dev.notified[0], 0);
    bar_set(0x3004, 2, 0);                              /* the place counts */
    assert_int_equal(dev.notified[1], 2);
    bar_set(0x3004, 4, 1);
    assert_int_equal(dev.notified[1], 3);
    bar_set(0x3006, 2, 1);
    bar_set(0x3000 + 4 * QUEUES, 2, 1);
    bar_set(0x3ffc, 4, 1);
    bar_set(0x3fff, 1, 1);
    assert_int_equal(bar(0x3004, 2), 0xffff);
    v->q[1].broken = "x";
    fake_driver_notify(&d, 1);
    assert_int_equal(dev.notified[0] + dev.notified[1] + dev.notified[2], 3);
}

static void test_intx(void **unused)
{
    go(0);
    assert_false(line());
    virtio_interrupt(v, &v->q[1]);
    assert_true(line());
    virtio_config_changed(v);
    assert_int_equal(bar(0x1000, 2), 0xffff);           /* ISR is one byte */
    assert_int_equal(bar(0x1001, 1), 0xff);
    bar_set(0x1000, 1, 0);
    assert_true(line());
    assert_int_equal(fake_driver_isr(&d), 3);
    assert_false(line());
    assert_int_equal(fake_driver_isr(&d), 0);
    virtio_interrupt(v, &v->q[0]);
    assert_int_equal(fake_driver_isr(&d), 1);
    assert_int_equal(f->msis, 0);
}

static void test_msix(void **unused)
{
    go(0);
    for (unsigned n = 0; n < QUEUES; n++) {
        set(FAKE_QUEUE_SELECT, 2, n);
        set(FAKE_QUEUE_VECTOR, 2, QUEUES - n);
        assert_int_equal(get(FAKE_QUEUE_VECTOR, 2), QUEUES - n);
    }
    set(FAKE_CONFIG_VECTOR, 2, 0);
    use_msix();
    for (unsigned n = 0; n < QUEUES; n++) {
        virtio_interrupt(v, &v->q[n]);
        assert_int_equal(f->msi_data, 0x100 + QUEUES - n);
        assert_int_equal(f->msi_addr, MSG);
    }
    assert_int_equal(f->msis, QUEUES);
    virtio_config_changed(v);
    assert_int_equal(f->msi_data, 0x100);
    assert_false(line());                               /* 4.1.5.1.2: neither line nor ISR */
    assert_int_equal(fake_driver_isr(&d), 0);
    static const uint16_t none[] = { QUEUES + 1, 17, 0xfffe, 0xffff };
    unsigned sent = f->msis;
    for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
        set(FAKE_QUEUE_VECTOR, 2, 1);
        set(FAKE_QUEUE_VECTOR, 2, none[i]);
        set(FAKE_CONFIG_VECTOR, 2, none[i]);
        assert_int_equal(get(FAKE_QUEUE_VECTOR, 2), 0xffff);
        assert_int_equal(get(FAKE_CONFIG_VECTOR, 2), 0xffff);
        virtio_interrupt(v, &v->q[QUEUES - 1]);
        virtio_config_changed(v);
    }
    assert_int_equal(f->msis, sent);
    assert_false(line());
}

/* A message that waited behind a mask is gone after a reset. */
static void test_msix_reset(void **unused)
{
    go(0);
    set(FAKE_QUEUE_SELECT, 2, 0);
    set(FAKE_QUEUE_VECTOR, 2, 1);
    use_msix();
    fake_write(v->pci.bar[1].access, v->pci.bar[1].dev, 16 + 12, 4, 1);
    virtio_interrupt(v, &v->q[0]);
    assert_int_equal(f->msis, 0);
    assert_int_equal(v->pci.msix_pending, 2);
    set(FAKE_STATUS, 1, 0);
    fake_write(v->pci.bar[1].access, v->pci.bar[1].dev, 16 + 12, 4, 0);
    assert_int_equal(f->msis, 0);
}

static void test_broken(void **unused)
{
    virtio_broken(v, "early");                          /* nobody is there yet */
    assert_int_equal(status(), 0);
    assert_null(v->broken);
    go(0);
    spin_lock(&v->q[0].lock);                           /* with or without locks */
    spin_lock(&v->lock);
    virtio_broken(v, "why");
    virtio_broken(v, "again");
    spin_unlock(&v->lock);
    spin_unlock(&v->q[0].lock);
    assert_string_equal(v->broken, "why");
    assert_int_equal(status(), ACK | DRV | FOK | OK | VIRTIO_NEEDS_RESET);
    assert_true(line());
    assert_int_equal(fake_driver_isr(&d), 2);
    assert_false(virtio_ready(v, 0));
    fake_driver_notify(&d, 0);
    assert_int_equal(dev.notified[0], 0);
    set(FAKE_STATUS, 1, ACK | DRV | FOK | OK);
    assert_true(status() & VIRTIO_NEEDS_RESET);
    set(FAKE_STATUS, 1, 0);
    go(0);
    assert_true(virtio_ready(v, 0));
    fake_driver_notify(&d, 0);
    assert_int_equal(dev.notified[0], 1);
}

/* ---- device configuration ------------------------------------------------------- */

static void test_device_config(void **unused)
{
    for (unsigned i = 0; i < CONFIG; i++)
        dev.config[i] = (uint8_t)(i + 1);
    assert_int_equal(fake_driver_config(&d, 0, 4), 0x04030201);
    assert_true(fake_driver_config(&d, 3, 8) == 0x0b0a090807060504);
    assert_int_equal(fake_driver_config(&d, CONFIG - 1, 1), CONFIG);
    assert_int_equal(fake_driver_config(&d, CONFIG - 1, 2), 0xffff);    /* ends before */
    assert_int_equal(fake_driver_config(&d, CONFIG, 1), 0xff);
    assert_true(bar(0x2ff8, 8) == UINT64_MAX);
    fake_driver_config_set(&d, 5, 2, 0xbeef);
    assert_int_equal(dev.config[5], 0xef);
    assert_int_equal(dev.config[6], 0xbe);
    assert_int_equal(dev.config[7], 8);
    fake_driver_config_set(&d, CONFIG - 1, 2, 0);
    assert_int_equal(dev.config[CONFIG - 1], CONFIG);
    static struct virtio_ops fixed;
    fixed = ops;
    fixed.config_write = NULL;
    build(&fixed, CONFIG);
    fake_driver_config_set(&d, 0, 4, 0x55555555);
    assert_int_equal(dev.config[0], 0);
}

static void test_generation(void **unused)
{
    uint8_t before = (uint8_t)get(FAKE_GENERATION, 1);
    virtio_config_changed(v);
    assert_int_not_equal(get(FAKE_GENERATION, 1), before);
    assert_false(line());                               /* 3.1.1: no interrupt before DRIVER_OK */
    go(0);
    before = (uint8_t)get(FAKE_GENERATION, 1);
    virtio_config_changed(v);
    assert_int_not_equal(get(FAKE_GENERATION, 1), before);
    assert_int_equal(fake_driver_isr(&d), 2);
}

/* ---- the window in configuration space ------------------------------------------ */

static unsigned window(uint8_t which, uint32_t offset, uint32_t len)
{
    unsigned at = find_cap(9, 5);
    cfg_set(at + 4, 1, which);
    cfg_set(at + 8, 4, offset);
    cfg_set(at + 12, 4, len);
    return at + 16;
}

static void test_window(void **unused)
{
    unsigned data = window(0, FAKE_NUM_QUEUES, 2);
    assert_int_equal(cfg(data, 2), QUEUES);
    data = window(0, FAKE_STATUS, 1);
    cfg_set(data, 1, ACK);
    assert_int_equal(status(), ACK);
    assert_int_equal(cfg(data, 1), ACK);
    data = window(0, FAKE_DEVICE_FEATURE_SELECT, 4);
    cfg_set(data, 4, 1);
    data = window(0, FAKE_DEVICE_FEATURE, 4);
    assert_int_equal(cfg(data, 4), (F_Y | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET) >> 32);
    assert_int_equal(cfg(data + 2, 2), VIRTIO_F_RING_RESET >> 48);      /* the rest of the same access */
    go(0);
    virtio_interrupt(v, &v->q[0]);
    data = window(0, 0x1000, 1);
    assert_true(line());                                /* setting it up reads nothing */
    assert_int_equal(cfg(data - 4, 4), 1);
    (void)cfg(data + 1, 1);
    assert_true(line());
    assert_int_equal(cfg(data, 1), 1);
    assert_false(line());
    data = window(0, 0x3008, 2);
    cfg_set(data, 2, 2);
    assert_int_equal(dev.notified[2], 1);
}

static void test_window_rules(void **unused)
{
    static const struct { uint8_t which; uint32_t offset, len; } bad[] = {
        { 1, FAKE_STATUS, 1 }, { 6, FAKE_STATUS, 1 }, { 255, FAKE_STATUS, 1 }, { 0, FAKE_STATUS, 0 },
        { 0, FAKE_STATUS, 3 }, { 0, FAKE_STATUS, 8 }, { 0, FAKE_STATUS, UINT32_MAX }, { 0, 0x4000, 1 },
        { 0, 0x3ffe, 4 }, { 0, UINT32_MAX, 1 }, { 0, UINT32_MAX - 3, 4 }, { 0, 0x3001, 2 }, { 0, 2, 4 },
        { 0, 0x2001, 2 }, { 0, 0x2002, 4 }, { 1, 0x2000, 1 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned data = window(bad[i].which, bad[i].offset, bad[i].len);
        cfg_set(data, 4, 0x01010101);
        (void)cfg(data, 4);
        assert_int_equal(status(), 0);
        for (unsigned j = 0; j < CONFIG; j++)
            assert_int_equal(dev.config[j], 0);
    }
    unsigned data = window(0, 8, 4);
    pci_reset(pci);
    for (unsigned at = data - 12; at < data + 4; at += 4)
        assert_int_equal(cfg(at, 4), 0);
}

/* ---- save and load -------------------------------------------------------------- */

static uint32_t seed;
static uint32_t random32(void) { return (seed = seed * 1664525 + 1013904223) >> 8; }

/* Mostly sense, so that devices get far. */
static void churn(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint32_t r = random32();
        const unsigned j = r % ARRAY_LEN(reg);
        switch (r >> 5 & 15) {
        case 0: set(FAKE_STATUS, 1, 0); break;
        case 1: fake_driver_negotiate(&d, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET | F_X); break;
        case 2: set(FAKE_STATUS, 1, ACK | DRV | FOK | OK); break;
        case 3:
        case 4:
            d.free = 0x10000 + 0x1000 * (r >> 9 & 7);
            fake_driver_queue(&d, r >> 12 & 1, (uint16_t)(1 << (r >> 13 & 3)));
            break;
        case 5: virtio_interrupt(v, &v->q[r >> 9 & 1]); break;
        case 6: virtio_config_changed(v); break;
        case 7: set(FAKE_QUEUE_SELECT, 2, r >> 9 & 3); break;
        case 8: set(FAKE_QUEUE_VECTOR, 2, r >> 9 & 3); break;
        case 9: fake_driver_isr(&d); break;
        default: set(reg[j].offset, reg[j].size, random32() & 0x1ff0); break;
        }
    }
}

static size_t save(uint8_t *buf, size_t cap)
{
    struct state_out o = { .buf = buf, .cap = cap };
    virtio_save(v, &o);
    assert_true(o.len <= cap);
    return o.len;
}

static void test_round_trip(void **unused)
{
    uint8_t first[512], second[512], again[512];
    unsigned running = 0;
    for (uint32_t round = 1; round < 300; round++) {
        seed = round;
        churn(60);
        size_t n = save(first, sizeof(first));
        running += virtio_ready(v, 0);
        uint32_t resume = seed;
        churn(60);
        assert_int_equal(save(second, sizeof(second)), n);
        build(&ops, CONFIG);
        struct state_in in = { .buf = first, .len = n };
        assert_int_equal(virtio_load(v, &in), HV_OK);
        assert_int_equal(save(again, sizeof(again)), n);
        assert_memory_equal(again, first, n);
        for (unsigned i = 0; i < QUEUES; i++)
            assert_true(v->q[i].mem == &f->mem && v->q[i].max == SIZE && !v->q[i].event_idx);
        seed = resume;
        churn(60);
        save(again, sizeof(again));
        assert_memory_equal(again, second, n);
    }
    assert_true(running > 10);
}

static void test_load_refuses(void **unused)
{
    uint8_t good[512], bad[512], now[512];
    enum { AT = 12, TYPE = AT, COUNT = AT + 2, STATUS = AT + 4, ISR = AT + 6, VECTOR = AT + 7, FEATURES = AT + 19 };
    enum { QUEUE = AT + 27, QUEUE_VECTOR = QUEUE + 29 };
    go(F_X);
    set(FAKE_QUEUE_VECTOR, 2, 2);
    size_t n = save(good, sizeof(good));
    for (size_t cut = 0; cut < n; cut++) {
        struct state_in in = { .buf = good, .len = cut };
        assert_int_not_equal(virtio_load(v, &in), HV_OK);
    }
    static const struct { uint8_t at, value; } damage[] = {
        { TYPE, 1 }, { COUNT, 2 }, { COUNT, 17 }, { STATUS, 0x1f }, { STATUS, OK }, { ISR, 4 }, { VECTOR + 1, 0 },
        { FEATURES, 4 }, { FEATURES + 4, 0 }, { QUEUE, 3 }, { QUEUE + 5, 1 }, { QUEUE_VECTOR + 1, 1 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(damage); i++) {
        memcpy(bad, good, n);
        bad[damage[i].at] = damage[i].value;
        struct state_in in = { .buf = bad, .len = n };
        assert_int_equal(virtio_load(v, &in), HV_INVALID);
    }
    dev.refuse_features = true;
    struct state_in in = { .buf = good, .len = n };
    assert_int_equal(virtio_load(v, &in), HV_INVALID);
    dev.refuse_features = false;
    save(now, sizeof(now));
    assert_memory_equal(now, good, n);
    in = (struct state_in){ .buf = good, .len = n };
    assert_int_equal(virtio_load(v, &in), HV_OK);
    assert_true(virtio_has(v, F_X) && virtio_ready(v, 1));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_identity), T(test_capabilities), T(test_reset_values), T(test_widths), T(test_read_only),
        T(test_features), T(test_status), T(test_queue_setup), T(test_enable_elsewhere), T(test_queue_reset),
        T(test_queue_reset_later), T(test_reset), T(test_reset_later), T(test_notify), T(test_intx), T(test_msix),
        T(test_msix_reset), T(test_broken), T(test_device_config), T(test_generation), T(test_window),
        T(test_window_rules), T(test_round_trip), T(test_load_refuses),
    };
    return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
