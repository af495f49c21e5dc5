/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log in a fixed piece of memory: records with time and level, the oldest making
 * room for the newest. It holds no pointer and carries checksums, so that a log left
 * in memory by an earlier boot can be recognized and read (design B10). The
 * hypervisor has one of its own and one per guest.
 */
#ifndef SOCLE_CONSOLE_LOGRING_H
#define SOCLE_CONSOLE_LOGRING_H

#include "socle/log.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    LOGRING_SIZE     = 64 << 10,    /* what the hypervisor and each guest get, header included */
    LOGRING_MIN      = 4096,        /* smallest memory logring_init accepts */
    LOGRING_TEXT_MAX = 1024,        /* bytes of text in one record */
};

/* Flags of a record. */
enum {
    LOGREC_START = 1,       /* first record of a line */
    LOGREC_END   = 2,       /* the line is complete */
    LOGREC_SPLIT = 4,       /* takes no more bytes, though the line goes on */
};

struct logring {            /* lies at the start of the memory given; `cap` bytes follow */
    uint32_t magic;
    uint32_t cap;
    uint64_t head;          /* position of the oldest record; positions only grow */
    uint64_t tail;          /* position after the newest */
    uint64_t last;          /* position of the newest; == tail: none */
    uint64_t evicted;       /* LOGREC_START records that were overwritten so far */
    uint64_t utc;           /* seconds since 1970 at this boot; 0: not known */
    uint32_t sum;           /* over the fields above */
    uint32_t reserved;
};
_Static_assert(sizeof(struct logring) == 56, "header of a log in memory");

struct logrec {             /* a record as handed out */
    uint64_t time;          /* ns since boot */
    uint16_t len;
    uint8_t  level;         /* enum log_level */
    uint8_t  flags;
    uint64_t next;          /* position of the following record */
};

/* Makes an empty log in `size` bytes, 8-byte aligned, LOGRING_MIN to 16 MiB; null otherwise. */
struct logring *logring_init(void *mem, size_t size);
/*
 * The log an earlier boot left in this memory, or null when none is whole there. Safe
 * on any content; a damaged newest part is cut off.
 */
struct logring *logring_recover(void *mem, size_t size);
/* Adds one record, cutting the text at LOGRING_TEXT_MAX. Any context under the log's lock. */
void logring_add(struct logring *r, uint64_t time, enum log_level level, unsigned flags,
                 const void *text, size_t len);
/*
 * Adds raw bytes of a guest: lines end at LF; an unfinished line grows its record.
 * Takes any number of bytes.
 */
void logring_stream(struct logring *r, uint64_t time, const uint8_t *bytes, size_t n);
/* The next bytes streamed start a record of their own, even within a line. */
void logring_split(struct logring *r);
void logring_set_utc(struct logring *r, uint64_t utc);
/*
 * Reads the record at position *at (moved up to the oldest when that was overwritten);
 * text gets at most `max` bytes from `skip` on. False when there is none yet. With
 * *at = 0 reading starts at the oldest. rec->len is the whole length.
 */
bool logring_read(const struct logring *r, uint64_t *at, struct logrec *rec, size_t skip,
                  void *text, size_t max);
/* Position where the last `lines` lines start. */
uint64_t logring_last_lines(const struct logring *r, unsigned lines);
/* Lines that start in [from, to), overwritten ones not counted. */
uint64_t logring_lines(const struct logring *r, uint64_t from, uint64_t to);

#endif
