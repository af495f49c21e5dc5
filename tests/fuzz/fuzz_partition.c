/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables. The first byte chooses the block size and whether checksums of GPT headers and
 * entries are put right before the disk is read; the rest is the disk's beginning, and its end.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/pure/partition.h"
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DISK = 64 << 10 };
struct disk { uint8_t bytes[DISK]; uint32_t block_size; unsigned reads; };

static bool read_disk(void *ctx, uint64_t block, void *to, uint32_t n)
{
    struct disk *d = ctx;
    hv_assert(n && n <= PARTITION_CHUNK && n % d->block_size == 0 && ++d->reads < 1000);
    hv_assert(range_inside(block, n / d->block_size, 0, DISK / d->block_size));
    memcpy(to, d->bytes + block * d->block_size, n);
    return true;
}

static uint32_t crc(const uint8_t *p, size_t n)
{
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

/* So that what lies behind the checksums is reached. */
static void sign(struct disk *d, uint64_t block)
{
    uint8_t *h = d->bytes + block * d->block_size;
    uint64_t at = get_le64(h + 72), n = (uint64_t)get_le32(h + 80) * get_le32(h + 84);
    uint32_t size = get_le32(h + 12);
    memcpy(h, "EFI PART", 8);
    put_le32(h + 8, 0x10000);
    put_le64(h + 24, block);
    if (at < DISK / d->block_size && n <= DISK - at * d->block_size)
        put_le32(h + 88, crc(d->bytes + at * d->block_size, n));
    put_le32(h + 16, 0);
    if (size <= d->block_size)
        put_le32(h + 16, crc(h, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct disk d;
    static struct partition_table t;
    static uint8_t buf[PARTITION_CHUNK];
    if (size < 2)
        return 0;
    memset(&d, 0, sizeof(d));
    d.block_size = 512u << (data[0] & 3);
    size_t n = size - 1 < DISK ? size - 1 : DISK;
    memcpy(d.bytes, data + 1, n);
    memcpy(d.bytes + DISK - (n < 4096 ? n : 4096), data + 1, n < 4096 ? n : 4096);
    if (data[0] & 4)
        d.bytes[510] = 0x55, d.bytes[511] = 0xaa;
    if (data[0] & 8)
        d.bytes[450] = 0xee;
    if (data[0] & 16)
        sign(&d, 1);
    if (data[0] & 32)
        sign(&d, DISK / d.block_size - 1);
    const struct partition_source s = { &d, read_disk, d.block_size, DISK / d.block_size };
    hv_assert(partition_read(&s, buf, &t) || t.note[0]);
    hv_assert(t.count <= PARTITIONS_MAX && strlen(t.note) < sizeof(t.note));
    for (uint32_t i = 0; i < t.count; i++) {
        const struct partition *p = &t.part[i];
        hv_assert(p->sectors && range_inside(p->first, p->sectors, 0, DISK / 512) && p->number);
        hv_assert(strlen(p->uuid) == (t.kind == PARTITION_TABLE_GPT ? 36 : 11));
    }
    return 0;
}
