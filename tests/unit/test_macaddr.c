/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as text, made from names, and the hash behind it against its published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "socle/net/macaddr.h"

/* The paper's appendix A: key 00..0f, message 00..0e. The empty and 8-byte ones: its vectors. */
static void test_siphash(void **unused)
{
    uint8_t key[16], message[15];
    for (unsigned i = 0; i < 16; i++)
        key[i] = (uint8_t)i;
    for (unsigned i = 0; i < 15; i++)
        message[i] = (uint8_t)i;
    assert_true(siphash(key, message, 15) == 0xa129ca6149be45e5);
    assert_true(siphash(key, message, 0) == 0x726fdb47dd0e0e31);
    assert_true(siphash(key, message, 8) == 0x93f5f5799a932462);
}

static void test_default(void **unused)
{
    enum { N = 2000 };
    static uint64_t seen[N];
    uint8_t uuid[16] = { 1, 2, 3 }, mac[6], again[6];
    char name[40];
    unsigned n = 0;
    for (unsigned g = 0; g < N / 4; g++) {
        snprintf(name, sizeof(name), "guest-%u", g);
        for (uint32_t i = 0; i < 4; i++) {
            mac_default(mac, uuid, name, i);
            mac_default(again, uuid, name, i);
            assert_memory_equal(mac, again, 6);
            assert_int_equal(mac[0] & 3, 2);
            seen[n++] = mac_load(mac);
        }
    }
    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    mac_default(mac, uuid, "web", 0);
    uuid[15] = 1;
    mac_default(again, uuid, "web", 0);
    assert_memory_not_equal(mac, again, 6);
}

static void test_text(void **unused)
{
    static const char *const bad[] = {
        "", ":", "5", "52:54:00:12:34:5", "52:54:00:12:34:567", "52:54:00:12:34-56", "52:54:00:12:34:5g",
        "525400123456", "52.54.00.12.34.56", " 2:54:00:12:34:56", "52:54:00:12:34:56 ", "5254:00:12:34:561",
    };
    uint8_t mac[6];
    char text[MAC_TEXT];
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mac_parse(mac, bad[i]));
    assert_true(mac_parse(mac, "52:54:00:aB:Cd:9F"));
    assert_memory_equal(mac, "\x52\x54\x00\xab\xcd\x9f", 6);
    mac_format(text, mac);
    assert_string_equal(text, "52:54:00:ab:cd:9f");
    assert_true(mac_parse(mac, "00-01-02-03-04-05"));
    assert_memory_equal(mac, "\x00\x01\x02\x03\x04\x05", 6);
    assert_true(mac_load(mac) == 0x050403020100);
    mac_store(mac, 0x060504030201);
    assert_memory_equal(mac, "\x01\x02\x03\x04\x05\x06", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash), cmocka_unit_test(test_default), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests_name("macaddr", tests, NULL, NULL);
}
