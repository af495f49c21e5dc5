/* SPDX-License-Identifier: BSD-2-Clause */
/* drivers/pure/host_pci.c: scan behind bridges, BAR sizes with decoding off, capability lists, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/pure/host_pci.h"
#include "socle/bits.h"
#include "socle/le.h"

enum { DEVICES = 12 };

/* A function with its registers; bits of wmask can be written. */
struct device { bool used; uint8_t bus, devfn, reg[256], wmask[256]; };

static struct device device[DEVICES];
static unsigned reads, probed_while_on;
static struct host_pci found;

static struct device *at(uint8_t bus, uint8_t devfn)
{
    for (unsigned i = 0; i < DEVICES; i++)
        if (device[i].used && device[i].bus == bus && device[i].devfn == devfn)
            return &device[i];
    return NULL;
}

static uint32_t rd(void *ctx, struct host_pci_addr a, unsigned offset, unsigned size)
{
    uint32_t v = ~0u;
    const struct device *d = at(a.bus, a.devfn);
    reads++;
    assert_true(offset + size <= 256 && offset % size == 0);
    if (d)
        memcpy(&v, d->reg + offset, size);
    return size == 4 ? v : v & (BIT(8 * size) - 1);
}

static void wr(void *ctx, struct host_pci_addr a, unsigned offset, unsigned size, uint32_t v)
{
    struct device *d = at(a.bus, a.devfn);
    assert_non_null(d);
    if (offset >= 0x10 && offset < 0x28 && v == ~0u)
        probed_while_on += d->reg[4] & 3;
    for (unsigned i = 0; i < size; i++, v >>= 8)
        d->reg[offset + i] = (uint8_t)((d->reg[offset + i] & ~d->wmask[offset + i]) | (v & d->wmask[offset + i]));
}

static const struct host_pci_access access = { NULL, rd, wr };

static struct device *add(uint8_t bus, uint8_t dev, uint8_t fn, uint16_t vendor, uint32_t class_code, uint8_t header)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        struct device *d = &device[i];
        if (d->used)
            continue;
        *d = (struct device){ .used = true, .bus = bus, .devfn = (uint8_t)(dev << 3 | fn) };
        put_le16(d->reg, vendor);
        put_le16(d->reg + 2, 0x1234);
        put_le32(d->reg + 8, class_code << 8 | 7);
        d->reg[0x0e] = header;
        d->reg[4] = 3;                          /* decodes, as firmware left it */
        d->wmask[4] = 7;
        d->wmask[5] = 4;
        return d;
    }
    abort();
}

static struct device *bridge(uint8_t bus, uint8_t dev, uint8_t behind)
{
    struct device *d = add(bus, dev, 0, 0x1b36, 0x060400, 1);
    d->reg[0x19] = behind;
    return d;
}

static void bar(struct device *d, unsigned n, uint32_t value, uint32_t wmask)
{
    put_le32(d->reg + 0x10 + 4 * n, value);
    put_le32(d->wmask + 0x10 + 4 * n, wmask);
}

static void scan(void)
{
    struct host_pci_scan s = { { 0 } };
    memset(&found, 0, sizeof(found));
    reads = probed_while_on = 0;
    host_pci_scan_bus(&found, &s, &access, 0, 0);
}

static int setup(void **unused)
{
    memset(device, 0, sizeof(device));
    return 0;
}

static void expect_at(unsigned i, const char *text)
{
    char buf[HOST_PCI_TEXT];
    assert_true(i < found.count);
    assert_string_equal(host_pci_text(found.fn[i].at, buf), text);
}

static void test_scan(void **unused)
{
    add(0, 0, 0, 0x8086, 0x060000, 0);
    bridge(0, 2, 5);
    add(0, 3, 0, 0x8086, 0x020000, 0x80);
    add(0, 3, 5, 0x8086, 0x010601, 0);
    add(0, 4, 3, 0x8086, 0x020000, 0);          /* no function 0: not there */
    add(0, 5, 0, 0x8086, 0x020000, 0);
    add(0, 5, 1, 0x8086, 0x020000, 0);          /* function 0 has only itself */
    bridge(5, 0, 6);
    add(6, 31, 0, 0x1af4, 0x010000, 0);
    scan();
    assert_int_equal(found.count, 7);
    expect_at(0, "0000:00:00.0");
    expect_at(2, "0000:00:03.0");
    expect_at(3, "0000:00:03.5");
    expect_at(5, "0000:05:00.0");
    expect_at(6, "0000:06:1f.0");
    assert_int_equal(found.fn[6].vendor, 0x1af4);
    assert_int_equal(found.fn[6].class_code, 0x010000);
    assert_int_equal(found.fn[6].revision, 7);
}

/* Bridges that firmware set up in a circle, or not at all. */
static void test_scan_ends(void **unused)
{
    bridge(0, 1, 1);
    bridge(1, 1, 0);
    bridge(1, 2, 1);
    bridge(1, 3, 255);
    scan();
    assert_int_equal(found.count, 4);
    assert_true(reads < 4 * 32 * 10);
}

static void test_no_pci(void **unused)
{
    scan();
    assert_int_equal(found.count, 0);
    add(0, 0, 0, 0, 0, 0);                      /* reads as zeroes */
    scan();
    assert_int_equal(found.count, 0);
}

static void expect_bar(unsigned n, enum host_pci_bar_kind kind, uint64_t where, uint64_t size)
{
    const struct host_pci_bar *b = &found.fn[0].bar[n];
    assert_int_equal(b->kind, kind);
    assert_int_equal(b->at, where);
    assert_int_equal(b->size, size);
}

static void test_bars(void **unused)
{
    struct device *d = add(0, 1, 0, 0x1af4, 0x010000, 0);
    bar(d, 0, 0xc001, 0xffffffc0);              /* ports */
    bar(d, 1, 0xfebf1000, 0xfffff000);
    bar(d, 2, 0x1000000c, 0xffffc000);          /* 64 bits, prefetchable, above 4 GiB */
    bar(d, 3, 0x38, 0xffffffff);
    bar(d, 4, 0xe0000004, 0);                   /* 64 bits, 4 GiB: the lower half has no bit */
    bar(d, 5, 0, 0xffffffff);
    uint8_t before[256];
    memcpy(before, d->reg, 256);
    scan();
    expect_bar(0, HOST_BAR_IO, 0xc000, 64);
    expect_bar(1, HOST_BAR_MEM, 0xfebf1000, 4096);
    expect_bar(2, HOST_BAR_MEM, 0x3810000000, 16384);
    assert_true(found.fn[0].bar[2].wide && found.fn[0].bar[2].prefetch && !found.fn[0].bar[1].wide);
    expect_bar(3, HOST_BAR_NONE, 0, 0);
    assert_memory_equal(before, d->reg, 256);   /* put back, decoding too */
    assert_int_equal(probed_while_on, 0);
}

static void test_odd_bars(void **unused)
{
    struct device *d = add(0, 1, 0, 0x1af4, 0x010000, 0);
    bar(d, 0, 0xfebf1000, 0x00fff000);          /* upper bits are fixed: no size */
    bar(d, 1, 0xc001, 0xfff0);                  /* ports of 16 bits */
    bar(d, 2, 0, 0);
    bar(d, 5, 0xe000000c, 0xfff00000);          /* 64 bits, but the last register */
    scan();
    expect_bar(0, HOST_BAR_NONE, 0xfebf1000, 0);
    expect_bar(1, HOST_BAR_IO, 0xc000, 16);
    expect_bar(2, HOST_BAR_NONE, 0, 0);
    expect_bar(5, HOST_BAR_MEM, 0xe0000000, 0x100000);
}

/* Only two registers of a bridge are BARs, and a host bridge is left alone. */
static void test_bars_of_bridges(void **unused)
{
    struct device *d = bridge(0, 1, 1), *h = add(0, 2, 0, 0x8086, 0x060000, 0);
    bar(d, 0, 0xfebf1000, 0xfffff000);
    bar(d, 2, 0x00010100, 0xffffffff);          /* bus numbers */
    bar(h, 0, 0xfebf1000, 0xfffff000);
    uint8_t before[256];
    memcpy(before, d->reg, 256);
    scan();
    expect_bar(0, HOST_BAR_MEM, 0xfebf1000, 4096);
    expect_bar(2, HOST_BAR_NONE, 0, 0);
    assert_memory_equal(before, d->reg, 256);
    assert_int_equal(found.fn[1].bar[0].kind, HOST_BAR_NONE);
}

static void test_capabilities(void **unused)
{
    struct device *d = add(0, 1, 0, 0x1af4, 0x010000, 0);
    d->reg[0x34] = 0x40;
    scan();
    const struct host_pci_function *f = &found.fn[0];
    put_le16(d->reg + 0x40, 0x5009);
    put_le16(d->reg + 0x50, 0x6311);            /* low bits of a pointer do not count */
    put_le16(d->reg + 0x60, 0x0009);
    assert_int_equal(host_pci_capability(f, 0x09, 0), 0);       /* status says: no list */
    d->reg[6] = 0x10;
    assert_int_equal(host_pci_capability(f, 0x09, 0), 0x40);
    assert_int_equal(host_pci_capability(f, 0x09, 0x40), 0x60);
    assert_int_equal(host_pci_capability(f, 0x09, 0x60), 0);
    assert_int_equal(host_pci_capability(f, 0x11, 0), 0x60 - 0x10);
    assert_int_equal(host_pci_capability(f, 0x05, 0), 0);
    d->reg[0x61] = 0x40;                        /* a circle */
    assert_int_equal(host_pci_capability(f, 0x05, 0), 0);
    d->reg[0x61] = 0x04;                        /* into the header */
    assert_int_equal(host_pci_capability(f, 0x05, 0), 0);
    d->reg[0x34] = 0xff;                        /* the last place */
    assert_int_equal(host_pci_capability(f, 0x05, 0), 0);
}

static void test_enable(void **unused)
{
    struct device *d = add(0, 1, 0, 0x1af4, 0x010000, 0);
    d->reg[4] = 0;
    scan();
    host_pci_enable(&found.fn[0]);
    assert_int_equal(get_le16(d->reg + 4), 0x406);
    host_pci_stop_dma(&found.fn[0]);
    assert_int_equal(get_le16(d->reg + 4), 0x402);
}

static void test_names(void **unused)
{
    char buf[64];
    struct host_pci_function f = { .vendor = 0x144d, .device = 0xa808, .class_code = 0x010802 };
    host_pci_what(&f, buf, sizeof(buf));
    assert_string_equal(buf, "NVMe disk (144d:a808)");
    assert_string_equal(host_pci_would_need(&f), "nvme");
    f = (struct host_pci_function){ .vendor = 0x8086, .device = 0x10d3, .class_code = 0x020000 };
    assert_string_equal(host_pci_would_need(&f), "e1000e");
    f = (struct host_pci_function){ .vendor = 0x1af4, .device = 0x1001, .class_code = 0x010000 };
    host_pci_what(&f, buf, sizeof(buf));
    assert_string_equal(buf, "virtio disk (1af4:1001)");
    f.device = 0x1041;
    host_pci_what(&f, buf, sizeof(buf));
    assert_string_equal(buf, "virtio network (1af4:1041)");
    f = (struct host_pci_function){ .vendor = 1, .device = 2, .class_code = 0x550102 };
    host_pci_what(&f, buf, sizeof(buf));
    assert_string_equal(buf, "class 550102 (0001:0002)");
    assert_null(host_pci_would_need(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_scan, setup), cmocka_unit_test_setup(test_scan_ends, setup),
        cmocka_unit_test_setup(test_no_pci, setup), cmocka_unit_test_setup(test_bars, setup),
        cmocka_unit_test_setup(test_odd_bars, setup), cmocka_unit_test_setup(test_bars_of_bridges, setup),
        cmocka_unit_test_setup(test_capabilities, setup), cmocka_unit_test_setup(test_enable, setup),
        cmocka_unit_test_setup(test_names, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
