/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes waiting for one output device. What does not fit is dropped as a whole,
 * never in part: a message is put between outq_begin and outq_commit.
 */
#ifndef SOCLE_CONSOLE_OUTQ_H
#define SOCLE_CONSOLE_OUTQ_H

#include "socle/types.h"

struct outq {
    uint8_t *buf;
    uint32_t cap;
    uint32_t head, used;    /* committed bytes: buf[head .. head + used) modulo cap */
    uint32_t open;          /* bytes of the message being put, behind the committed ones */
    uint32_t limit;         /* used + open may not pass it */
    bool     failed;        /* the message did not fit */
};

void outq_init(struct outq *q, void *buf, uint32_t cap);
/* Starts a message that may fill the queue up to `limit` bytes (at most cap). */
void outq_begin(struct outq *q, uint32_t limit);
void outq_put(struct outq *q, const void *bytes, size_t n);
/* Publishes the message; false, and nothing is sent of it, when it did not fit. */
bool outq_commit(struct outq *q);
/* Takes up to max bytes; returns how many. */
size_t outq_take(struct outq *q, void *to, size_t max);
/*
 * Removes the waiting lines whose first byte is `first`, but not one that has begun to
 * leave, nor one without its line end. Returns how many. Not between begin and commit.
 */
uint32_t outq_remove_lines(struct outq *q, uint8_t first);
static inline uint32_t outq_room(const struct outq *q) { return q->cap - q->used; }

#endif
