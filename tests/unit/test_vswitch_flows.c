/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow table and the learning switch: who displaces whom, what ages, what moves. */
#include "vswitch_fixture.h"

static struct flow_spec spec_to(unsigned port, uint64_t dst, unsigned vlan, unsigned priority)
{
    return (struct flow_spec){ .match = { .fields = FLOW_VLAN | FLOW_DST, .vlan = (uint16_t)vlan, .dst = dst },
                               .priority = (uint16_t)priority,
                               .actions = { .outputs = 1, .port = { (uint16_t)port } } };
}

/* Nothing dangling in any list. */
static void check_table(void)
{
    uint32_t used = 0, by_share = 0, by_bucket = 0, sure = 0, timed = 0;
    for (unsigned i = 1; i < FLOW_WILD_FIRST; i++)
        used += sw->flow[i].in_use;
    for (unsigned i = 1; i < FLOW_SLOTS; i++)
        timed += sw->flow[i].in_use && (sw->flow[i].spec.idle_s || sw->flow[i].spec.hard_s);
    for (unsigned i = 0; i < SHARES; i++) {
        unsigned n = 0;
        for (uint16_t at = sw->share[i].oldest; at; at = sw->flow[at].newer, n++)
            assert_int_equal(sw->flow[at].share, i);
        assert_int_equal(n, sw->share[i].count);
        assert_true(n <= sw->share[i].most);
        sure += n < sw->share[i].sure ? sw->share[i].sure - n : 0;
        by_share += n;
    }
    for (unsigned i = 0; i < FLOW_BUCKETS; i++) {
        unsigned n = 0;
        for (uint16_t at = sw->bucket[i]; at; at = sw->flow[at].next)
            n++;
        assert_true(n <= FLOW_CHAIN_MAX);
        by_bucket += n;
    }
    assert_int_equal(used, by_share);
    assert_int_equal(used, by_bucket);
    assert_int_equal(used, FLOW_EXACT_MAX - sw->free_slots);
    assert_int_equal(sure, sw->sure_left);
    assert_int_equal(timed, sw->timed);
    assert_true(sw->free_slots >= sw->sure_left);
}

static const struct vport_config any = { .any_mac = true }, uplink = { .uplink = true }, one = { 0 };

static void test_learn_and_age(void **unused)
{
    start(1500, 0);
    join(one), join(uplink), join(one);
    send_to(0, mac(100));
    assert_true(got_by(6));                             /* not known yet */
    send_vlan(1, mac(100), mac(0), -1);
    assert_true(got_by(1));
    send_to(0, mac(100));
    assert_true(got_by(2));
    for (unsigned i = 0; i < 40; i++) {                 /* it is heard of: stays */
        now += 100 * S;
        send_vlan(1, mac(100), mac(0), -1);
        vswitch_tick(sw, now);
    }
    got_by(0);
    send_to(0, mac(100));
    assert_true(got_by(2));
    /* Frames for it keep nothing alive: a station that went silent is looked for again. */
    for (unsigned i = 0; i < 3; i++) {
        now += 99 * S;
        send_to(0, mac(100));
        assert_true(got_by(2));
    }
    now += 3 * S;
    send_to(0, mac(100));
    assert_true(got_by(6));
    assert_int_equal(flows_of(1), 0);
    assert_int_equal(sw->share[1].count, 1);            /* the room comes back a little later */
    vswitch_tick(sw, now);
    assert_int_equal(sw->share[1].count, 0);
    check_table();
}

static void test_next_is_for_timed_flows(void **unused)
{
    start(1500, 0);
    join(one), join(uplink);
    assert_true(vswitch_next(sw) == ~0ull);
    send_to(0, mac(1));
    assert_true(vswitch_next(sw) == ~0ull);             /* own addresses stay */
    send_vlan(1, mac(9), mac(0), -1);
    assert_true(vswitch_next(sw) == now + S);
    now += 400 * S;
    vswitch_tick(sw, now);
    assert_true(vswitch_next(sw) == ~0ull);
    assert_int_equal(flows_of(-1), 2);                  /* the two own ones */
}

static void test_moves(void **unused)
{
    start(1500, 0);
    join(any), join(any), join(one);
    send_vlan(0, mac(70), mac(2), -1);
    send_vlan(1, mac(70), mac(2), -1);                  /* moved */
    got_by(0);
    send_to(2, mac(70));
    assert_true(got_by(2));
    /* An address that is configured moves nowhere. */
    assert_int_equal(send_vlan(1, mac(2), mac(0), -1), NET_DROPPED);
    assert_int_equal(send_vlan(1, mac(0), mac(2), -1), NET_DROPPED);
    send_to(2, mac(0));
    assert_true(got_by(1));
    vport_link(&st[1].p, false);                        /* what it had is forgotten */
    assert_int_equal(flows_of(1), 0);
    send_to(2, mac(70));
    assert_true(got_by(1));
    check_table();
}

/* F1: a million addresses. Only its own room goes, and others are learnt as before. */
static void test_address_flood(void **unused)
{
    start(1500, 0);
    join(any), join(any), join(one), join(uplink);
    for (unsigned i = 0; i < 3; i++)
        send_vlan(1, mac(500 + i), mac(2), -1);
    send_vlan(3, mac(600), mac(2), -1);
    srand(7);
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t src = (((uint64_t)rand() << 24 ^ (uint64_t)rand()) & MAC_MASK & ~MAC_GROUP) | MAC_LOCAL;
        now += 1000;
        send_vlan(0, src, mac(2), -1);
        if (i % 100000 == 0)
            check_table();
    }
    check_table();
    assert_int_equal(st[2].got, 1000004);
    assert_int_equal(sw->share[0].count, 512);
    got_by(0);
    for (unsigned i = 0; i < 3; i++) {
        send_to(2, mac(500 + i));
        assert_true(got_by(2));
    }
    send_to(2, mac(600));
    assert_true(got_by(8));
    send_vlan(1, mac(700), mac(2), -1);                 /* and new ones find room */
    got_by(0);
    send_to(2, mac(700));
    assert_true(got_by(2));
    send_to(2, mac(0));                                 /* the flood did not lose its own */
    assert_true(got_by(1));
}

/* All ports flood: each keeps what is sure for it. */
static void test_floods_of_all(void **unused)
{
    start(1500, 0);
    while (stations < MAX)
        join(any);
    check_table();
    for (unsigned round = 0; round < 40; round++)
        for (unsigned p = 0; p < MAX - 1; p++)
            send_vlan(p, mac(1000 + round * MAX + p), mac(MAX - 1), -1);
    check_table();
    send_vlan(MAX - 1, mac(999), mac(0), -1);
    for (unsigned p = 0; p < MAX; p++)
        assert_true(sw->share[p].count >= (p == MAX - 1 ? 1 : 4));
    got_by(0);
    send_vlan(3, mac(3), mac(999), -1);
    assert_int_equal(st[MAX - 1].got, 1);
    assert_int_equal(st[5].got, 0);
    struct flow_spec spec = spec_to(0, mac(5), 9, 1);
    for (unsigned i = 0; i < 256; i++) {                /* the controller's room, too */
        spec.match.dst = mac(60000 + i);
        assert_int_equal(control_flow_add(sw, &spec, now), HV_OK);
    }
    check_table();
}

/* Chosen to meet in one bucket, as one who knew the secret could: still bounded. */
static void test_collisions(void **unused)
{
    start(1500, 0);
    vswitch_seed(sw, 0);
    join(any), join(any), join(one);
    unsigned found = 0;
    for (uint64_t i = 1; found < 20; i++) {
        uint64_t key = mac(0) | i << 8;
        uint64_t h = key * 0x9e3779b97f4a7c15;
        h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
        if (h >> (64 - FLOW_BUCKETS_LOG) != 77 || key & MAC_GROUP)
            continue;
        send_vlan(found & 1, key, mac(2), -1);
        found++;
    }
    unsigned n = 0;
    for (uint16_t at = sw->bucket[77]; at; at = sw->flow[at].next)
        n++;
    assert_int_equal(n, FLOW_CHAIN_MAX);
    check_table();
}

static void test_wild_flows(void **unused)
{
    start(1500, 0);
    join(one), join(one), join(one), join(access_port(7));
    struct flow_spec drop = { .match = { .fields = FLOW_TYPE, .type = 0x0806 }, .priority = 5 };
    struct flow_spec from2 = { .match = { .fields = FLOW_IN_PORT, .in_port = 2 }, .priority = 9,
                               .actions = { .outputs = 1, .port = { 0 } } };
    assert_int_equal(control_flow_add(sw, &drop, now), HV_OK);
    assert_int_equal(control_flow_add(sw, &from2, now), HV_OK);
    frame_type_is = 0x0806;
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);
    assert_int_equal(send_to(2, mac(1)), NET_SENT);     /* the higher one */
    assert_true(got_by(1));
    struct flow_spec younger = { .match = { .fields = FLOW_IN_PORT }, .priority = 5,
                                 .actions = { .outputs = 1, .port = { 2 } } };
    assert_int_equal(control_flow_add(sw, &younger, now), HV_OK);
    assert_int_equal(send_to(0, mac(1)), NET_DROPPED);  /* of two equal ones the older */
    assert_int_equal(control_flow_delete(sw, &younger.match, 5), HV_OK);
    frame_type_is = 0x0800;
    assert_int_equal(send_to(0, mac(1)), NET_SENT);
    assert_true(got_by(2));
    /* An exact flow of the same priority goes first, of a lower one not. */
    struct flow_spec exact = spec_to(1, mac(1), 0, 9);
    assert_int_equal(control_flow_add(sw, &exact, now), HV_OK);
    assert_int_equal(send_to(2, mac(1)), NET_SENT);
    assert_true(got_by(2));
    exact.priority = 8;
    assert_int_equal(control_flow_add(sw, &exact, now), HV_EXISTS);
    assert_int_equal(control_flow_modify(sw, &exact, now), HV_OK);
    assert_int_equal(send_to(2, mac(1)), NET_SENT);
    assert_true(got_by(1));
    /* Several outputs: not back, not out of the VLAN. */
    struct flow_spec many = { .match = { .fields = FLOW_SRC, .src = mac(1) }, .priority = 20,
                              .actions = { .outputs = 4, .port = { 0, 1, 2, 3 } } };
    assert_int_equal(control_flow_add(sw, &many, now), HV_OK);
    assert_int_equal(send_to(1, mac(0)), NET_SENT);
    assert_true(got_by(5));
    assert_int_equal(control_flow_delete(sw, &many.match, 19), HV_NOT_FOUND);
    assert_int_equal(control_flow_delete(sw, &many.match, 20), HV_OK);
    assert_int_equal(send_to(1, mac(0)), NET_SENT);
    assert_true(got_by(1));
    struct flow_spec out = { .match = { .fields = FLOW_IN_PORT | FLOW_VLAN, .in_port = 1 }, .priority = 30,
                             .actions = { .outputs = 1, .port = { 3 } } };
    assert_int_equal(control_flow_add(sw, &out, now), HV_OK);
    assert_int_equal(send_to(1, mac(0)), NET_DROPPED);  /* 3 is in VLAN 7 */
    assert_true(got_by(0));
    check_table();
}

/* The order stays right whatever comes and goes. */
static void test_wild_order(void **unused)
{
    start(1500, 0);
    join(one), join(one);
    srand(3);
    for (unsigned i = 0; i < 3000; i++) {
        struct flow_spec s = { .match = { .fields = FLOW_TYPE, .type = (uint16_t)(rand() % 12) },
                               .priority = (uint16_t)(rand() % 12), .hard_s = (uint16_t)(rand() % 3) };
        if (rand() % 3)
            assert_int_equal(control_flow_add(sw, &s, now), sw->wild_count > FLOW_WILD_MAX ? HV_NOMEM : HV_OK);
        else
            (void)!control_flow_delete(sw, &s.match, s.priority);
        for (unsigned k = 1; k < sw->wild_count; k++)
            assert_true(sw->flow[sw->wild[k - 1]].spec.priority >= sw->flow[sw->wild[k]].spec.priority);
        if (sw->wild_count > 50) {
            now += 2 * S;
            vswitch_tick(sw, now);
        }
        if (sw->wild_count > 50)
            assert_true(control_flow_delete_all(sw, &(struct flow_match){ 0 }) > 50);
    }
    check_table();
    control_flow_delete_all(sw, &(struct flow_match){ 0 });
    for (unsigned i = 0; i <= FLOW_WILD_MAX; i++) {
        struct flow_spec s = { .match = { .fields = FLOW_TYPE, .type = (uint16_t)i } };
        assert_int_equal(control_flow_add(sw, &s, now), i < FLOW_WILD_MAX ? HV_OK : HV_NOMEM);
    }
    assert_int_equal(control_flow_delete_all(sw, &(struct flow_match){ 0 }), FLOW_WILD_MAX);
    check_table();
}

static void test_timeouts(void **unused)
{
    start(1500, 0);
    join(one), join(one), join(one);
    struct flow_spec idle = spec_to(2, mac(1), 0, 1), hard = spec_to(2, mac(90), 0, 1);
    idle.idle_s = 10;
    hard.hard_s = 10;
    assert_int_equal(control_flow_add(sw, &idle, now), HV_OK);
    assert_int_equal(control_flow_add(sw, &hard, now), HV_OK);
    for (unsigned i = 0; i < 4; i++) {
        send_to(0, mac(1)), send_to(0, mac(90));
        assert_int_equal(st[2].got, 2);
        got_by(0);
        now += 10 * S / 4;
    }
    send_to(0, mac(90));
    assert_true(got_by(6));                             /* over, used or not: flooded */
    send_to(0, mac(1));
    assert_true(got_by(4));                             /* used: stays */
    now += 10 * S;
    send_to(0, mac(1));
    assert_true(got_by(2));                             /* the learning switch knows whose it is */
    vswitch_tick(sw, now);
    check_table();
}

static void test_controllers_flow_stays(void **unused)
{
    start(1500, 0);
    join(any), join(one), join(one);
    send_vlan(0, mac(80), mac(1), -1);
    struct flow_spec s = spec_to(2, mac(80), 0, 0);
    assert_int_equal(control_flow_modify(sw, &s, now), HV_OK);  /* a learnt one: now the controller's */
    send_vlan(0, mac(80), mac(1), -1);
    got_by(0);
    send_to(1, mac(80));
    assert_true(got_by(4));
    vport_link(&st[0].p, false);
    send_to(1, mac(80));
    assert_true(got_by(4));
    struct flow_spec theirs = spec_to(0, mac(2), 0, 0); /* where frames go does not say who may send them */
    assert_int_equal(control_flow_add(sw, &theirs, now), HV_OK);
    vport_link(&st[0].p, true);
    assert_int_equal(send_vlan(0, mac(2), mac(1), -1), NET_DROPPED);
    assert_int_equal(st[0].p.count.conflict, 1);
    struct flow_spec none = spec_to(2, mac(81), 0, 0);
    assert_int_equal(control_flow_modify(sw, &none, now), HV_NOT_FOUND);
    check_table();
}

static void test_bad_flows(void **unused)
{
    start(1500, 0);
    join(one), join(one);
    struct flow_spec good = spec_to(1, mac(5), 3, 1), s;
#define REFUSED(change) do { s = good; change; \
        assert_int_equal(control_flow_add(sw, &s, now), HV_INVALID); \
        assert_int_equal(control_flow_modify(sw, &s, now), HV_INVALID); } while (0)
    REFUSED(s.match.fields |= 32);
    REFUSED(s.match.fields |= 0x8000);
    REFUSED(s.match.vlan = 4095);
    REFUSED(s.match.fields = FLOW_DST);                 /* vlan set, but not named */
    REFUSED(s.match.fields = FLOW_VLAN);
    REFUSED(s.match.src = 1);
    REFUSED(s.match.type = 1);
    REFUSED(s.match.in_port = 1);
    REFUSED((s.match.fields |= FLOW_IN_PORT, s.match.in_port = 2));
    REFUSED(s.match.dst |= 1ull << 48);
    REFUSED(s.flags = 4);
    REFUSED(s.actions.flags = 4);
    REFUSED(s.actions.outputs = 9);
    REFUSED(s.actions.outputs = 255);
    REFUSED(s.actions.port[0] = 2);
    REFUSED(s.actions.port[0] = 0xffff);
    REFUSED(s.actions.port[1] = 1);
    REFUSED((s.match.fields |= FLOW_IN_PORT, s.flags = FLOW_AGE_BY_SOURCE));
#undef REFUSED
    assert_int_equal(control_flow_add(sw, &good, now), HV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learn_and_age), cmocka_unit_test(test_next_is_for_timed_flows),
        cmocka_unit_test(test_moves), cmocka_unit_test(test_address_flood), cmocka_unit_test(test_floods_of_all),
        cmocka_unit_test(test_collisions), cmocka_unit_test(test_wild_flows), cmocka_unit_test(test_wild_order),
        cmocka_unit_test(test_timeouts), cmocka_unit_test(test_controllers_flow_stays),
        cmocka_unit_test(test_bad_flows),
    };
    return cmocka_run_group_tests_name("vswitch_flows", tests, NULL, NULL);
}
