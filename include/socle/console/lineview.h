/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a guest's raw bytes to lines that are safe on the operator's terminal: control
 * bytes, invalid UTF-8 and characters that change the order or place of others become
 * \xNN; CR LF, LF and a lone CR end a line. The text may be emitted in pieces.
 */
#ifndef SOCLE_CONSOLE_LINEVIEW_H
#define SOCLE_CONSOLE_LINEVIEW_H

#include "socle/types.h"

enum {
    LINEVIEW_MAX      = 4096,           /* bytes of text of a line before it is split */
    LINEVIEW_PATIENCE = 200000000,      /* ns until an unfinished line is shown */
};

/* A piece of a line: `first` when it starts the line, `last` when it completes it. */
typedef void (*lineview_emit)(void *ctx, const char *text, size_t n, bool first, bool last);

struct lineview {
    char     text[LINEVIEW_MAX];
    uint32_t len;           /* waiting in text[] */
    uint32_t shown;         /* of the same line, emitted before */
    uint64_t due;           /* when the waiting text is shown anyway; UINT64_MAX: nothing waits */
    uint8_t  utf8[4];       /* a character under way */
    uint8_t  have, need;
    bool     cr;            /* CR seen: a line end, alone or with LF */
    bool     begun;         /* pieces were emitted without `last` */
};

void lineview_init(struct lineview *v);
/* From here on the guest's current line counts as begun: its end alone shows nothing. */
void lineview_resume(struct lineview *v);
void lineview_put(struct lineview *v, const uint8_t *bytes, size_t n, uint64_t now,
                  lineview_emit emit, void *ctx);
/* Emits what waits, when it is due at `now`. */
void lineview_tick(struct lineview *v, uint64_t now, lineview_emit emit, void *ctx);
/* Emits what waits and completes the line (the guest stopped). */
void lineview_finish(struct lineview *v, lineview_emit emit, void *ctx);

#endif
