/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/virtio/virtio_rng.c: buffers are filled, in bounded pieces; requests that break rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_driver.h"
#include "socle/bits.h"
#include "socle/virtio/virtio_rng.h"

static struct fake_env *f;
static struct virtio_rng rng;
static struct fake_driver d;
static struct fake_ring *r;
static uint64_t given;              /* bytes of the source so far */
static size_t largest;

static uint8_t pattern(uint64_t i) { return (uint8_t)(i * 7 + (i >> 8) + 1); }

static void source(void *ctx, void *buf, size_t n)
{
    assert_ptr_equal(ctx, &given);
    assert_true(rng.v.q[0].lock.taken);
    largest = n > largest ? n : largest;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = pattern(given++);
}

static int setup(void **unused)
{
    f = fake_env_new();
    given = largest = 0;
    virtio_rng_init(&rng, &f->env, source, &given);
    fake_driver_init(&d, f, &rng.v);
    fake_driver_start(&d, ~0ull & ~VIRTIO_F_EVENT_IDX, 0);
    r = &d.ring[0];
    while (fake_env_work(f))
        ;
    return 0;
}

static int teardown(void **unused)
{
    fake_env_free(f);
    return 0;
}

static uint32_t used(void)
{
    uint16_t head;
    uint32_t len;
    assert_true(fake_ring_used(r, &head, &len));
    return len;
}

static bool nothing_used(void)
{
    uint16_t head;
    uint32_t len;
    return !fake_ring_used(r, &head, &len);
}

static void is_filled(uint64_t at, uint32_t n, uint64_t from)
{
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(f->ram[at + i], pattern(from + i));
}

static void test_identity(void **unused)
{
    assert_int_equal(pci_get16(rng.v.pci.config, 2), 0x1044);
    assert_int_equal(fake_driver_get(&d, FAKE_NUM_QUEUES, 2), 1);
    assert_int_equal(d.device.len, 0);
}

static void test_fills(void **unused)
{
    uint64_t a = fake_driver_alloc(&d, 4096);
    const struct fake_buf b[] = { { a, 600 }, { a + 1000, 1 }, { a + 2000, 99 } };
    fake_ring_add(r, b, 0, 3);
    fake_ring_add(r, b + 1, 0, 1);
    assert_true(nothing_used());
    fake_driver_notify(&d, 0);
    assert_int_equal(used(), 700);
    is_filled(a, 600, 0);
    is_filled(a + 2000, 99, 601);
    assert_int_equal(f->ram[a + 2099], 0);
    assert_int_equal(used(), 1);
    is_filled(a + 1000, 1, 700);
    assert_int_equal(given, 701);
    assert_true(largest <= 256);
    assert_true(rng.v.isr & 1);
    assert_null(f->work);
    assert_int_equal(fake_ring_used_flags(r), 0);
}

/* 5.4.6.2: less than there is room for is allowed, nothing is not. */
static void test_huge_buffer(void **unused)
{
    const struct fake_buf b = { 0x100000, 4 << 20 };
    fake_ring_add(r, &b, 0, 1);
    fake_driver_notify(&d, 0);
    assert_int_equal(used(), VIRTIO_RNG_PIECE);
    is_filled(b.at, VIRTIO_RNG_PIECE, 0);
    assert_int_equal(f->ram[b.at + VIRTIO_RNG_PIECE], 0);
}

static void test_budget(void **unused)
{
    const struct fake_buf b = { 0x100000, 3000 };
    for (unsigned i = 0; i < 5; i++)
        fake_ring_add(r, &b, 0, 1);
    fake_driver_notify(&d, 0);
    assert_int_equal(given, VIRTIO_RNG_PIECE);
    assert_int_equal(fake_ring_used_flags(r), 1);       /* notifications are of no use now */
    assert_int_equal(used(), 3000);
    assert_int_equal(used(), VIRTIO_RNG_PIECE - 3000);
    assert_true(nothing_used());
    assert_true(fake_env_work(f));
    assert_int_equal(given, 2 * VIRTIO_RNG_PIECE);
    unsigned steps = 1;
    while (fake_env_work(f))
        steps++;
    assert_true(steps <= 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(used() > 0);
    assert_true(nothing_used());
    assert_int_equal(fake_ring_used_flags(r), 0);
}

/* Requests of next to nothing are counted, too. */
static void test_many_requests(void **unused)
{
    const struct fake_buf b = { 0x100000, 1 };
    for (unsigned i = 0; i < r->size; i++)
        fake_ring_add(r, &b, 0, 1);
    fake_driver_notify(&d, 0);
    assert_true(given <= 32);
    assert_non_null(f->work);
    while (fake_env_work(f))
        ;
    assert_int_equal(given, r->size);
    const struct fake_buf none = { 0x100000, 0 };
    unsigned n = 0;
    while (!nothing_used())
        n++;
    assert_int_equal(n, r->size);
    fake_ring_add(r, &none, 0, 1);
    fake_driver_notify(&d, 0);
    assert_int_equal(used(), 0);
}

static void breaks(const char *why)
{
    fake_driver_notify(&d, 0);
    while (fake_env_work(f))
        ;
    assert_true(fake_driver_get(&d, FAKE_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_string_equal(rng.v.broken, why);
    assert_true(nothing_used());
    rng.v.broken = NULL;
    d.free = 0x10000;
    fake_driver_start(&d, 0, 0);
}

static void test_rules(void **unused)
{
    const struct fake_buf b[] = { { 0x100000, 8 }, { 0x100100, 8 } };
    fake_ring_add(r, b, 1, 0);
    breaks("entropy request with a buffer to read from");
    fake_ring_add(r, b, 1, 1);
    breaks("entropy request with a buffer to read from");
    static const uint64_t nowhere[] = { FAKE_RAM, FAKE_RAM - 4, 0xfee00000, UINT64_MAX - 3 };
    for (unsigned i = 0; i < ARRAY_LEN(nowhere); i++) {
        const struct fake_buf bad = { nowhere[i], 8 };
        fake_ring_add(r, &bad, 0, 1);
        breaks("entropy buffer is not in RAM");
    }
    fake_ring_offer(r, 1000);
    breaks("available ring names no descriptor");
    fake_put(f, r->avail + 2, 2, 0x8000);
    breaks("available index is too far ahead");
    fake_ring_add(r, b, 0, 1);                          /* fine again */
    fake_driver_notify(&d, 0);
    assert_int_equal(used(), 8);
}

/* Buffers that were there before DRIVER_OK, and work that a reset overtakes. */
static void test_start_and_reset(void **unused)
{
    const struct fake_buf b = { 0x100000, 3000 };
    assert_true(fake_driver_negotiate(&d, VIRTIO_F_VERSION_1));
    fake_driver_queue(&d, 0, 0);
    fake_ring_add(r, &b, 0, 1);
    fake_driver_set(&d, FAKE_STATUS, 1, 0x0f);
    assert_true(fake_env_work(f));
    assert_int_equal(used(), 3000);
    fake_ring_add(r, &b, 0, 1);
    fake_ring_add(r, &b, 0, 1);
    fake_driver_notify(&d, 0);
    uint64_t before = given;
    assert_true(f->work != NULL);
    fake_driver_set(&d, FAKE_STATUS, 1, 0);
    assert_int_equal(fake_driver_get(&d, FAKE_STATUS, 1), 0);
    assert_true(fake_env_work(f));
    assert_false(fake_env_work(f));
    assert_int_equal(given, before);
}

static void test_events(void **unused)
{
    const struct fake_buf b = { 0x100000, 8 };
    d.free = 0x10000;
    fake_driver_start(&d, VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET, 4);
    fake_ring_used_event(r, 2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_driver_isr(&d), 0);
        fake_ring_add(r, &b, 0, 1);
        fake_driver_notify(&d, 0);
        assert_int_equal(used(), 8);
        assert_int_equal(fake_ring_avail_event(r), i + 1);
    }
    assert_int_equal(fake_driver_isr(&d), 1);
    fake_driver_set(&d, FAKE_QUEUE_RESET, 2, 1);
    assert_int_equal(fake_driver_get(&d, FAKE_QUEUE_RESET, 2), 0);
    assert_int_equal(fake_driver_get(&d, FAKE_QUEUE_ENABLE, 2), 0);
}

static void test_save_load(void **unused)
{
    uint8_t a[256], b[256];
    const struct fake_buf buf = { 0x100000, 3000 };
    fake_ring_add(r, &buf, 0, 1);
    fake_ring_add(r, &buf, 0, 1);
    fake_ring_add(r, &buf, 0, 1);
    fake_driver_notify(&d, 0);
    struct state_out o = { .buf = a, .cap = sizeof(a) };
    virtio_rng_save(&rng, &o);
    size_t n = o.len;
    assert_true(n <= sizeof(a));
    f->work = NULL;
    virtio_rng_init(&rng, &f->env, source, &given);
    struct state_in bad = { .buf = a, .len = n - 1 };
    assert_int_not_equal(virtio_rng_load(&rng, &bad), HV_OK);
    assert_null(f->work);
    struct state_in in = { .buf = a, .len = n };
    assert_int_equal(virtio_rng_load(&rng, &in), HV_OK);
    o = (struct state_out){ .buf = b, .cap = sizeof(b) };
    virtio_rng_save(&rng, &o);
    assert_int_equal(o.len, n);
    assert_memory_equal(a, b, n);
    while (fake_env_work(f))                            /* goes on without a notification */
        ;
    used(), used(), used();
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_identity), T(test_fills), T(test_huge_buffer), T(test_budget), T(test_many_requests), T(test_rules),
        T(test_start_and_reset), T(test_events), T(test_save_load),
    };
    return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
