/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/vq.c: adding, order, indirect tables, notifications, wrap-around, and a device that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_vdev.h"

static _Alignas(4096) uint8_t arena[16 * 4096];
static struct vdev dev;
static struct fake_vdev fake;
static struct vq *const q = &dev.q[0];
static int tokens[VQ_SIZE_MAX + 1];

static void make(uint16_t size, bool indirect, bool event_idx)
{
    memset(arena, 0, sizeof(arena));
    fake_vdev_init(&fake, &dev, arena, 0, size, NULL);
    vq_init(q, size, arena, indirect, event_idx);
}

static struct vq_desc *table(unsigned n, unsigned writable)
{
    struct vq_desc *t = (struct vq_desc *)(arena + 8 * 4096);
    memset(t, 0, n * sizeof(*t));
    for (unsigned i = 0; i < n; i++)
        t[i] = (struct vq_desc){ { 0x9000 + 16 * i }, 16, i + writable >= n ? VQ_WRITE : 0, 0 };
    return t;
}

static void test_chains(void **unused)
{
    struct fake_request r;
    uint32_t len;
    make(8, false, false);
    assert_true(vq_room(q, 8) && !vq_room(q, 9));
    vq_add(q, &dev.space, table(3, 1), 3, &tokens[0]);
    vq_add(q, &dev.space, table(5, 2), 5, &tokens[1]);
    assert_false(vq_room(q, 1));
    assert_false(fake_vdev_take(&fake, 0, &r));         /* not shown yet */
    assert_true(vq_publish(q));
    assert_false(vq_publish(q));                        /* nothing new */
    assert_true(fake_vdev_take(&fake, 0, &r));
    assert_int_equal(r.n, 3);
    assert_ptr_equal(r.seg[1].at, arena + 0x9010);
    assert_true(!r.seg[1].write && r.seg[2].write && !r.indirect);
    uint16_t first = r.head;
    assert_true(fake_vdev_take(&fake, 0, &r));
    assert_int_equal(r.n, 5);
    fake_vdev_put(&fake, 0, r.head, 7);                 /* out of order */
    fake_vdev_put(&fake, 0, first, 9);
    assert_ptr_equal(vq_get(q, &len), &tokens[1]);
    assert_int_equal(len, 7);
    assert_true(vq_room(q, 5) && !vq_room(q, 6));
    assert_ptr_equal(vq_get(q, &len), &tokens[0]);
    assert_null(vq_get(q, &len));
    assert_true(vq_room(q, 8) && !q->in_flight && !q->broken);
}

static void test_indirect(void **unused)
{
    struct fake_request r;
    make(4, true, false);
    assert_true(vq_room(q, 100));
    for (unsigned i = 0; i < 4; i++)
        vq_add(q, &dev.space, table(100, 1), 100, &tokens[i]);
    assert_false(vq_room(q, 2));
    assert_true(vq_publish(q));
    for (unsigned i = 0; i < 4; i++) {
        assert_true(fake_vdev_take(&fake, 0, &r));
        assert_true(r.indirect && r.n == 100);
    }
}

static void test_one_descriptor_is_never_indirect(void **unused)
{
    struct fake_request r;
    make(4, true, false);
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[0]);
    vq_add_direct(q, table(2, 1), 2, &tokens[1]);
    assert_true(vq_publish(q));
    assert_true(fake_vdev_take(&fake, 0, &r) && !r.indirect && r.n == 1);
    assert_true(fake_vdev_take(&fake, 0, &r) && !r.indirect && r.n == 2);
}

static void test_take_back(void **unused)
{
    struct fake_request r;
    make(8, false, false);
    uint16_t a = vq_add(q, &dev.space, table(3, 1), 3, &tokens[0]);
    uint16_t b = vq_add(q, &dev.space, table(4, 1), 4, &tokens[1]);
    vq_take_back(q, b);
    vq_take_back(q, a);
    assert_true(vq_room(q, 8) && !q->in_flight && !vq_publish(q));
    vq_add(q, &dev.space, table(8, 1), 8, &tokens[2]);
    assert_true(vq_publish(q));
    assert_true(fake_vdev_take(&fake, 0, &r) && r.n == 8);
    assert_false(fake_vdev_take(&fake, 0, &r));
}

/* Indexes run over 65535, descriptors get into every order. */
static void test_long_run(void **unused)
{
    struct fake_request r;
    uint32_t len, out = 0, in = 0;
    make(16, false, false);
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned n = 1 + (unsigned)rand() % 4;
        if (vq_room(q, n)) {
            vq_add(q, &dev.space, table(n, 0), n, &tokens[out++ % 256]);
            assert_true(vq_publish(q));
        }
        if (rand() % 3 && fake_vdev_take(&fake, 0, &r))
            fake_vdev_put(&fake, 0, r.head, in % 1000);
        int *t = vq_get(q, &len);
        if (t) {
            assert_ptr_equal(t, &tokens[in % 256]);
            assert_int_equal(len, in++ % 1000);
        }
    }
    assert_true(in > 70000 && !q->broken);
}

static void test_notify_flag(void **unused)
{
    make(8, false, false);
    q->used[0] = 1;                                     /* VIRTQ_USED_F_NO_NOTIFY */
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[0]);
    assert_false(vq_publish(q));
    q->used[0] = 0;
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[0]);
    assert_true(vq_publish(q));
}

static void test_notify_event(void **unused)
{
    make(8, false, true);
    for (unsigned i = 0; i < 3; i++)
        vq_add(q, &dev.space, table(1, 1), 1, &tokens[i]);
    *q->avail_event = 2;                                /* with the third */
    assert_true(vq_publish(q));
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[3]);
    assert_false(vq_publish(q));                        /* it was told of that one */
    *q->avail_event = 4;
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[4]);
    assert_true(vq_publish(q));
    assert_ptr_equal((const volatile uint8_t *)q->avail_event, arena + 8 * 16 + 24 + 4 + 64);
}

static void test_interrupts(void **unused)
{
    struct fake_request r;
    uint32_t len;
    make(8, false, false);
    vq_interrupt_off(q);
    assert_int_equal(q->avail[0], 1);
    assert_false(vq_interrupt_on(q));
    assert_int_equal(q->avail[0], 0);
    make(8, false, true);
    vq_add(q, &dev.space, table(1, 1), 1, &tokens[0]);
    assert_true(vq_publish(q));
    assert_true(fake_vdev_take(&fake, 0, &r));
    fake_vdev_put(&fake, 0, r.head, 0);
    assert_true(vq_interrupt_on(q));                    /* there is one already */
    assert_ptr_equal(vq_get(q, &len), &tokens[0]);
    assert_false(vq_interrupt_on(q));
    assert_int_equal(q->avail[2 + 8], 1);               /* used_event: the next one */
}

static void lie(uint32_t id, uint16_t index)
{
    struct fake_request r;
    uint32_t len;
    make(8, false, false);
    vq_add(q, &dev.space, table(2, 1), 2, &tokens[0]);
    vq_add(q, &dev.space, table(2, 1), 2, &tokens[1]);
    assert_true(vq_publish(q));
    assert_true(fake_vdev_take(&fake, 0, &r));
    fake_vdev_put(&fake, 0, id, 0);
    q->used[1] = index;
    void *t = vq_get(q, &len);
    if (id == r.head && index == 1) {
        assert_ptr_equal(t, &tokens[0]);
        return;
    }
    assert_null(t);
    assert_non_null(q->broken);
    q->used[1] = 1;
    assert_null(vq_get(q, &len));                       /* for good */
}

static void test_device_that_lies(void **unused)
{
    lie(0, 1);                                          /* the truth */
    lie(8, 1);
    lie(1, 1);                                          /* not the first of a chain */
    lie(5, 1);                                          /* free */
    lie(0xffffffff, 1);
    lie(0x10000, 1);
    lie(0, 3);                                          /* more than were under way */
    lie(0, 0xffff);
}

static void test_twice(void **unused)
{
    struct fake_request r;
    uint32_t len;
    make(8, false, false);
    vq_add(q, &dev.space, table(2, 1), 2, &tokens[0]);
    vq_add(q, &dev.space, table(2, 1), 2, &tokens[1]);
    assert_true(vq_publish(q));
    assert_true(fake_vdev_take(&fake, 0, &r));
    fake_vdev_put(&fake, 0, r.head, 0);
    fake_vdev_put(&fake, 0, r.head, 0);
    assert_ptr_equal(vq_get(q, &len), &tokens[0]);
    assert_null(vq_get(q, &len));
    assert_non_null(q->broken);
}

static void test_detach(void **unused)
{
    make(8, false, false);
    vq_add(q, &dev.space, table(2, 1), 2, &tokens[0]);
    vq_add(q, &dev.space, table(3, 1), 3, &tokens[1]);
    void *a = vq_detach(q), *b = vq_detach(q);
    assert_true((a == &tokens[0] && b == &tokens[1]) || (a == &tokens[1] && b == &tokens[0]));
    assert_null(vq_detach(q));
    assert_int_equal(q->free, 8);
}

/* The largest queue stays within the pages it was given. */
static void test_place(void **unused)
{
    make(VQ_SIZE_MAX, true, true);
    assert_true((const volatile uint8_t *)(q->avail_event + 1) <= arena + VQ_PAGES * 4096);
    assert_int_equal((uintptr_t)q->used % 4, 0);
    assert_true((const volatile uint8_t *)q->used >= (const volatile uint8_t *)q->avail + 6 + 2 * VQ_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains), cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_one_descriptor_is_never_indirect), cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_long_run), cmocka_unit_test(test_notify_flag), cmocka_unit_test(test_notify_event),
        cmocka_unit_test(test_interrupts), cmocka_unit_test(test_device_that_lies), cmocka_unit_test(test_twice),
        cmocka_unit_test(test_detach), cmocka_unit_test(test_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
