/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI as seen from a virtio device's function (PCI Local Bus 3.0, chapters 3 and 6): BARs that
 * are sized, moved, switched off, laid over memory, over the local APIC and over each other;
 * messages that wait or go nowhere; registers written with ones. See virtio.h.
 */
#include "virtio.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc, COMMAND = 4, BAR0 = 0x10, ON = 6, OFF = 4, FREE = 0xd0000000 };
enum { MMIO = 2, MASTER = 4 };

static struct vdev blk, other;
static struct rings rings;
static struct queue q;
static volatile uint8_t memory[0x10000] __attribute__((aligned(0x10000)));

static bool works(const struct vdev *d)
{
    blk_start(&q, d, F_INDIRECT, &rings);
    return blk_works(&q);
}

/* Ones, as from a bus where nobody answers. */
static bool nobody(uint64_t address) { return r32(at(address)) == 0xffffffff && r8(at(address + STATUS)) == 0xff; }

/* A register to tell a device by: what is written to it can be read. */
static bool answers(uint64_t address, uint16_t mark)
{
    w16(at(address + QUEUE_SELECT), mark);
    return r16(at(address + QUEUE_SELECT)) == mark;
}

/* ---- configuration space -------------------------------------------------------- */

static void empty_places(void)
{
    out32(ADDRESS, (blk.pci & 0x7fffffff));
    want(in32(DATA) == 0xffffffff, "an answer although disabled");
    out32(ADDRESS, blk.pci | 1 << 16);
    want(in32(DATA) == 0xffffffff, "an answer from bus 1");
    out32(DATA, 0);
    out32(ADDRESS, 0x80000000 | 31 << 11 | 7 << 8);
    want(in32(DATA) == 0xffffffff, "an answer from an empty slot");
    out32(ADDRESS, blk.pci);
    out8(ADDRESS, 0x55);
    out16(ADDRESS + 2, 0x1234);
    want(in32(ADDRESS) == blk.pci, "the address changes by bytes");
}

static void two_ways_in(void)
{
    for (unsigned i = 0; i < 256; i += 4)
        want(pci_read(&blk, i, 4) == r32(at(0xe0000000 + ((blk.pci & 0xff00) << 4) + i)), "ECAM differs");
    want(r32(at(0xe0000000 + ((blk.pci & 0xff00) << 4) + 0x100)) == 0xffffffff, "extended space");
    w8(at(0xe0000000 + ((blk.pci & 0xff00) << 4) + 0x3c), 0x5a);
    want(pci_read(&blk, 0x3c, 1) == 0x5a, "written by ECAM");
    pci_write(&blk, 0x3c, 1, 11);
}

/* Everything written with ones and zeros; identity and structure stay. */
static void written_with_ones(void)
{
    uint32_t saved[64];
    for (unsigned i = 0; i < 64; i++)
        saved[i] = pci_read(&blk, 4 * i, 4);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 64; i++)
            if (4 * i != COMMAND)
                pci_write(&blk, 4 * i, 4, round ? 0 : 0xffffffff);
    for (unsigned i = 0; i < 64; i++) {
        bool fixed = i == 0 || i == 2 || i == 11 || i == 13 || !(saved[i] & 0xff00);
        want(!fixed || i > 15 || pci_read(&blk, 4 * i, 4) == saved[i] || (i >= 4 && i < 10), "identity changes");
        want(i != 0 || pci_read(&blk, 0, 4) == saved[0], "vendor and device change");
    }
    for (unsigned i = 0; i < 64; i++)
        pci_write(&blk, 4 * i, 4, saved[i]);
    for (unsigned i = 0; i < 64; i++)
        want(i == 1 || 4 * i == blk.window + 16u || pci_read(&blk, 4 * i, 4) == saved[i], "does not come back");
    want(works(&blk), "does not work after");
}

/* ---- BARs ----------------------------------------------------------------------- */

static void sized(void)
{
    uint32_t old = pci_read(&blk, BAR0, 4);
    pci_write(&blk, COMMAND, 2, OFF);
    pci_write(&blk, BAR0, 4, 0xffffffff);
    uint32_t size = ~(pci_read(&blk, BAR0, 4) & ~15u) + 1;
    want(size >= 0x1000 && !(size & (size - 1)), "size");
    pci_write(&blk, BAR0, 4, old);
    want(pci_read(&blk, BAR0, 4) == old, "does not come back");
    pci_write(&blk, COMMAND, 2, ON);
    want(works(&blk), "does not work after");
}

static void sized_while_on(void)
{
    uint32_t old = pci_read(&blk, BAR0, 4);
    pci_write(&blk, BAR0, 4, 0xffffffff);
    want(nobody(old), "still at its old place");
    pci_write(&blk, BAR0, 4, old);
    want(works(&blk), "does not work after");
}

static void decoding_off(void)
{
    pci_write(&blk, COMMAND, 2, OFF);
    want(nobody((uint64_t)blk.common), "an answer although off");
    w16(blk.common + QUEUE_SELECT, 7);
    pci_write(&blk, COMMAND, 2, ON);
    want(r16(blk.common + QUEUE_SELECT) != 7, "written although off");
    want(works(&blk), "does not work after");
}

/* BAR 0 at `to`; `check` is asked there. Then back. */
static void moved(uint64_t to, void (*check)(uint64_t to))
{
    uint32_t old = pci_read(&blk, BAR0, 4);
    want(answers(old, 0), "its place is not known");
    pci_write(&blk, BAR0, 4, (uint32_t)to);
    if (to != old)
        want(nobody(old), "still at its old place");
    check(to);
    pci_write(&blk, BAR0, 4, old);
    want(works(&blk) && r32(blk.table) != 0xffffffff, "does not work after");
}

static void is_there(uint64_t to) { want(answers(to, 0x77), "not at its new place"); }
static void moved_to_free(void) { moved(FREE, is_there); }
static void moved_to_the_end_of_it(void) { moved(0xdfffc000, is_there); }

/* Only that it comes back from there. */
static void any_answer(uint64_t to)
{
    r32(at(to));
    w32(at(to + 0x3000), 0);
    w16(at(to + QUEUE_SELECT), 0);
}

static void moved_to_the_last_page(void) { moved(0xffffc000, any_answer); }
static void moved_over_ecam(void) { moved(0xe00f8000, any_answer); }     /* an empty slot's */

/* RAM stays RAM: the function does not get what is the machine's. */
static void is_memory(uint64_t to)
{
    want(filled(at(to), 0x4000, 9), "RAM is covered");
    w16(at(to + QUEUE_SELECT), 0x4321);
    want(r16(at(to + QUEUE_SELECT)) == 0x4321, "RAM cannot be written");
}

static void moved_over_memory(void)
{
    fill(memory, sizeof(memory), 9);
    moved((uint64_t)memory, is_memory);
    want(filled(memory, QUEUE_SELECT, 9) && filled(memory, 1, 9), "RAM has changed");
}

static void no_change_at_0(uint64_t to)
{
    uint32_t v = r32(at(to + 0x500));
    want(r32(at(to + 0x500)) == v, "low memory");
}

static void moved_to_0(void) { moved(0, no_change_at_0); }

static void is_lapic(uint64_t to)
{
    uint32_t version = r32(at(LAPIC + 0x30));
    w32(at(LAPIC + 0x80), 0x20);
    want(r32(at(LAPIC + 0x80)) == 0x20, "task priority");
    w32(at(LAPIC + 0x80), 0);
    want(version && version != 0xffffffff, "version");
}

static void moved_over_lapic(void) { moved(LAPIC, is_lapic); }

static void is_ioapic(uint64_t to)
{
    w32(at(0xfec00000), 1);
    want((r32(at(0xfec00010)) >> 16 & 0xff) == 23, "I/O APIC's version");
}

static void moved_over_ioapic(void) { moved(0xfec00000, is_ioapic); }

/* Two on one place: one of them answers, and both work when they are apart again. */
static void one_of_them(uint64_t to)
{
    want(answers(to, 0x99), "nobody answers");
    want(r16(blk.common + QUEUE_SELECT) == 0x99 || blk.common != at(to), "neither");
}

static void moved_over_another(void)
{
    moved(bar_of(&other, 0), one_of_them);
    blk_start(&q, &other, 0, &rings);
    want(blk_request(&q, BLK_IN, 0, memory, 512, NULL) == S_OK, "the other does not work after");
}

static void moved_over_its_own_table(void) { moved(bar_of(&blk, 1) & ~0x3fffull, one_of_them); }

static void moved_often(void)
{
    for (unsigned i = 0; i < 50; i++)
        moved(FREE + 0x4000 * (i % 16), is_there);
}

/* ---- messages ------------------------------------------------------------------- */

static void start_messages(void)
{
    want(negotiate(&blk, 0), "refused");
    msix_on(&blk);
    queue_init(&q, &blk, 0, 0, &rings);
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_VECTOR, 1);
    set_status(&blk, DRIVER_OK);
    interrupted_now(1);
}

/* 6.2.2: a message is a write to memory. */
static void without_mastering(void)
{
    start_messages();
    pci_write(&blk, COMMAND, 2, MMIO);
    notify(&q);
    want(!interrupted_now(1), "a message without mastering");
    pci_write(&blk, COMMAND, 2, ON);
    want(works(&blk), "does not work after");
}

static void pending_without_mastering(void)
{
    start_messages();
    w32(blk.table + 16 + 12, 1);
    want(blk_works(&q), "does not work");
    want(r32(blk.pending) == 2, "not pending");
    pci_write(&blk, COMMAND, 2, MMIO);
    w32(blk.table + 16 + 12, 0);
    want(!interrupted_now(1), "a message without mastering");
    pci_write(&blk, COMMAND, 2, ON);
    want(interrupted(1) == 1, "lost");
}

static void to_address(uint64_t address, uint32_t data)
{
    w32(blk.table + 16, (uint32_t)address);
    w32(blk.table + 16 + 4, (uint32_t)(address >> 32));
    w32(blk.table + 16 + 8, data);
    want(blk_works(&q), "does not work");
    want(!interrupted_now(1), "an interrupt");
}

/* What would be a write to memory elsewhere must not be one to ours, nor to a device. */
static void messages_to_nowhere(void)
{
    start_messages();
    fill(memory, 0x1000, 5);
    to_address((uint64_t)memory, 0x12345678);
    to_address(0, 0x12345678);
    to_address(bar_of(&blk, 0) + QUEUE_SELECT - 2, 0xffffffff);
    to_address(0xfec00000, 0xffffffff);
    to_address(~0ull, 0xffffffff);
    to_address(0x1fee00000, VECTOR + 1);
    to_address(LAPIC | 0x7f << 12, VECTOR + 1);     /* a CPU that is not there */
    to_address(LAPIC, 0);                           /* no vector below 16 is one */
    want(filled(memory, 0x1000, 5), "memory has changed");
    w32(blk.table + 16, LAPIC);
    w32(blk.table + 16 + 4, 0);
    w32(blk.table + 16 + 8, VECTOR + 1);
    want(blk_works(&q) && interrupted(1), "no interrupt any more");
}

static void table_out_of_bounds(void)
{
    start_messages();
    uint64_t bar = bar_of(&blk, 1);
    for (unsigned i = 0; i < 0x1000; i += 4) {
        r32(at(bar + i));
        if (i >= 16 * blk.vectors)
            w32(at(bar + i), 0xffffffff);
    }
    w8(at(bar + 16), 0xff);
    w16(at(bar + 18), 0xffff);
    w32(at(bar + 17), 0);
    w64(at(bar + 0xffc), ~0ull);
    want(blk_works(&q) && interrupted(1), "no interrupt any more");
}

static void both_kinds(void)
{
    if (!blk.msi)
        return;
    start_messages();
    pci_write(&blk, blk.msi + 4, 4, LAPIC);
    pci_write(&blk, blk.msi + 12, 2, VECTOR + 2);
    pci_write(&blk, blk.msi + 2, 2, 1);
    for (unsigned i = 0; i < 20; i++) {
        pci_write(&blk, blk.msi + 2, 2, i & 1);
        pci_write(&blk, blk.msix + 2, 2, i & 2 ? 0xc000 : i & 4 ? 0x8000 : 0);
        want(blk_works(&q), "does not work");
    }
    pci_write(&blk, blk.msi + 2, 2, 0);
    pci_write(&blk, blk.msix + 2, 2, 0x8000);
    interrupted_now(1);
    interrupted_now(2);
    want(blk_works(&q) && interrupted(1), "no interrupt any more");
}

/* ---- the window (virtio 1.2, 4.1.4.9) ------------------------------------------- */

static void wild_windows(void)
{
    static const uint32_t lens[] = { 0, 3, 5, 8, 0xffffffff }, offsets[] = { 0, 1, 0x3fff, 0x4000, 0xffffffff, 0xfffffffe };
    blk_start(&q, &blk, 0, &rings);
    for (unsigned bar = 0; bar < 256; bar += bar < 7 ? 1 : 124)
        for (unsigned i = 0; i < 30; i++) {
            pci_write(&blk, blk.window + 4, 1, bar);
            pci_write(&blk, blk.window + 8, 4, offsets[i % 6]);
            pci_write(&blk, blk.window + 12, 4, lens[i / 6]);
            pci_read(&blk, blk.window + 16, 4);
            pci_write(&blk, blk.window + 16, 4, 0xffffffff);
            pci_write(&blk, blk.window + 17, 1, 0);
        }
    want(status(&blk) == (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK), "status has changed");
    want(blk_works(&q), "does not work");
}

/* Through the window to everything, its own page included; then a reset. */
static void window_everywhere(void)
{
    for (uint32_t offset = 0; offset < 0x4000; offset += offset % 0x1000 < 0x40 ? 1 : 0xfc0)
        for (unsigned size = 1; size <= 4; size *= 2) {
            pci_write(&blk, blk.window + 4, 1, 0);
            pci_write(&blk, blk.window + 8, 4, offset);
            pci_write(&blk, blk.window + 12, 4, size);
            pci_read(&blk, blk.window + 16, size);
            pci_write(&blk, blk.window + 16, size, 0x01010101);
        }
    want(works(&blk), "does not work after");
}

static const struct test tests[] = {
    { "empty places", empty_places }, { "ports and ECAM", two_ways_in }, { "written with ones", written_with_ones },
    { "BAR sized", sized }, { "BAR sized while on", sized_while_on }, { "decoding off", decoding_off },
    { "BAR moved", moved_to_free }, { "BAR moved to the end of the window", moved_to_the_end_of_it },
    { "BAR moved to the last page", moved_to_the_last_page }, { "BAR moved over ECAM", moved_over_ecam },
    { "BAR moved over memory", moved_over_memory }, { "BAR moved to 0", moved_to_0 },
    { "BAR moved over the local APIC", moved_over_lapic }, { "BAR moved over the I/O APIC", moved_over_ioapic },
    { "BAR moved over another", moved_over_another }, { "BAR moved over its own table", moved_over_its_own_table },
    { "BAR moved often", moved_often }, { "without mastering", without_mastering },
    { "pending without mastering", pending_without_mastering }, { "messages to nowhere", messages_to_nowhere },
    { "table out of bounds", table_out_of_bounds }, { "MSI and MSI-X", both_kinds },
    { "wild windows", wild_windows }, { "window everywhere", window_everywhere },
};

void toy_main(void)
{
    print("TOY vpci\n");
    interrupts_init();
    if (vdev_find(&blk, BLK, 0) && vdev_find(&other, BLK, 1))
        run_cases(tests, sizeof(tests) / sizeof(*tests));
    else
        print("FAIL devices: not all are there\n");
    cases_done("vpci");
}
