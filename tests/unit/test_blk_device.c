/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/virtio/virtio_blk*.c over RAM disks: configuration, each type of request, framing, and
 * every wrong form, from error statuses to requests that break the device.
 */
#include "blk_device_fixture.h"

/* ---- configuration -------------------------------------------------------------- */

static void config(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    start_limited(3, ALL_FEATURES, 0, 0, 0);
    const uint64_t offered = fake_driver_offered(&drv);
    assert_int_equal(offered & 0xffffff, BIT64(2) | BIT64(6) | F_FLUSH | BIT64(10) | F_MQ | F_DISCARD | F_WRITE_ZEROES);
    assert_true(offered & VIRTIO_F_RING_RESET);
    assert_int_equal(fake_driver_get(&drv, FAKE_NUM_QUEUES, 2), 3);
    assert_int_equal(drv.device.len, 60);
    assert_int_equal(fake_driver_config(&drv, 0, 4), SECTORS);
    assert_int_equal(fake_driver_config(&drv, 4, 4), 0);
    assert_int_equal(fake_driver_config(&drv, 8, 4), 0);
    assert_int_equal(fake_driver_config(&drv, 12, 4), 254);
    assert_int_equal(fake_driver_config(&drv, 20, 4), 512);
    assert_int_equal(fake_driver_config(&drv, 24, 1), 3);       /* 4 KiB pages of the overlay */
    assert_int_equal(fake_driver_config(&drv, 26, 2), 8);
    assert_int_equal(fake_driver_config(&drv, 34, 2), 3);
    assert_int_equal(fake_driver_config(&drv, 36, 4), 4 << 20);
    assert_int_equal(fake_driver_config(&drv, 40, 4), 16);
    assert_int_equal(fake_driver_config(&drv, 44, 4), 8);
    assert_int_equal(fake_driver_config(&drv, 48, 4), 4 << 20);
    assert_int_equal(fake_driver_config(&drv, 52, 4), 16);
    assert_int_equal(fake_driver_config(&drv, 56, 4), 1);
    for (unsigned i = 0; i < 60; i += 4)                        /* read-only, all of it */
        fake_driver_config_set(&drv, i, 4, 0x55555555);
    assert_int_equal(fake_driver_config(&drv, 0, 4), SECTORS);
}

static void config_of_others(void **unused)
{
    use_ram(BLK_RAM_READONLY);
    start(ALL_FEATURES, 0);
    assert_int_equal(fake_driver_offered(&drv) & 0xffffff, BIT64(2) | F_RO | BIT64(6) | F_FLUSH | BIT64(10));
    for (unsigned i = 36; i < 60; i += 4)
        assert_int_equal(fake_driver_config(&drv, i, 4), 0);
    forget_device();
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 0);
    assert_int_equal(fake_driver_offered(&drv) & (F_RO | F_DISCARD | F_WRITE_ZEROES | F_MQ), F_WRITE_ZEROES);
    assert_int_equal(fake_driver_config(&drv, 24, 1), 0);
    assert_int_equal(fake_driver_config(&drv, 40, 4), 0);
    assert_int_equal(fake_driver_config(&drv, 52, 4), 16);
    assert_int_equal(fake_driver_config(&drv, 56, 4), 0);
}

/* ---- what drivers do ------------------------------------------------------------ */

static void read_and_write(void **unused)
{
    uint32_t len;
    use_ram(BLK_RAM_OVERLAY);
    start(ALL_FEATURES, 16);
    assert_int_equal(one(T_IN, 100, data, 4096, true, &len), S_OK);
    assert_int_equal(len, 4097);
    assert_memory_equal(f->ram + data, original + 100 * 512, 4096);
    memset(f->ram + data, 0x5a, 4096);
    assert_int_equal(one(T_OUT, 103, data, 1024, false, &len), S_OK);
    assert_int_equal(len, 1);
    assert_int_equal(one(T_FLUSH, 0, 0, 0, false, &len), S_OK);
    assert_int_equal(len, 1);
    assert_int_equal(ask(T_IN, 102, data, 2048, true), S_OK);
    assert_memory_equal(f->ram + data, original + 102 * 512, 512);
    for (unsigned i = 512; i < 1536; i++)
        assert_int_equal(f->ram[data + i], 0x5a);
    assert_memory_equal(f->ram + data + 1536, original + 105 * 512, 512);
    assert_memory_equal(image, original, IMAGE);
    assert_int_equal(ask(T_IN, SECTORS - 1, data, 512, true), S_OK);
    assert_memory_equal(f->ram + data, original + IMAGE - 512, 512);
    assert_int_equal(disk->reads, 3);
    assert_int_equal(disk->writes, 1);
    assert_int_equal(disk->read_bytes, 4096 + 2048 + 512);
    assert_int_equal(disk->written_bytes, 1024);
    assert_int_equal(disk->errors, 0);
    assert_true(fake_driver_isr(&drv) & 1);
    assert_false(needs_reset());
}

static void serial(void **unused)
{
    static const char *const serials[] = { "", "socle-0", "12345678901234567890" };
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
        char want[20] = { 0 };
        uint32_t len;
        memcpy(want, serials[i], strlen(serials[i]));
        memset(disk->serial, 0, sizeof(disk->serial));
        memcpy(disk->serial, serials[i], strlen(serials[i]));
        memset(f->ram + data, 0xcc, 64);
        assert_int_equal(one(T_GET_ID, 0, data, 64, true, &len), S_OK);
        assert_int_equal(len, 21);
        assert_memory_equal(f->ram + data, want, 20);
        assert_int_equal(f->ram[data + 20], 0xcc);
        memset(f->ram + data, 0xcc, 64);
        assert_int_equal(one(T_GET_ID, 0, data, 7, true, &len), S_OK);
        assert_int_equal(len, 8);
        assert_memory_equal(f->ram + data, want, 7);
        assert_int_equal(f->ram[data + 7], 0xcc);
    }
    guest_serial = "the guest's own name, cut";
    forget_device();
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    assert_int_equal(ask(T_GET_ID, 0, data, 20, true), S_OK);
    assert_memory_equal(f->ram + data, guest_serial, 20);
    assert_int_equal(ask(T_GET_ID, 0, FAKE_RAM - 10, 20, true), S_IOERR);
    assert_int_equal(ask(T_GET_ID, 0, 0, 0, true), S_OK);
}

/* 2.7.4.1: header, data and status cut anywhere, also within each other's descriptors. */
static void framing(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 64);
    const uint64_t table = fake_driver_alloc(&drv, 16 * 64);
    for (unsigned n = 0; n < 400; n++) {
        const bool in = rand() % 2;
        const uint32_t sectors = 1 + (uint32_t)rand() % 8, bytes = sectors * 512;
        const uint64_t sector = (uint64_t)rand() % (SECTORS - 8), flat = data;
        uint32_t part[2] = { 16 + (in ? 0 : bytes), 1 + (in ? bytes : 0) };
        struct fake_buf b[40];
        unsigned count[2] = { 0, 0 }, k = 0;
        uint64_t at = flat;
        put_header(0, in ? T_IN : T_OUT, sector);
        memcpy(f->ram + flat, f->ram + headers, 16);
        for (uint32_t i = 16; i < 16 + bytes + 1; i++)
            f->ram[flat + i] = (uint8_t)rand();
        for (unsigned p = 0; p < 2; p++)
            for (uint32_t left = part[p]; left; k++, count[p]++) {
                uint32_t here = count[p] == 15 ? left : 1 + (uint32_t)rand() % (rand() % 2 ? 20 : left);
                here = (uint32_t)min_u64(here, left);
                b[k] = (struct fake_buf){ at, here };
                at += here;
                left -= here;
            }
        if (rand() % 2)
            fake_ring_add(&drv.ring[0], b, count[0], count[1]);
        else
            fake_ring_add_indirect(&drv.ring[0], table, b, count[0], count[1]);
        go(0);
        assert_int_equal(f->ram[flat + 16 + bytes], S_OK);
        assert_memory_equal(f->ram + flat + 16, image + sector * 512, bytes);
        assert_int_equal(used_len[used_order[(used_count - 1) % TAGS]], part[1]);
    }
    assert_false(needs_reset());
}

static void empty_data(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    assert_int_equal(ask(T_IN, 5, 0, 0, true), S_OK);
    assert_int_equal(ask(T_OUT, SECTORS, 0, 0, true), S_OK);
    assert_int_equal(ask(T_IN, SECTORS + 1, 0, 0, true), S_IOERR);
    assert_int_equal(ask(T_IN, ~0ull, 0, 0, true), S_IOERR);
}

static void several_queues(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    start_limited(16, ALL_FEATURES, 16, 0, 0);
    for (unsigned q = 0; q < 16; q++) {
        unsigned t = offer(q, T_IN, q * 8, data, 4096, true);
        go(q);
        assert_int_equal(status_of(t), S_OK);
        assert_memory_equal(f->ram + data, original + q * 4096, 4096);
    }
    assert_int_equal(used_count, 16);
}

/* ---- error statuses ------------------------------------------------------------- */

static void off_the_disk(void **unused)
{
    static const struct { uint64_t sector, bytes; } bad[] = {
        { SECTORS, 512 }, { SECTORS - 1, 1024 }, { 0, IMAGE + 512 }, { 1ull << 63, 512 }, { ~0ull, 512 },
        { ~0ull, 1024 }, { ~0ull - 7, 4096 }, { ~0ull / 512, 512 }, { (1ull << 55) - 1, 1024 }, { 1ull << 55, 512 },
    };
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t len;
        memset(f->ram + data, 0x11, bad[i].bytes);
        assert_int_equal(one(T_IN, bad[i].sector, data, bad[i].bytes, true, &len), S_IOERR);
        assert_int_equal(len, 1);
        assert_int_equal(f->ram[data], 0x11);
        assert_int_equal(one(T_OUT, bad[i].sector, data, bad[i].bytes, false, &len), S_IOERR);
    }
    assert_memory_equal(image, original, IMAGE);
    assert_int_equal(disk->reads + disk->writes, 0);
}

static void odd_lengths(void **unused)
{
    static const uint32_t lengths[] = { 1, 511, 513, 4095, 4097, 1023 };
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        assert_int_equal(ask(T_IN, 0, data, lengths[i], true), S_IOERR);
        assert_int_equal(ask(T_OUT, 0, data, lengths[i], false), S_IOERR);
    }
    assert_memory_equal(image, original, IMAGE);
}

static void unknown_types(void **unused)
{
    static const uint32_t more[] = { 64, 0x80000000, 0x80000001, 0xffffffff, 0x10000, 0x100 };
    use_ram(BLK_RAM_OVERLAY);
    start(ALL_FEATURES, 16);
    for (uint32_t t = 0; t < 32 + ARRAY_LEN(more); t++) {
        uint32_t type = t < 32 ? t : more[t - 32];
        if (type == T_IN || type == T_OUT || type == T_FLUSH || type == T_GET_ID || type == T_DISCARD || type == T_ZEROES)
            continue;
        uint32_t len;
        assert_int_equal(one(type, 0, data, 512, true, &len), S_UNSUPP);
        assert_int_equal(len, 1);
        assert_int_equal(ask(type, 0, data, 512, false), S_UNSUPP);
        assert_int_equal(ask(type, 0, 0, 0, false), S_UNSUPP);
    }
    assert_false(needs_reset());
}

/* ---- discard and write zeroes --------------------------------------------------- */

static void range(unsigned i, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    fake_put(f, data + 16 * i, 8, sector);
    fake_put(f, data + 16 * i + 8, 4, sectors);
    fake_put(f, data + 16 * i + 12, 4, flags);
}

static bool is_zero(uint64_t sector, uint64_t sectors)
{
    const uint64_t at = data + 8192;
    assert_int_equal(ask(T_IN, sector, at, sectors * 512, true), S_OK);
    for (uint64_t i = 0; i < sectors * 512; i++)
        if (f->ram[at + i])
            return false;
    return true;
}

static void zeroes(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    start(ALL_FEATURES, 16);
    range(0, 10, 3, 0);
    range(1, 100, 0, 1);
    range(2, 12, 30, 1);                /* overlaps the first */
    range(3, SECTORS - 1, 1, 0);
    assert_int_equal(ask(T_ZEROES, 0, data, 64, false), S_OK);
    assert_true(is_zero(10, 32));
    assert_false(is_zero(9, 1));
    assert_false(is_zero(42, 1));
    assert_false(is_zero(100, 1));
    assert_true(is_zero(SECTORS - 1, 1));
    range(0, 64, 16, 0);
    assert_int_equal(ask(T_DISCARD, 0, data, 16, false), S_OK);
    assert_true(is_zero(64, 16));
    range(0, 0, SECTORS, 0);            /* in pieces */
    assert_int_equal(ask(T_ZEROES, 0, data, 16, false), S_OK);
    assert_true(is_zero(0, 4096));
    assert_true(is_zero(SECTORS - 4096, 4096));
    range(0, 5, 0, 0);
    assert_int_equal(ask(T_ZEROES, 0, data, 16, false), S_OK);
    for (unsigned i = 0; i < 16; i++)
        range(i, 2 * i, 1, 0);
    assert_int_equal(ask(T_ZEROES, 0, data, 256, false), S_OK);
    assert_memory_equal(image, original, IMAGE);
}

static void wrong_ranges(void **unused)
{
    static const uint32_t lengths[] = { 0, 1, 15, 17, 31, 272, 4096 };
    static const uint32_t types[] = { T_DISCARD, T_ZEROES };
    use_ram(BLK_RAM_OVERLAY);
    start(ALL_FEATURES, 16);
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        for (unsigned i = 0; i < 17; i++)
            range(i, 8, 8, 0);
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
            assert_int_equal(ask(types[t], 0, data, lengths[i], false), S_IOERR);
        for (unsigned bit = 0; bit < 32; bit++) {
            range(1, ~0ull, 8, BIT(bit));       /* unknown flags count for more than a bad place */
            bool known = bit == 0 && types[t] == T_ZEROES;
            assert_int_equal(ask(types[t], 0, data, 32, false), known ? S_IOERR : S_UNSUPP);
        }
        range(1, SECTORS, 1, 0);
        assert_int_equal(ask(types[t], 0, data, 32, false), S_IOERR);
        range(1, SECTORS - 1, 2, 0);
        assert_int_equal(ask(types[t], 0, data, 32, false), S_IOERR);
        range(1, 1ull << 63, 8, 0);
        assert_int_equal(ask(types[t], 0, data, 32, false), S_IOERR);
        range(1, ~0ull, UINT32_MAX, 0);
        assert_int_equal(ask(types[t], 0, data, 32, false), S_IOERR);
        range(1, 0, (4 << 20) + 1, 0);
        assert_int_equal(ask(types[t], 0, data, 32, false), S_IOERR);
        assert_int_equal(ask(types[t], 0, FAKE_RAM - 16, 32, false), S_IOERR);
        assert_int_equal(ask(types[t], 0, 1ull << 40, 16, false), S_IOERR);
        assert_int_equal(ask(types[t], 0, data, 16, true), S_IOERR);    /* the device may only write there */
    }
    assert_false(is_zero(8, 1));        /* nothing of a request that is refused is done */
    assert_int_equal(ram.used, 0);
}

static void not_agreed_on(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    start(F_FLUSH, 16);
    range(0, 8, 8, 0);
    assert_int_equal(ask(T_DISCARD, 0, data, 16, false), S_UNSUPP);
    assert_int_equal(ask(T_ZEROES, 0, data, 16, false), S_UNSUPP);
    assert_false(is_zero(8, 1));
}

static void read_only(void **unused)
{
    use_ram(BLK_RAM_READONLY);
    start(ALL_FEATURES, 16);
    range(0, 8, 8, 0);
    assert_int_equal(ask(T_OUT, 0, data, 4096, false), S_IOERR);
    assert_int_equal(ask(T_OUT, 0, 0, 0, false), S_IOERR);
    assert_int_equal(ask(T_DISCARD, 0, data, 16, false), S_IOERR);
    assert_int_equal(ask(T_ZEROES, 0, data, 16, false), S_IOERR);
    assert_int_equal(ask(T_FLUSH, 0, 0, 0, false), S_OK);
    assert_int_equal(ask(T_IN, 8, data, 4096, true), S_OK);
    assert_memory_equal(f->ram + data, original + 4096, 4096);
    assert_memory_equal(image, original, IMAGE);
}

/* A disk that could be written, but not by this guest. */
static void read_only_for_one(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    guest_readonly = true;
    start(ALL_FEATURES, 16);
    assert_int_equal(fake_driver_offered(&drv) & (F_RO | F_DISCARD | F_WRITE_ZEROES), F_RO);
    for (unsigned i = 36; i < 60; i += 4)
        assert_int_equal(fake_driver_config(&drv, i, 4), 0);
    range(0, 8, 8, 0);
    assert_int_equal(ask(T_OUT, 0, data, 4096, false), S_IOERR);
    assert_int_equal(ask(T_DISCARD, 0, data, 16, false), S_IOERR);
    assert_int_equal(ask(T_ZEROES, 0, data, 16, false), S_IOERR);
    assert_int_equal(ask(T_IN, 8, data, 4096, true), S_OK);
    assert_memory_equal(f->ram + data, original + 4096, 4096);
    assert_int_equal(ram.used, 0);
}

/* ---- memory that is none -------------------------------------------------------- */

static void data_nowhere(void **unused)
{
    static const uint64_t places[] = { FAKE_RAM, FAKE_RAM - 512, 0xfee00000, 1ull << 52, 0 - 512ull, 0 - 4096ull };
    static const enum blk_ram_mode modes[] = { BLK_RAM_DIRECT, BLK_RAM_OVERLAY };
    for (size_t m = 0; m < 2; m++) {
        forget_device();
        use_ram(modes[m]);
        start(ALL_FEATURES, 16);
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            uint32_t len;
            assert_int_equal(one(T_IN, 0, places[i], 4096, true, &len), S_IOERR);
            assert_int_equal(len, 1);
            assert_int_equal(ask(T_OUT, 0, places[i], 4096, false), S_IOERR);
        }
        assert_int_equal(disk->errors, 2 * ARRAY_LEN(places));
        assert_false(needs_reset());
    }
}

/* A header nowhere: the request can still be answered. */
static void header_nowhere(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    const struct fake_buf b[] = { { FAKE_RAM - 8, 16 }, { states, 1 } };
    fake_ring_add(&drv.ring[0], b, 1, 1);
    go(0);
    assert_int_equal(status_of(0), S_IOERR);
    assert_int_equal(used_count, 1);
    assert_false(needs_reset());
}

/* ---- requests that break the device --------------------------------------------- */

/* The request before is answered as usual; after the break nothing is, until a reset. */
static void expect_broken(const struct fake_buf *b, unsigned out, unsigned in)
{
    unsigned before = used_count;
    uint32_t len = 0;
    put_header(400, T_IN, 8);
    memset(f->ram + data, 0x77, 1024);
    fake_ring_add(&drv.ring[0], b, out, in);
    go(0);
    assert_int_equal(used_count, before);
    assert_true(needs_reset());
    assert_true(fake_driver_isr(&drv) & 2);
    unsigned t = offer(0, T_IN, 0, data, 512, true);
    go(0);
    assert_int_equal(used_count, before);
    assert_int_equal(status_of(t), S_NONE);
    restart(ALL_FEATURES, 16);
    assert_int_equal(one(T_IN, 0, data, 512, true, &len), S_OK);
    assert_int_equal(len, 513);
}

static void no_place_for_status(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    const uint64_t h = headers + 16 * 400;
    expect_broken((struct fake_buf[]){ { h, 16 } }, 1, 0);
    expect_broken((struct fake_buf[]){ { h, 16 }, { data, 512 } }, 2, 0);
    expect_broken((struct fake_buf[]){ { h, 15 }, { states, 1 } }, 1, 1);
    expect_broken((struct fake_buf[]){ { states, 1 } }, 0, 1);
    expect_broken((struct fake_buf[]){ { data, 4096 } }, 0, 1);
    expect_broken((struct fake_buf[]){ { h, 16 }, { FAKE_RAM, 1 } }, 1, 1);
    expect_broken((struct fake_buf[]){ { h, 16 }, { 0xfee00000, 1 } }, 1, 1);
    expect_broken((struct fake_buf[]){ { h, 16 }, { FAKE_RAM - 512, 513 } }, 1, 1);
    expect_broken((struct fake_buf[]){ { h, 16 }, { data, 512 }, { 1ull << 60, 1 } }, 1, 2);
    expect_broken((struct fake_buf[]){ { h, 16 }, { 0 - 16ull, 32 } }, 1, 1);       /* wraps to 0xf */
    expect_broken((struct fake_buf[]){ { h, 16 }, { data, UINT32_MAX } }, 1, 1);
    assert_memory_equal(image, original, IMAGE);
}

static void write_descs(const struct fake_buf *b, const uint16_t *flags, const uint16_t *next, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fake_ring_desc(&drv.ring[0], i, b[i].at, b[i].len, flags[i], next[i]);
    fake_ring_offer(&drv.ring[0], 0);
    go(0);
    assert_true(needs_reset());
    assert_int_equal(used_count, 0);
    restart(ALL_FEATURES, 16);
    assert_int_equal(ask(T_IN, 0, data, 512, true), S_OK);
    restart(ALL_FEATURES, 16);
}

/* The queue's own rules reach the device as a whole. */
static void bad_chains(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES, 16);
    const struct fake_buf b[] = { { headers, 16 }, { data, 512 }, { states, 1 } };
    write_descs(b, (uint16_t[]){ 1, 3, 3 }, (uint16_t[]){ 1, 2, 1 }, 3);        /* loop */
    write_descs(b, (uint16_t[]){ 1, 3, 3 }, (uint16_t[]){ 1, 2, 2 }, 3);        /* into itself */
    write_descs(b, (uint16_t[]){ 3, 1, 2 }, (uint16_t[]){ 1, 2, 0 }, 3);        /* writable ones first */
    write_descs(b, (uint16_t[]){ 1, 3, 2 }, (uint16_t[]){ 1, 16, 0 }, 3);       /* next outside */
    write_descs(b, (uint16_t[]){ 4, 0, 0 }, (uint16_t[]){ 0, 0, 0 }, 3);        /* table of one, then short */
    fake_ring_offer(&drv.ring[0], 0xffff);
    go(0);
    assert_true(needs_reset());
    restart(ALL_FEATURES, 16);
    fake_put(f, drv.ring[0].avail + 2, 2, 0xffff);
    go(0);
    assert_true(needs_reset());
}

/* ---- how much at once ----------------------------------------------------------- */

static void in_turns(void **unused)
{
    use_ram(BLK_RAM_DIRECT);
    start(ALL_FEATURES & ~VIRTIO_F_EVENT_IDX, 128);
    for (unsigned i = 0; i < 20; i++)
        offer(0, T_IN, i, data + 512 * i, 512, true);
    fake_driver_notify(&drv, 0);
    collect(0);
    assert_int_equal(used_count, 8);
    assert_int_equal(fake_ring_used_flags(&drv.ring[0]), 1);    /* no notifications meanwhile */
    assert_true(fake_driver_isr(&drv) & 1);
    assert_true(fake_env_work(f));
    collect(0);
    assert_int_equal(used_count, 16);
    work();
    collect(0);
    assert_int_equal(used_count, 20);
    assert_memory_equal(f->ram + data, original, 20 * 512);
    assert_int_equal(fake_ring_used_flags(&drv.ring[0]), 0);
    /* As many as fit one turn: nothing is left to be deferred. */
    for (unsigned i = 0; i < 8; i++)
        offer(0, T_IN, i, data + 512 * i, 512, true);
    fake_driver_notify(&drv, 0);
    assert_false(fake_env_work(f));
    assert_int_equal(fake_ring_used_flags(&drv.ring[0]), 0);
}

/* 4 MiB: two pieces, each more than a turn; another queue is not held up. */
static void in_pieces(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    start_limited(2, ALL_FEATURES, 64, 0, 0);
    unsigned t = offer(0, T_IN, 0, data, IMAGE, true), turns = 0;
    fake_driver_notify(&drv, 0);
    assert_int_equal(status_of(t), S_NONE);
    unsigned other = offer(1, T_FLUSH, 0, 0, 0, true);
    fake_driver_notify(&drv, 1);
    assert_int_equal(status_of(other), S_OK);
    while (fake_env_work(f))
        turns++;
    assert_int_equal(turns, 1);
    collect(0);
    assert_int_equal(used_len[used_order[0]], IMAGE + 1);
    assert_int_equal(status_of(t), S_OK);
    assert_memory_equal(f->ram + data, original, IMAGE);
    memset(f->ram + data, 0x42, IMAGE);
    assert_int_equal(ask(T_OUT, 0, data, IMAGE, false), S_OK);
    memset(f->ram + data, 0, IMAGE);
    assert_int_equal(ask(T_IN, 0, data, IMAGE, true), S_OK);
    for (unsigned i = 0; i < IMAGE; i++)
        assert_int_equal(f->ram[data + i], 0x42);
    assert_memory_equal(image, original, IMAGE);
}

/* What the overlay has no room for fails; what it has goes on. */
static void overlay_full(void **unused)
{
    use_ram(BLK_RAM_OVERLAY);
    ram.limit = 2;
    start(ALL_FEATURES, 16);
    assert_int_equal(ask(T_OUT, 0, data, 8192, false), S_OK);
    assert_int_equal(ask(T_OUT, 16, data, 512, false), S_IOERR);
    assert_int_equal(ask(T_OUT, 3, data, 4096, false), S_OK);
    assert_int_equal(ask(T_IN, 16, data, 512, true), S_OK);
    assert_memory_equal(f->ram + data, original + 8192, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(config), TEST(config_of_others), TEST(read_and_write), TEST(serial), TEST(framing), TEST(empty_data),
        TEST(several_queues), TEST(off_the_disk), TEST(odd_lengths), TEST(unknown_types), TEST(zeroes),
        TEST(wrong_ranges), TEST(not_agreed_on), TEST(read_only), TEST(read_only_for_one),
        TEST(data_nowhere), TEST(header_nowhere),
        TEST(no_place_for_status), TEST(bad_chains), TEST(in_turns), TEST(in_pieces), TEST(overlay_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
