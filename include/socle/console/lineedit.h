/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line editor of the prompt: UTF-8 text, cursor keys, history, completion. It
 * needs a terminal that knows BS and CR, nothing more; lines longer than the screen
 * scroll sideways.
 */
#ifndef SOCLE_CONSOLE_LINEEDIT_H
#define SOCLE_CONSOLE_LINEEDIT_H

#include "socle/types.h"

enum {
    LINEEDIT_MAX     = 256,     /* bytes of a line, NUL included */
    LINEEDIT_HISTORY = 16,
    LINEEDIT_COLUMNS = 72,      /* text shown at once, after the prompt */
};

enum lineedit_event {
    LINEEDIT_MORE,      /* nothing to do */
    LINEEDIT_ENTER,     /* le->line is complete; lineedit_reset() starts the next */
    LINEEDIT_CANCEL,    /* Ctrl-C */
    LINEEDIT_CLOSE,     /* Ctrl-D on an empty line */
    LINEEDIT_TAB,       /* asks for completion at le->cursor */
    LINEEDIT_CLEAR,     /* Ctrl-L */
};

struct lineedit {
    char     line[LINEEDIT_MAX];        /* NUL-terminated */
    uint16_t len, cursor;               /* bytes */
    uint16_t left;                      /* first byte shown */
    uint16_t shown;                     /* columns of text on the screen */
    uint8_t  escape;                    /* state of a key's escape sequence */
    uint8_t  param;                     /* its number */
    uint8_t  utf8[4], have, need;       /* a character under way */
    bool     cr;                        /* the last key was CR: LF after it is part of it */
    const char *prompt;
    void   (*put)(void *ctx, const char *bytes, size_t n);
    void    *ctx;
    char     history[LINEEDIT_HISTORY][LINEEDIT_MAX];
    uint16_t count, newest;             /* of the history */
    uint16_t recall;                    /* 0: the line being typed; n: n-th newest */
    char     typed[LINEEDIT_MAX];       /* the line being typed, while others are recalled */
};

void lineedit_init(struct lineedit *le, const char *prompt,
                   void (*put)(void *ctx, const char *bytes, size_t n), void *ctx);
/* One byte from the terminal. */
enum lineedit_event lineedit_key(struct lineedit *le, uint8_t key);
/* Starts an empty line; does not draw. */
void lineedit_reset(struct lineedit *le);
/* Draws prompt and line; the terminal's cursor is at the start of an empty line. */
void lineedit_draw(struct lineedit *le);
/* Inserts text at the cursor, as far as it fits, and redraws. */
void lineedit_insert(struct lineedit *le, const char *text, size_t n);
/* Keeps the line for the arrow keys; empty ones and repetitions are not kept. */
void lineedit_remember(struct lineedit *le);

#endif
