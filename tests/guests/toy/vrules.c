/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the specification promises a driver that keeps its rules (virtio 1.2, chapters 2 to 4,
 * 5.2, 5.4), tried on a block and an entropy device: features, queues, framing, interrupts,
 * resets. One line a case; see virtio.h.
 */
#include "virtio.h"

enum { BUF = 8192, MANY = 64 };

static struct vdev blk, readonly, rng;
static struct rings rings[2];
static struct queue q;
static volatile uint8_t buf[BUF] __attribute__((aligned(16)));
static volatile struct desc table[RING] __attribute__((aligned(16)));

/* ---- features and status -------------------------------------------------------- */

static void fresh_device(void)
{
    vdev_reset(&blk);
    uint16_t queues = r16(blk.common + NUM_QUEUES);
    want(queues >= 1, "no queues");
    want(r16(blk.common + CONFIG_VECTOR) == NO_VECTOR, "a vector for the configuration");
    for (uint16_t i = 0; i < queues; i++) {
        queue_select(&blk, i);
        uint16_t size = r16(blk.common + QUEUE_SIZE);
        want(size && !(size & (size - 1)), "queue size is no power of two");
        want(!r16(blk.common + QUEUE_ENABLE), "queue is enabled");
        want(r16(blk.common + QUEUE_VECTOR) == NO_VECTOR, "queue has a vector");
    }
    queue_select(&blk, queues);
    want(!r16(blk.common + QUEUE_SIZE), "a queue beyond the last one has a size");
}

static void status_bits(void)
{
    vdev_reset(&blk);
    set_status(&blk, ACKNOWLEDGE);
    want(status(&blk) == ACKNOWLEDGE, "ACKNOWLEDGE");
    set_status(&blk, DRIVER);
    want(status(&blk) == (ACKNOWLEDGE | DRIVER), "DRIVER");
    set_status(&blk, FAILED);
    want(status(&blk) == (ACKNOWLEDGE | DRIVER | FAILED), "FAILED");
    vdev_reset(&blk);
}

static void all_features(void)
{
    uint64_t all = offered(&blk);
    want(all & F_VERSION_1, "VERSION_1 is not offered");
    want(negotiate(&blk, all), "what is offered is refused");
    want(accepted(&blk) == all, "accepted features read otherwise");
    want(negotiate(&blk, 0), "a driver that wants nothing is refused");
}

static void no_version_1(void)
{
    vdev_reset(&blk);
    set_status(&blk, ACKNOWLEDGE | DRIVER);
    accept(&blk, offered(&blk) & ~F_VERSION_1);
    set_status(&blk, FEATURES_OK);
    want(!(status(&blk) & FEATURES_OK), "accepted");
}

static void features_not_offered(void)
{
    vdev_reset(&blk);
    set_status(&blk, ACKNOWLEDGE | DRIVER);
    accept(&blk, offered(&blk) | BIT(50));
    set_status(&blk, FEATURES_OK);
    want(!(status(&blk) & FEATURES_OK), "accepted");
}

static void features_are_fixed(void)
{
    want(negotiate(&blk, F_INDIRECT), "refused");
    uint64_t before = accepted(&blk);
    accept(&blk, F_VERSION_1);
    want(accepted(&blk) == before, "features change after FEATURES_OK");
}

/* ---- requests ------------------------------------------------------------------- */

static void read_and_write(void)
{
    uint32_t n;
    blk_start(&q, &blk, 0, rings);
    want(blk_works(&q), "data differs");
    want(blk_request(&q, BLK_FLUSH, 0, buf, 0, &n) == S_OK && n == 1, "flush");
    clear(buf, 64, 0xaa);
    want(blk_request(&q, BLK_GET_ID, 0, buf, 20, &n) == S_OK && n == 21, "GET_ID");
    want(buf[0] && buf[0] != 0xaa && buf[20] == 0xaa, "GET_ID's bytes");
    want(blk_request(&q, 99, 0, buf, 512, &n) == S_UNSUPP && n == 1, "an unknown type is not UNSUPP");
}

static void capacity(void)
{
    uint32_t before, n;
    uint64_t sectors;
    blk_start(&q, &blk, 0, rings);
    do {
        before = r8(blk.common + GENERATION);
        sectors = (uint64_t)r32(blk.config + 4) << 32 | r32(blk.config);
    } while (r8(blk.common + GENERATION) != before);
    want(sectors == option("sectors", 2048), "capacity is not the image's");
    want(blk_request(&q, BLK_IN, sectors - 1, buf, 512, &n) == S_OK, "last sector");
    want(blk_request(&q, BLK_IN, sectors, buf, 512, &n) == S_IOERR, "a sector beyond the end");
    want(blk_request(&q, BLK_IN, sectors - 1, buf, 1024, &n) == S_IOERR, "two sectors across the end");
}

static void read_only(void)
{
    uint32_t n;
    want(offered(&readonly) & BIT(5), "VIRTIO_BLK_F_RO is not offered");
    blk_start(&q, &readonly, BIT(5), rings);
    want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK, "read");
    clear(buf, 512, (uint8_t)~buf[0]);
    uint8_t written = buf[0];
    want(blk_request(&q, BLK_OUT, 0, buf, 512, &n) == S_IOERR && n == 1, "write");
    want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK && buf[0] != written, "the write had an effect");
}

/* 5.2.6: with the feature, a range that is zeroed reads as zeros, and one that is discarded still reads. */
static void ranges(void)
{
    static struct { uint64_t sector; uint32_t sectors, flags; } range = { 20, 4, 0 };
    uint32_t n;
    want(offered(&blk) & BIT(14), "WRITE_ZEROES is not offered");
    blk_start(&q, &blk, BIT(13) | BIT(14), rings);
    fill(buf, 6 * 512, 1);
    want(blk_request(&q, BLK_OUT, 19, buf, 6 * 512, &n) == S_OK, "write");
    want(blk_request(&q, BLK_ZEROES, 0, &range, sizeof(range), &n) == S_OK && n == 1, "zeroes");
    want(blk_request(&q, BLK_IN, 19, &buf[4096], 512, &n) == S_OK && filled(&buf[4096], 512, 1), "the sector before");
    want(blk_request(&q, BLK_IN, 20, buf, 2048, &n) == S_OK, "read");
    for (unsigned i = 0; i < 2048; i++)
        want(!buf[i], "not zero");
    want(blk_request(&q, BLK_IN, 24, &buf[4096], 512, &n) == S_OK && buf[4096] == (uint8_t)(10 * 13 + 1), "the sector behind");
    if (offered(&blk) & BIT(13)) {
        want(blk_request(&q, BLK_DISCARD, 0, &range, sizeof(range), &n) == S_OK && n == 1, "discard");
        want(blk_request(&q, BLK_IN, 20, buf, 2048, &n) == S_OK, "read of what was discarded");
    }
    range.flags = 1 << 5;
    want(blk_request(&q, BLK_ZEROES, 0, &range, sizeof(range), &n) == S_UNSUPP, "an unknown flag is not UNSUPP");
}

/* Reads 512 bytes of sector 8, which hold a pattern, by n descriptors as they are in the ring. */
static void read_framed(const char *what)
{
    blk_header = (struct blk_header){ .type = BLK_IN, .sector = 8 };
    want(request(&q, 0) == 513, what);
    want(filled(buf, 512, 77), what);
}

static void write_pattern(void)
{
    fill(buf, 512, 77);
    want(blk_request(&q, BLK_OUT, 8, buf, 512, NULL) == S_OK, "write");
    clear(buf, BUF, 0x55);
}

/* 2.7.4.1: no assumptions about how a request lies in descriptors. */
static void framing(void)
{
    volatile uint8_t *h = (volatile uint8_t *)&blk_header;
    blk_start(&q, &blk, 0, rings);
    write_pattern();
    for (unsigned i = 0; i < 16; i++)
        put(&q, i, h + i, 1, D_NEXT, i + 1);
    put(&q, 16, buf, 1, D_NEXT | D_WRITE, 17);
    put(&q, 17, buf + 1, 512, D_WRITE, 0);
    read_framed("header in bytes, status behind data");
    want(buf[512] == S_OK, "status behind data");
    clear(buf, BUF, 0x55);
    put(&q, 0, h, 16, D_NEXT, 9);
    put(&q, 9, buf, 511, D_NEXT | D_WRITE, 200);
    put(&q, 200, buf + 511, 2, D_WRITE, 0);
    read_framed("out of order");
    want(buf[512] == S_OK && buf[513] == 0x55, "status");
}

/* Nothing says that a descriptor has bytes. */
static void empty_descriptors(void)
{
    blk_start(&q, &blk, 0, rings);
    write_pattern();
    put(&q, 0, &blk_header, 16, D_NEXT, 1);
    put(&q, 1, &blk_header, 0, D_NEXT, 2);
    put(&q, 2, buf, 0, D_NEXT | D_WRITE, 3);
    put(&q, 3, buf, 513, D_NEXT | D_WRITE, 4);
    put(&q, 4, buf, 0, D_WRITE, 0);
    read_framed("empty ones between");
    want(buf[512] == S_OK && buf[513] == 0x55, "status");
}

static void write_framed(void)
{
    static volatile struct { struct blk_header h; uint8_t data[512]; } one;
    blk_start(&q, &blk, 0, rings);
    one.h = (struct blk_header){ .type = BLK_OUT, .sector = 9 };
    fill(one.data, 512, 3);
    put(&q, 5, &one, sizeof(one), D_NEXT, 6);
    put(&q, 6, &blk_status, 1, D_WRITE, 0);
    blk_status = S_NONE;
    want(request(&q, 5) == 1 && blk_status == S_OK, "header and data in one");
    want(blk_request(&q, BLK_IN, 9, buf, 512, NULL) == S_OK && filled(buf, 512, 3), "data");
}

static void indirect(void)
{
    want(offered(&blk) & F_INDIRECT, "not offered");
    blk_start(&q, &blk, F_INDIRECT, rings);
    write_pattern();
    put_desc(&table[0], (uint64_t)&blk_header, 16, D_NEXT, 2);
    put_desc(&table[2], (uint64_t)buf, 512, D_NEXT | D_WRITE, 1);
    put_desc(&table[1], (uint64_t)&buf[512], 1, D_WRITE, 0);
    put(&q, 0, table, 3 * 16, D_INDIRECT, 0);
    read_framed("a table of three");
    clear(buf, BUF, 0x55);
}

/* 2.7.5.3.2: a chain may lead to the table, where WRITE means nothing. */
static void indirect_at_the_end(void)
{
    blk_start(&q, &blk, F_INDIRECT, rings);
    write_pattern();
    put(&q, 0, &blk_header, 16, D_NEXT, 7);
    put_desc(&table[0], (uint64_t)buf, 513, D_WRITE, 0);
    put(&q, 7, table, 16, D_INDIRECT | D_WRITE, 0);
    read_framed("not read");
}

static void indirect_as_long_as_the_queue(void)
{
    blk_start(&q, &blk, F_INDIRECT, rings);
    write_pattern();
    put_desc(&table[0], (uint64_t)&blk_header, 16, D_NEXT, 1);
    for (unsigned i = 1; i < q.size; i++)
        put_desc(&table[i], (uint64_t)&buf[2 * (i - 1)], i + 1u < q.size ? 2 : 513 - 2 * (q.size - 2u),
                 D_WRITE | (i + 1u < q.size ? D_NEXT : 0), i + 1);
    put(&q, 0, table, q.size * 16u, D_INDIRECT, 0);
    read_framed("not read");
}

/* Requests 0 to n-1, each of a sector, by indirect tables of three. */
static void prepare(unsigned n, unsigned type)
{
    static volatile struct blk_header h[MANY];
    static volatile uint8_t s[MANY];
    for (unsigned i = 0; i < n; i++) {
        h[i] = (struct blk_header){ .type = type, .sector = i };
        s[i] = S_NONE;
        put_desc(&table[3 * i], (uint64_t)&h[i], 16, D_NEXT, 1);
        put_desc(&table[3 * i + 1], (uint64_t)&buf[128 * i % (BUF - 512)], 512,
                 D_NEXT | (type == BLK_IN ? D_WRITE : 0), 2);
        put_desc(&table[3 * i + 2], (uint64_t)&s[i], 1, D_WRITE, 0);
        put(&q, i, &table[3 * i], 48, D_INDIRECT, 0);
        offer(&q, (uint16_t)i);
    }
}

static void many_at_once(void)
{
    uint32_t id, len;
    uint64_t seen = 0;
    blk_start(&q, &blk, F_INDIRECT, rings);
    for (unsigned round = 0; round < 5; round++, seen = 0) {
        prepare(MANY, BLK_IN);
        notify(&q);
        for (unsigned i = 0; i < MANY && used(&q, &id, &len); i++) {
            want(id < MANY && !(seen & BIT(id)), "a request comes back twice");
            want(len == 513, "length");
            seen |= BIT(id & 63);
        }
        want(seen == ~0ull, "not all come back");
    }
    want(q.r->used.index == q.next, "more than were offered");
}

static void only_when_ready(void)
{
    want(negotiate(&blk, F_INDIRECT), "refused");
    queue_init(&q, &blk, 0, 0, rings);
    prepare(4, BLK_IN);
    notify(&q);
    idle();
    want(!q.r->used.index, "buffers are used before DRIVER_OK");
    set_status(&blk, DRIVER_OK);
    notify(&q);
    uint32_t id, len;
    for (unsigned i = 0; i < 4; i++)
        want(used(&q, &id, &len), "what waited is not served");
}

/* Indices wrap at 65,536 and rings at the size of the queue. */
static void small_queue(void)
{
    want(negotiate(&blk, 0), "refused");
    queue_init(&q, &blk, 0, 4, rings);
    queue_select(&blk, 0);
    want(r16(blk.common + QUEUE_SIZE) == 4, "size is not taken");
    want(r16(blk.common + QUEUE_ENABLE) == 1, "not enabled");
    set_status(&blk, DRIVER_OK);
    for (unsigned i = 0; i < 6; i++)
        want(blk_works(&q), "does not work");
    vdev_reset(&blk);
    queue_select(&blk, 0);
    want(r16(blk.common + QUEUE_SIZE) > 4 && !r16(blk.common + QUEUE_ENABLE), "size after a reset");
}

/* ---- interrupts ----------------------------------------------------------------- */

static void start_msix(uint64_t features, uint16_t vector)
{
    want(negotiate(&blk, features), "refused");
    want(blk.msix, "no MSI-X");
    msix_on(&blk);
    queue_init(&q, &blk, 0, 0, rings);
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_VECTOR, vector);
    want(r16(blk.common + QUEUE_VECTOR) == vector, "vector is not taken");
    set_status(&blk, DRIVER_OK);
    for (unsigned i = 0; i < VECTORS; i++)
        interrupted_now(i);
}

static void msix(void)
{
    start_msix(0, 1);
    want(blk_works(&q), "does not work");
    want(interrupted(1), "no interrupt");
    want(!interrupted_now(0) && !interrupted_now(2), "another vector");
    q.r->avail.flags = 1;
    want(blk_works(&q), "does not work");
    want(!interrupted_now(1), "an interrupt in spite of NO_INTERRUPT");
    q.r->avail.flags = 0;
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_VECTOR, NO_VECTOR);
    want(blk_works(&q), "does not work");
    want(!interrupted_now(1), "an interrupt without a vector");
    w16(blk.common + QUEUE_VECTOR, (uint16_t)blk.vectors);
    want(r16(blk.common + QUEUE_VECTOR) == NO_VECTOR, "a vector that does not exist");
}

static void masked(const char *how)
{
    want(blk_works(&q), how);
    want(!interrupted_now(1), how);
    want(r32(blk.pending) == 2, "pending bits");
}

static void msix_masks(void)
{
    start_msix(0, 1);
    w32(blk.table + 16 + 12, 1);
    masked("vector masked");
    w32(blk.table + 16 + 12, 0);
    want(interrupted(1) == 1, "not delivered when the vector is unmasked");
    want(!r32(blk.pending), "still pending");
    pci_write(&blk, blk.msix + 2, 2, 0xc000);
    masked("function masked");
    w32(blk.table + 16 + 8, VECTOR + 3);
    pci_write(&blk, blk.msix + 2, 2, 0x8000);
    want(interrupted(3) == 1, "not delivered when the function is unmasked");
    want(!interrupted_now(1) && !r32(blk.pending), "delivered twice");
}

static void event_index(void)
{
    uint32_t n;
    want(offered(&blk) & F_EVENT_IDX, "not offered");
    start_msix(F_EVENT_IDX, 1);
    q.r->avail.flags = 1;               /* 2.7.7: ignored now */
    *used_event(&q) = 0;
    want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK, "request");
    want(interrupted(1) == 1, "none for the first");
    *used_event(&q) = 3;
    for (unsigned i = 1; i < 3; i++)
        want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK, "request");
    want(!interrupted_now(1), "one before the event");
    want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK, "request");
    want(interrupted(1) == 1, "none at the event");
    want(blk_request(&q, BLK_IN, 0, buf, 512, &n) == S_OK, "request");
    want(!interrupted_now(1), "one behind the event");
    idle();
    want(*avail_event(&q) == q.next, "the device does not ask for the next notification");
}

static void lines(void)
{
    blk_start(&q, &blk, 0, rings);
    unsigned irq = pci_read(&blk, 0x3c, 1);
    uint16_t pic = irq < 8 ? 0x20 : 0xa0;
    want(irq && irq < 16 && pci_read(&blk, 0x3d, 1) == 1, "no interrupt line");
    pci_write(&blk, 4, 2, 6);
    r8(blk.isr);
    want(blk_works(&q), "does not work");
    idle();
    out8(pic, 0x0a);
    want(in8(pic) & 1 << irq % 8, "the line is low");
    want(pci_read(&blk, 6, 2) & 8, "Interrupt Status is clear");
    pci_write(&blk, 4, 2, 0x406);
    idle();
    want(!(in8(pic) & 1 << irq % 8), "the line is high although INTx is disabled");
    pci_write(&blk, 4, 2, 6);
    idle();
    want(in8(pic) & 1 << irq % 8, "the line is low again");
    want(r8(blk.isr) == 1, "ISR");
    idle();
    want(!(in8(pic) & 1 << irq % 8), "reading ISR does not lower the line");
    want(!(pci_read(&blk, 6, 2) & 8) && !r8(blk.isr), "ISR stays");
}

static unsigned line_hits;

static void on_line(void)
{
    r8(blk.isr);
    if (++line_hits > 1000)             /* it does not fall */
        out8(0x21, 0xff);
}

static void line_delivered(void)
{
    unsigned irq = pci_read(&blk, 0x3c, 1);
    blk_start(&q, &blk, 0, rings);
    irq_on(irq, on_line);
    line_hits = 0;
    want(blk_request(&q, BLK_IN, 0, buf, 512, NULL) == S_OK, "request");
    for (struct wait w = { 0 }; !line_hits && wait_more(&w);)
        interrupted_now(0);
    interrupted_now(0);
    want(line_hits == 1, line_hits ? "more than one" : "none");
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

static void msi(void)
{
    if (!blk.msi)
        return;                         /* nothing says that a device has it */
    blk_start(&q, &blk, 0, rings);
    r8(blk.isr);
    pci_write(&blk, blk.msi + 4, 4, LAPIC);
    pci_write(&blk, blk.msi + 8, 4, 0);
    pci_write(&blk, blk.msi + 12, 2, VECTOR + 2);
    pci_write(&blk, blk.msi + 2, 2, 1);
    interrupted_now(2);
    want(blk_request(&q, BLK_IN, 0, buf, 512, NULL) == S_OK, "request");
    want(interrupted(2) == 1, "no message");
    want(r8(blk.isr) == 1, "ISR");
    pci_write(&blk, blk.msi + 16, 4, 1);
    want(blk_request(&q, BLK_IN, 0, buf, 512, NULL) == S_OK, "request");
    want(!interrupted_now(2), "a message although masked");
    want(pci_read(&blk, blk.msi + 20, 4) == 1, "not pending");
    pci_write(&blk, blk.msi + 16, 4, 0);
    want(interrupted(2) == 1, "not delivered when unmasked");
    r8(blk.isr);
    pci_write(&blk, blk.msi + 2, 2, 0);
}

/* ---- resets --------------------------------------------------------------------- */

static void queue_reset(void)
{
    want(offered(&blk) & F_RING_RESET, "not offered");
    blk_start(&q, &blk, F_RING_RESET | F_INDIRECT, rings);
    want(blk_works(&q), "does not work before");
    prepare(MANY, BLK_IN);
    notify(&q);
    queue_select(&blk, 0);
    w16(blk.common + QUEUE_RESET, 1);
    for (struct wait w = { 0 }; r16(blk.common + QUEUE_RESET) && wait_more(&w);) {}
    want(!r16(blk.common + QUEUE_RESET) && !r16(blk.common + QUEUE_ENABLE), "does not end");
    uint16_t index = q.r->used.index;
    idle();
    want(index == q.r->used.index, "buffers are used after it");
    want(status(&blk) == (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK), "status");
    queue_init(&q, &blk, 0, 8, &rings[1]);
    want(r16(blk.common + QUEUE_ENABLE) == 1, "cannot be enabled again");
    want(blk_works(&q), "does not work after");
}

static void reset_in_flight(void)
{
    for (unsigned type = BLK_IN; type <= BLK_OUT; type++) {
        blk_start(&q, &blk, F_INDIRECT, rings);
        prepare(MANY, type);
        notify(&q);
        vdev_reset(&blk);
        uint16_t index = q.r->used.index;
        clear(buf, BUF, 0x11);
        idle();
        want(index == q.r->used.index, "buffers are used after the reset");
        for (unsigned i = 0; i < BUF; i++)
            want(buf[i] == 0x11, "data is written after the reset");
        blk_start(&q, &blk, 0, rings);
        want(blk_works(&q), "does not work after");
    }
}

static void reset_takes_interrupts_back(void)
{
    start_msix(0, 1);
    w32(blk.table + 16 + 12, 1);
    want(blk_works(&q), "does not work");
    w8(blk.common + STATUS, 0);
    w32(blk.table + 16 + 12, 0);
    want(!interrupted_now(1), "an interrupt of the time before");
    vdev_reset(&blk);
    blk_start(&q, &blk, 0, rings);
    want(blk_works(&q), "does not work");
    vdev_reset(&blk);
    want(!r8(blk.isr), "ISR stays");
}

/* ---- registers ------------------------------------------------------------------ */

/* 4.1.3.1: 64-bit fields by halves, too; device configuration by any width. */
static void widths(void)
{
    vdev_reset(&blk);
    queue_select(&blk, 0);
    w32(blk.common + QUEUE_DESC, 0x12345670);
    w32(blk.common + QUEUE_DESC + 4, 0x9abc);
    want(r32(blk.common + QUEUE_DESC) == 0x12345670 && r32(blk.common + QUEUE_DESC + 4) == 0x9abc, "halves");
    uint32_t bytes = 0, words = 0;
    for (unsigned i = 0; i < 4; i++)
        bytes |= (uint32_t)r8(blk.config + i) << 8 * i;
    for (unsigned i = 0; i < 2; i++)
        words |= (uint32_t)r16(blk.config + 2 * i) << 16 * i;
    want(bytes == r32(blk.config) && words == bytes, "device configuration");
    vdev_reset(&blk);
    queue_select(&blk, 0);
    want(!r32(blk.common + QUEUE_DESC), "address stays after a reset");
}

/* 4.1.4.9 */
static uint32_t window(uint32_t offset, uint32_t size, bool write, uint32_t value)
{
    pci_write(&blk, blk.window + 4, 1, 0);      /* the BAR is that of the structures, below */
    for (unsigned n = 0; n < 6; n++)
        if ((uint64_t)blk.common - bar_of(&blk, n) < 0x1000)
            pci_write(&blk, blk.window + 4, 1, n);
    pci_write(&blk, blk.window + 8, 4, offset);
    pci_write(&blk, blk.window + 12, 4, size);
    if (write)
        pci_write(&blk, blk.window + 16, size, value);
    return write ? 0 : pci_read(&blk, blk.window + 16, size);
}

static void config_window(void)
{
    uint32_t base = 0;
    want(blk.window, "no such capability");
    for (unsigned n = 0; n < 6; n++)
        if ((uint64_t)blk.common - bar_of(&blk, n) < 0x1000)
            base = (uint32_t)((uint64_t)blk.common - bar_of(&blk, n));
    blk_start(&q, &blk, 0, rings);
    want(window(base + STATUS, 1, false, 0) == status(&blk), "status");
    window(base + QUEUE_SELECT, 2, true, 0x123);
    want(r16(blk.common + QUEUE_SELECT) == 0x123, "16 bits written");
    window(base + DRIVER_SELECT, 4, true, 1);
    want(r32(blk.common + DRIVER_SELECT) == 1, "32 bits written");
    want(window(base + DEVICE_FEATURES, 4, false, 0) == r32(blk.common + DEVICE_FEATURES), "32 bits read");
    window(base + STATUS, 1, true, 0);
    want(!status(&blk), "reset by the window");
}

/* ---- entropy -------------------------------------------------------------------- */

static void entropy(void)
{
    want(negotiate(&rng, F_INDIRECT), "refused");
    queue_init(&q, &rng, 0, 0, rings);
    set_status(&rng, DRIVER_OK);
    unsigned ones = 0;
    clear(buf, BUF, 0);
    put(&q, 0, buf, 64, D_WRITE | D_NEXT, 1);
    put(&q, 1, buf + 64, 64, D_WRITE, 0);
    uint32_t n = request(&q, 0);
    want(n >= 1 && n <= 128, "length");
    for (unsigned i = 0; i < n; i++)
        for (unsigned b = 0; b < 8; b++)
            ones += buf[i] >> b & 1;
    want(ones > n * 2 && ones < n * 6, "bytes are not random");
    for (unsigned i = n; i < 256; i++)
        want(!buf[i], "bytes behind the length");
    vdev_reset(&rng);
}

static const struct test tests[] = {
    { "fresh device", fresh_device }, { "status bits", status_bits }, { "all features", all_features },
    { "without VERSION_1", no_version_1 }, { "features not offered", features_not_offered },
    { "features are fixed", features_are_fixed }, { "read and write", read_and_write },
    { "capacity", capacity }, { "read-only", read_only }, { "ranges", ranges }, { "framing of reads", framing },
    { "framing of writes", write_framed }, { "empty descriptors", empty_descriptors }, { "indirect", indirect },
    { "indirect at the end of a chain", indirect_at_the_end },
    { "indirect as long as the queue", indirect_as_long_as_the_queue }, { "many at once", many_at_once },
    { "only when ready", only_when_ready }, { "small queue", small_queue }, { "MSI-X", msix },
    { "MSI-X masks", msix_masks }, { "event index", event_index }, { "INTx", lines },
    { "INTx delivered", line_delivered }, { "MSI", msi }, { "queue reset", queue_reset },
    { "reset in flight", reset_in_flight }, { "reset takes interrupts back", reset_takes_interrupts_back },
    { "widths", widths }, { "window in configuration space", config_window }, { "entropy", entropy },
};

void toy_main(void)
{
    print("TOY vrules\n");
    interrupts_init();
    if (vdev_find(&blk, BLK, 0) && vdev_find(&readonly, BLK, 1) && vdev_find(&rng, RNG, 0))
        run_cases(tests, sizeof(tests) / sizeof(*tests));
    else
        print("FAIL devices: not all are there\n");
    cases_done("vrules");
}
