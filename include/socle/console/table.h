/* SPDX-License-Identifier: BSD-2-Clause */
/* Aligned text tables, put together cell by cell, then printed line by line. */
#ifndef SOCLE_CONSOLE_TABLE_H
#define SOCLE_CONSOLE_TABLE_H

#include "socle/fmt.h"
#include "socle/types.h"

enum {
    TABLE_COLUMNS = 10,
    TABLE_TEXT    = 16 << 10,   /* all cells with their ends */
    TABLE_LINE    = 320,        /* longest line printed */
};

struct table {
    uint32_t columns;
    uint32_t cells;                 /* headings included */
    uint32_t used;                  /* of text[] */
    uint32_t lost;                  /* cells that did not fit */
    bool     right[TABLE_COLUMNS];  /* numbers */
    uint16_t width[TABLE_COLUMNS];
    char     text[TABLE_TEXT];
};

/* headings: "NAME|STATE|>MEMORY"; a `>` aligns the column to the right. */
void table_begin(struct table *t, const char *headings);
/* The next cell, row by row. A cell has at most 223 bytes. */
void table_cell(struct table *t, const char *format, ...) PRINTF(2, 3);
/* Prints headings and rows, without trailing blanks, and a last line if rows were lost. */
void table_print(const struct table *t, void (*line)(void *ctx, const char *text), void *ctx);

#endif
