/* SPDX-License-Identifier: BSD-2-Clause */
/* The GUID partition table: UEFI 2.10, 5.3. See partition.h. */
#include "drivers/pure/partition.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/le.h"

/* Header, table 5.5; entry, table 5.6 */
enum {
    H_SIGNATURE = 0, H_REVISION = 8, H_SIZE = 12, H_CRC = 16, H_MY_LBA = 24, H_FIRST = 40, H_LAST = 48,
    H_ENTRIES_LBA = 72, H_ENTRIES = 80, H_ENTRY_SIZE = 84, H_ENTRIES_CRC = 88, H_MIN = 92,
    E_TYPE = 0, E_UUID = 16, E_FIRST = 32, E_LAST = 40, E_MIN = 128, E_MAX = 4096,
    TABLE_MAX = 256 << 10,              /* bytes of entries; usual are 16 KiB */
};

struct header {
    uint64_t first, last, entries_at;   /* blocks; the usable ones, both included */
    uint32_t entries, entry_size, crc;
};

/* CRC-32 as in IEEE 802.3, reflected, bit by bit: read once at boot. */
static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return crc;
}

static const char *check_fields(const struct partition_source *s, const struct header *h)
{
    if (h->first > h->last || h->last >= s->blocks)
        return "its usable blocks lie outside of the disk";
    if (h->entry_size < E_MIN || h->entry_size > E_MAX || !is_pow2(h->entry_size))
        return "its entries have an impossible size";
    uint64_t bytes = (uint64_t)h->entries * h->entry_size;
    if (!h->entries || bytes > TABLE_MAX)
        return "it has an unusual number of entries";
    if (!range_inside(h->entries_at, (bytes + s->block_size - 1) / s->block_size, 0, s->blocks))
        return "its entries lie outside of the disk";
    return NULL;
}

/* Reads the header in block `at`; null, or what is wrong with it. */
static const char *read_header(const struct partition_source *s, uint8_t *buf, uint64_t at, struct header *h)
{
    if (at >= s->blocks || !s->read(s->ctx, at, buf, s->block_size))
        return "it cannot be read";
    uint32_t size = get_le32(buf + H_SIZE);
    if (memcmp(buf + H_SIGNATURE, "EFI PART", 8))
        return "it is not there";
    if (get_le32(buf + H_REVISION) != 0x00010000 || size < H_MIN || size > s->block_size)
        return "its header is of an unknown kind";
    uint32_t crc = get_le32(buf + H_CRC);
    put_le32(buf + H_CRC, 0);
    if (~crc_add(~0u, buf, size) != crc)
        return "the checksum of its header is wrong";
    if (get_le64(buf + H_MY_LBA) != at)
        return "its header belongs elsewhere";
    *h = (struct header){
        get_le64(buf + H_FIRST), get_le64(buf + H_LAST), get_le64(buf + H_ENTRIES_LBA),
        get_le32(buf + H_ENTRIES), get_le32(buf + H_ENTRY_SIZE), get_le32(buf + H_ENTRIES_CRC),
    };
    return check_fields(s, h);
}

/* UEFI 2.10, appendix A: the first three parts are little-endian. */
static void uuid_text(const uint8_t *u, char out[PARTUUID_LEN])
{
    fmt(out, PARTUUID_LEN, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", get_le32(u), get_le16(u + 4),
        get_le16(u + 6), u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

static void add_entry(const struct partition_source *s, const struct header *h, struct partition_table *t,
                      uint32_t number, const uint8_t *e)
{
    static const uint8_t unused[16];
    if (!memcmp(e + E_TYPE, unused, sizeof(unused)))
        return;
    uint64_t first = get_le64(e + E_FIRST), last = get_le64(e + E_LAST);
    if (first > last || first < h->first || last > h->last) {
        partition_note(t, "partition %u lies outside of the usable blocks and is left out", number);
        return;
    }
    struct partition *p = partition_add(s, t, number, first, last - first + 1);
    if (p)
        uuid_text(e + E_UUID, p->uuid);
}

/* The entries in pieces of whole blocks and whole entries: both are powers of two up to a piece. */
static const char *read_entries(const struct partition_source *s, uint8_t *buf, const struct header *h,
                                struct partition_table *t)
{
    uint64_t left = (uint64_t)h->entries * h->entry_size, at = h->entries_at;
    uint32_t crc = ~0u, number = 1;
    while (left) {
        uint32_t used = (uint32_t)min_u64(left, PARTITION_CHUNK);
        uint32_t n = (uint32_t)align_up(used, s->block_size);
        if (!s->read(s->ctx, at, buf, n))
            return "its entries cannot be read";
        crc = crc_add(crc, buf, used);
        for (uint32_t i = 0; i + h->entry_size <= used; i += h->entry_size)
            add_entry(s, h, t, number++, buf + i);
        left -= used;
        at += n / s->block_size;
    }
    return ~crc == h->crc ? NULL : "the checksum of its entries is wrong";
}

static const char *read_table(const struct partition_source *s, uint8_t *buf, uint64_t at,
                              struct partition_table *t)
{
    struct header h;
    *t = (struct partition_table){ .kind = PARTITION_TABLE_GPT };
    const char *why = read_header(s, buf, at, &h);
    why = why ? why : read_entries(s, buf, &h, t);
    if (why)
        *t = (struct partition_table){ .kind = PARTITION_TABLE_GPT };
    return why;
}

bool gpt_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t)
{
    const char *why = read_table(s, buf, 1, t);
    if (!why)
        return true;
    const char *why_backup = read_table(s, buf, s->blocks - 1, t);
    /* What is said first is what matters more than a partition left out. */
    t->note[0] = 0;
    if (why_backup)
        partition_note(t, "its GPT is damaged (%s), and so is the backup at the disk's end (%s)", why, why_backup);
    else
        partition_note(t, "its GPT is damaged (%s): the backup at the disk's end is used", why);
    return true;
}
