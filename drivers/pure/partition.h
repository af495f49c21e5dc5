/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables of real disks: GPT (UEFI 2.10, chapter 5) and MBR with logical
 * partitions. What is on a disk is not to be trusted: every number is checked against the
 * disk's size, every loop is bounded, at most some hundred KiB are read. Called at boot.
 */
#ifndef DRIVERS_PURE_PARTITION_H
#define DRIVERS_PURE_PARTITION_H

#include "socle/types.h"

enum {
    PARTITIONS_MAX = 128, PARTUUID_LEN = 40, PARTITION_NOTE = 160,
    PARTITION_CHUNK = 4096,             /* most bytes of one read */
};

enum partition_table_kind { PARTITION_TABLE_NONE, PARTITION_TABLE_MBR, PARTITION_TABLE_GPT };

struct partition {
    uint64_t first, sectors;            /* of 512 bytes; inside the disk, not empty */
    uint32_t number;                    /* as Linux counts, from 1 */
    char     uuid[PARTUUID_LEN];        /* PARTUUID as Linux prints it */
};

struct partition_table {
    enum partition_table_kind kind;
    uint32_t count, dropped;            /* dropped: there is no room for more */
    struct partition part[PARTITIONS_MAX];
    char     note[PARTITION_NOTE];      /* what is wrong with the table, one phrase; or empty */
};

/* The disk. read() gives n bytes, a multiple of block_size up to PARTITION_CHUNK. */
struct partition_source {
    void    *ctx;
    bool   (*read)(void *ctx, uint64_t block, void *buf, uint32_t n);
    uint32_t block_size;                /* logical: 512, 1024, 2048 or 4096 */
    uint64_t blocks;
};

/* buf: PARTITION_CHUNK bytes for its own use. False: the disk could not be read; the note says what. */
MUST_CHECK bool partition_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t);

/* ---- between the files of the parser ---- */

/* buf holds the first block. */
bool mbr_present(const uint8_t *buf);
bool mbr_protects_gpt(const uint8_t *buf);
MUST_CHECK bool mbr_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t);
/* Neither header is good: no partitions, a note. */
MUST_CHECK bool gpt_read(const struct partition_source *s, uint8_t *buf, struct partition_table *t);

/* Adds one of `blocks` blocks, or notes that it lies outside of the disk. */
struct partition *partition_add(const struct partition_source *s, struct partition_table *t, uint32_t number,
                                uint64_t first, uint64_t blocks);
void partition_note(struct partition_table *t, const char *format, ...) PRINTF(2, 3);

#endif
