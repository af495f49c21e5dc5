/* SPDX-License-Identifier: BSD-2-Clause */
/* See partition.h: which table there is, and the MBR (its layout: UEFI 2.10, 5.2.1). */
#include "drivers/pure/partition.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/le.h"

enum { MBR_SIGNATURE = 440, MBR_ENTRY = 446, MBR_ENTRIES = 4, ENTRY_SIZE = 16, MBR_MAGIC = 510, MAGIC = 0xaa55 };
enum { TYPE_EXTENDED = 0x05, TYPE_EXTENDED_LBA = 0x0f, TYPE_EXTENDED_LINUX = 0x85, TYPE_GPT = 0xee };
enum { LOGICAL_FIRST = 5, NUMBER_MAX = 255, EBRS_MAX = 256 };

struct entry { uint8_t boot, type; uint32_t first, blocks; };

static struct entry entry_of(const uint8_t *block, unsigned n)
{
    const uint8_t *p = block + MBR_ENTRY + n * ENTRY_SIZE;
    return (struct entry){ p[0], p[4], get_le32(p + 8), get_le32(p + 12) };
}

static bool is_extended(uint8_t type)
{
    return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

/* The first note is kept: what follows comes of it. */
void partition_note(struct partition_table *t, const char *format, ...)
{
    if (t->note[0])
        return;
    va_list ap;
    va_start(ap, format);
    fmt_v(t->note, sizeof(t->note), format, ap);
    va_end(ap);
}

struct partition *partition_add(const struct partition_source *s, struct partition_table *t, uint32_t number,
                                uint64_t first, uint64_t blocks)
{
    uint64_t unit = s->block_size / 512;
    if (!blocks || !range_inside(first, blocks, 0, s->blocks)) {
        partition_note(t, "partition %u lies outside of the disk and is left out", number);
        return NULL;
    }
    if (t->count == PARTITIONS_MAX) {
        t->dropped++;
        return NULL;
    }
    struct partition *p = &t->part[t->count++];
    *p = (struct partition){ .first = first * unit, .sectors = blocks * unit, .number = number };
    return p;
}

/* Boot sectors of file systems have the same end, but code where the flags would be. */
bool mbr_present(const uint8_t *buf)
{
    if (get_le16(buf + MBR_MAGIC) != MAGIC)
        return false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if (entry_of(buf, i).boot & 0x7f)
            return false;
    return true;
}

bool mbr_protects_gpt(const uint8_t *buf)
{
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if (entry_of(buf, i).type == TYPE_GPT)
            return true;
    return false;
}

static void add(const struct partition_source *s, struct partition_table *t, uint32_t signature, uint32_t number,
                uint64_t first, uint64_t blocks)
{
    struct partition *p = partition_add(s, t, number, first, blocks);
    if (p)
        fmt(p->uuid, sizeof(p->uuid), "%08x-%02x", signature, number);
}

/*
 * The chain of extended boot records: each describes one logical partition, counted from
 * itself, and the next record, counted from the first. A loop ends with the bound.
 */
static bool read_logical(const struct partition_source *s, uint8_t *buf, struct partition_table *t,
                         uint32_t signature, const struct entry *extended)
{
    uint32_t number = LOGICAL_FIRST;
    uint64_t at = extended->first, start = at;
    for (unsigned n = 0; n < EBRS_MAX; n++) {
        if (at >= s->blocks) {
            partition_note(t, "the list of logical partitions leaves the disk");
            return true;
        }
        if (!s->read(s->ctx, at, buf, s->block_size)) {
            partition_note(t, "block %lu, which describes a logical partition, cannot be read", at);
            return false;
        }
        if (get_le16(buf + MBR_MAGIC) != MAGIC)
            return true;
        uint64_t next = 0;
        for (unsigned i = 0; i < MBR_ENTRIES; i++) {
            struct entry e = entry_of(buf, i);
            if (!e.blocks || !e.type)
                continue;
            if (!is_extended(e.type) && number <= NUMBER_MAX)
                add(s, t, signature, number++, at + e.first, e.blocks);
            else if (is_extended(e.type) && !next)
                next = start + e.first;
        }
        if (!next)
            return true;
        at = next;
    }
    partition_note(t, "the list of logical partitions does not end");
    return true;
}

bool mbr_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t)
{
    uint32_t signature = get_le32(buf + MBR_SIGNATURE);
    struct entry entry[MBR_ENTRIES];
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        entry[i] = entry_of(buf, i);
    t->kind = PARTITION_TABLE_MBR;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if (entry[i].blocks && entry[i].type && !is_extended(entry[i].type))
            add(s, t, signature, i + 1, entry[i].first, entry[i].blocks);
    /* An extended partition is a frame around others; only the first is looked into. */
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        if (entry[i].blocks && is_extended(entry[i].type))
            return read_logical(s, buf, t, signature, &entry[i]);
    return true;
}

bool partition_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t)
{
    *t = (struct partition_table){ .kind = PARTITION_TABLE_NONE };
    if (!s->blocks)
        return true;
    if (!s->read(s->ctx, 0, buf, s->block_size)) {
        partition_note(t, "the first block cannot be read");
        return false;
    }
    if (!mbr_present(buf))
        return true;
    return mbr_protects_gpt(buf) ? gpt_read(s, buf, t) : mbr_read(s, buf, t);
}
