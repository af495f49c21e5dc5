/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/bus.c: attaching, widths, edges of ranges and of the spaces, locks, the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "socle/bits.h"
#include "socle/bus.h"

/* A device that remembers its last access and answers with a fixed value. */
struct probe {
    struct bus_access last;
    unsigned          count;
    uint64_t          answer;
    struct spinlock   lock;
    bool              was_locked;
};

static void probe_access(void *dev, struct bus_access *a)
{
    struct probe *p = dev;
    p->last = *a;
    p->count++;
    p->was_locked = !spin_try(&p->lock);
    if (!p->was_locked)
        spin_unlock(&p->lock);
    if (!a->write)
        a->value = p->answer;
}

static struct probe dev;
static struct pio_bus pio;
static struct mmio_bus mmio;

static int setup(void **unused)
{
    memset(&dev, 0, sizeof(dev));
    dev.answer = 0x1122334455667788ull;
    memset(&pio, 0xff, sizeof(pio));
    memset(&mmio, 0xff, sizeof(mmio));
    pio_bus_init(&pio);
    mmio_bus_init(&mmio);
    return 0;
}

static struct bus_range range(uint64_t base, uint64_t len, uint8_t widths)
{
    return (struct bus_range){ base, len, widths, probe_access, &dev, NULL, "probe" };
}

static hv_status padd(uint64_t base, uint64_t len)
{
    struct bus_range r = range(base, len, 7);
    return pio_attach(&pio, &r);
}

static hv_status madd(uint64_t base, uint64_t len)
{
    struct bus_range r = range(base, len, 15);
    return mmio_attach(&mmio, &r);
}

static bool pread(uint16_t port, uint8_t size, uint64_t *v)
{
    struct bus_access a = { .value = 0x5a5a, .size = size };
    bool hit = pio_access(&pio, port, &a);
    *v = a.value;
    return hit;
}

static bool mread(uint64_t addr, uint8_t size, uint64_t *v)
{
    struct bus_access a = { .value = 0x5a5a, .size = size };
    bool hit = mmio_access(&mmio, gpa(addr), &a);
    *v = a.value;
    return hit;
}

static void port_access_reaches_its_device(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0x3f8, 8), HV_OK);
    assert_true(pread(0x3fa, 2, &v));
    assert_int_equal(v, 0x7788);            /* cut to the size */
    assert_int_equal(dev.last.offset, 2);
    assert_int_equal(dev.last.value, 0xffff);
    assert_false(dev.last.write);

    struct bus_access w = { .offset = 99, .value = 0x12345, .size = 1, .write = true };
    assert_true(pio_access(&pio, 0x3ff, &w));
    assert_true(dev.last.write);
    assert_int_equal(dev.last.offset, 7);
    assert_int_equal(dev.last.value, 0x45);
    assert_int_equal(dev.count, 2);
}

static void nobody_gives_ones(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0x3f8, 8), HV_OK);
    assert_false(pread(0x3f7, 1, &v));
    assert_int_equal(v, 0xff);
    assert_false(pread(0x400, 4, &v));
    assert_int_equal(v, 0xffffffff);
    assert_false(pread(0x3ff, 2, &v));      /* leaves the range */
    assert_int_equal(v, 0xffff);
    assert_false(pread(0x3f7, 2, &v));      /* begins before it */
    assert_false(pread(0, 4, &v));
    assert_false(pread(0xffff, 1, &v));
    struct bus_access w = { .value = 1, .size = 1, .write = true };
    assert_false(pio_access(&pio, 0x80, &w));
    assert_int_equal(w.value, 1);
    assert_int_equal(dev.count, 0);
}

static void refused_width_reads_ones_without_the_device(void **unused)
{
    struct bus_range r = range(0x60, 4, 1);
    uint64_t v;
    assert_int_equal(pio_attach(&pio, &r), HV_OK);
    assert_true(pread(0x60, 2, &v));
    assert_int_equal(v, 0xffff);
    assert_true(pread(0x60, 4, &v));
    assert_int_equal(v, 0xffffffff);
    struct bus_access w = { .value = 1, .size = 2, .write = true };
    assert_true(pio_access(&pio, 0x60, &w));
    assert_int_equal(dev.count, 0);
    assert_true(pread(0x63, 1, &v));
    assert_int_equal(dev.count, 1);
}

static void lock_is_held_around_the_device_only(void **unused)
{
    struct bus_range r = range(0x70, 2, 1);
    uint64_t v;
    r.lock = &dev.lock;
    assert_int_equal(pio_attach(&pio, &r), HV_OK);
    assert_true(pread(0x70, 1, &v));
    assert_true(dev.was_locked);
    assert_int_equal(dev.lock.taken, 0);
    assert_int_equal(padd(0x80, 1), HV_OK);
    assert_true(pread(0x80, 1, &v));
    assert_false(dev.was_locked);
}

static void port_space_edges(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0xffff, 2), HV_RANGE);
    assert_int_equal(padd(0x10000, 1), HV_RANGE);
    assert_int_equal(padd(0, 0), HV_RANGE);
    assert_int_equal(padd(1, UINT64_MAX), HV_RANGE);
    assert_int_equal(padd(UINT64_MAX, 2), HV_RANGE);
    assert_int_equal(padd(0xfffe, 2), HV_OK);
    assert_int_equal(padd(0, 1), HV_OK);
    assert_true(pread(0xffff, 1, &v));
    assert_int_equal(dev.last.offset, 1);
    assert_false(pread(0xffff, 4, &v));     /* does not wrap to port 0 */
    assert_true(pread(0, 1, &v));
}

static void overlaps_are_refused_and_change_nothing(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0x100, 0x10), HV_OK);
    assert_int_equal(padd(0x100, 0x10), HV_EXISTS);
    assert_int_equal(padd(0x10f, 1), HV_EXISTS);
    assert_int_equal(padd(0xff, 2), HV_EXISTS);
    assert_int_equal(padd(0, 0x1000), HV_EXISTS);
    assert_int_equal(padd(0xff, 1), HV_OK);
    assert_int_equal(padd(0x110, 0x200), HV_OK);    /* across page ends */
    assert_int_equal(pio.ranges, 3);
    assert_true(pread(0x30f, 1, &v));
    assert_false(pread(0x310, 1, &v));
    assert_int_equal(dev.last.offset, 0x1ff);
}

static void port_pages_run_out_cleanly(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0, 0x100 * (PIO_PAGES_MAX + 1)), HV_NOMEM);
    assert_int_equal(pio.pages, 0);
    assert_int_equal(padd(0, 0x100 * (PIO_PAGES_MAX - 1)), HV_OK);
    assert_int_equal(padd(0x80ff, 2), HV_NOMEM);    /* two pages, one left */
    assert_false(pread(0x80ff, 1, &v));
    assert_int_equal(padd(0x8000, 0x100), HV_OK);
    assert_int_equal(padd(0x9000, 1), HV_NOMEM);
    assert_true(pread(0x80ff, 1, &v));
}

static void ranges_run_out_cleanly(void **unused)
{
    for (uint64_t i = 0; i < BUS_MAX_RANGES; i++) {
        assert_int_equal(padd(i, 1), HV_OK);
        assert_int_equal(madd(i * 8, 8), HV_OK);
    }
    assert_int_equal(padd(BUS_MAX_RANGES, 1), HV_NOMEM);
    assert_int_equal(madd(BUS_MAX_RANGES * 8, 8), HV_NOMEM);
    assert_int_equal(madd(0, 8), HV_EXISTS);
}

static void mmio_finds_ranges_in_any_order(void **unused)
{
    static const uint64_t base[] = { 0xfee00000, 0xfec00000, 0, 0x100000000ull, 0xfed00000 };
    uint64_t v;
    assert_false(mread(0, 4, &v));
    for (unsigned i = 0; i < ARRAY_LEN(base); i++)
        assert_int_equal(madd(base[i], 0x1000), HV_OK);
    for (unsigned i = 1; i < mmio.ranges; i++)
        assert_true(mmio.range[i - 1].base < mmio.range[i].base);
    for (unsigned i = 0; i < ARRAY_LEN(base); i++) {
        assert_true(mread(base[i], 8, &v));
        assert_true(v == dev.answer);
        assert_int_equal(dev.last.offset, 0);
        assert_true(mread(base[i] + 0xff8, 8, &v));
        assert_int_equal(dev.last.offset, 0xff8);
        assert_false(mread(base[i] + 0xffc, 8, &v));
        assert_true(v == UINT64_MAX);
        assert_false(mread(base[i] + 0x1000, 1, &v));
        assert_false(base[i] && mread(base[i] - 1, 2, &v));
    }
}

static void mmio_space_edges(void **unused)
{
    uint64_t v;
    assert_int_equal(madd(0x1000, 0), HV_RANGE);
    assert_int_equal(madd(UINT64_MAX, 2), HV_RANGE);
    assert_int_equal(madd(UINT64_MAX - 15, 16), HV_OK);     /* ends with the space */
    assert_int_equal(madd(UINT64_MAX - 16, 1), HV_OK);
    assert_int_equal(madd(UINT64_MAX - 16, 2), HV_EXISTS);
    assert_true(mread(UINT64_MAX - 7, 8, &v));
    assert_int_equal(dev.last.offset, 8);
    assert_false(mread(UINT64_MAX - 3, 8, &v));
}

/* ---- the rest -------------------------------------------------------------------- */

static unsigned asked;
static uint64_t asked_at;
static bool answers;

static bool on_rest(void *ctx, uint64_t addr, struct bus_access *a)
{
    assert_ptr_equal(ctx, &dev);
    asked++;
    asked_at = addr;
    if (answers && !a->write)
        a->value = 0x42;
    return answers;
}

static int setup_rest(void **state)
{
    setup(state);
    asked = 0;
    answers = true;
    pio.rest = mmio.rest = (struct bus_rest){ on_rest, &dev };
    return 0;
}

static void rest_is_asked_where_no_range_is(void **unused)
{
    uint64_t v;
    assert_true(pread(0xc000, 4, &v));                  /* no range at all */
    assert_true(mread(0x1000, 4, &v));
    assert_int_equal(asked, 2);
    assert_int_equal(padd(0xc010, 4), HV_OK);
    assert_int_equal(madd(0x1010, 8), HV_OK);
    assert_true(pread(0xc00c, 4, &v));
    assert_int_equal(v, 0x42);
    assert_int_equal(asked_at, 0xc00c);
    assert_true(pread(0xc014, 1, &v));
    assert_true(pread(0xffff, 1, &v));
    assert_true(mread(0x1008, 8, &v));
    assert_int_equal(v, 0x42);
    assert_int_equal(asked_at, 0x1008);
    assert_true(mread(0x1018, 1, &v));
    assert_true(mread(UINT64_MAX, 1, &v));
    assert_true(asked_at == UINT64_MAX);
    struct bus_access a = { .value = 7, .size = 1, .write = true };
    assert_true(pio_access(&pio, 0xc014, &a));
    assert_true(mmio_access(&mmio, gpa(0), &a));
    assert_int_equal(asked, 10);
    assert_int_equal(dev.count, 0);
}

static void rest_may_refuse(void **unused)
{
    uint64_t v;
    answers = false;
    assert_false(pread(0xc000, 2, &v));
    assert_int_equal(v, 0xffff);
    assert_false(mread(0x1000, 8, &v));
    assert_true(v == UINT64_MAX);
    struct bus_access a = { .value = 7, .size = 1, .write = true };
    assert_false(pio_access(&pio, 0xc000, &a));
    assert_false(mmio_access(&mmio, gpa(0), &a));
    assert_int_equal(asked, 4);
}

/* Ranges go first, also for accesses that only touch one. */
static void rest_never_sees_a_range(void **unused)
{
    uint64_t v;
    assert_int_equal(padd(0xc010, 1), HV_OK);
    assert_int_equal(madd(0x1010, 1), HV_OK);
    assert_int_equal(madd(0, 1), HV_OK);
    assert_true(pread(0xc010, 1, &v));
    assert_true(mread(0x1010, 1, &v));
    assert_int_equal(dev.count, 2);
    assert_false(pread(0xc010, 2, &v));
    assert_false(pread(0xc00f, 2, &v));
    assert_false(pread(0xc00d, 4, &v));
    assert_false(mread(0x1010, 2, &v));
    assert_false(mread(0x100f, 2, &v));
    assert_false(mread(0x1009, 8, &v));
    assert_int_equal(asked, 0);
    assert_true(pread(0xc00c, 4, &v));
    assert_true(mread(0x1008, 8, &v));
    assert_int_equal(asked, 2);
    assert_int_equal(dev.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(port_access_reaches_its_device, setup),
        cmocka_unit_test_setup(nobody_gives_ones, setup),
        cmocka_unit_test_setup(refused_width_reads_ones_without_the_device, setup),
        cmocka_unit_test_setup(lock_is_held_around_the_device_only, setup),
        cmocka_unit_test_setup(port_space_edges, setup),
        cmocka_unit_test_setup(overlaps_are_refused_and_change_nothing, setup),
        cmocka_unit_test_setup(port_pages_run_out_cleanly, setup),
        cmocka_unit_test_setup(ranges_run_out_cleanly, setup),
        cmocka_unit_test_setup(mmio_finds_ranges_in_any_order, setup),
        cmocka_unit_test_setup(mmio_space_edges, setup),
        cmocka_unit_test_setup(rest_is_asked_where_no_range_is, setup_rest),
        cmocka_unit_test_setup(rest_may_refuse, setup_rest),
        cmocka_unit_test_setup(rest_never_sees_a_range, setup_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
