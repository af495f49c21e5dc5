/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of the prompt's commands. Cells are kept as NUL-terminated texts one behind
 * the other, so that widths are known before the first line is printed. Rows that do
 * not fit are counted and said to be missing rather than silently left out.
 */
#include "socle/console/table.h"

#include "socle/bits.h"
#include "socle/str.h"

enum { CELL_MAX = 224, GAP = 2 };

/* Columns a text takes: bytes of UTF-8 that continue a character take none. */
static uint16_t text_width(const char *text)
{
    uint16_t n = 0;
    for (; *text; text++)
        n = (uint16_t)(n + (((uint8_t)*text & 0xc0) != 0x80));
    return n;
}

static void add_cell(struct table *t, const char *text)
{
    size_t size = strlen(text) + 1;
    if (t->lost || size > sizeof(t->text) - t->used) {
        t->lost++;      /* later cells must not move into the gap */
        return;
    }
    uint32_t column = t->cells % t->columns;
    memcpy(t->text + t->used, text, size);
    t->used += (uint32_t)size;
    t->cells++;
    t->width[column] = (uint16_t)max_u64(t->width[column], text_width(text));
}

void table_begin(struct table *t, const char *headings)
{
    t->columns = 1;
    t->cells = t->used = t->lost = 0;
    memset(t->width, 0, sizeof(t->width));
    for (const char *p = headings; (p = strchr(p, '|')) && t->columns < TABLE_COLUMNS; p++)
        t->columns++;
    for (uint32_t i = 0; i < t->columns; i++) {
        const char *end = strchr(headings, '|');
        size_t len = end ? (size_t)(end - headings) : strlen(headings);
        t->right[i] = *headings == '>';
        size_t skip = t->right[i];
        char cell[CELL_MAX];
        fmt(cell, sizeof(cell), "%.*s", (int)(len - skip), headings + skip);
        add_cell(t, cell);
        headings += end ? len + 1 : len;
    }
}

void table_cell(struct table *t, const char *format, ...)
{
    char cell[CELL_MAX];
    va_list args;
    va_start(args, format);
    fmt_v(cell, sizeof(cell), format, args);
    va_end(args);
    add_cell(t, cell);
}

/* Appends n blanks, as far as the line has room. */
static size_t put_blanks(char *line, size_t at, size_t n)
{
    n = (size_t)min_u64(n, TABLE_LINE - 1 - at);
    memset(line + at, ' ', n);
    return at + n;
}

/* Appends one cell with its padding; returns where the next one goes. */
static size_t put_cell(const struct table *t, uint32_t column, const char *text, char *line,
                       size_t at)
{
    size_t pad = (size_t)(t->width[column] - text_width(text));
    if (column)
        pad += t->right[column] ? (size_t)GAP : 0;
    if (t->right[column])
        at = put_blanks(line, at, pad);
    else if (column)
        at = put_blanks(line, at, GAP);
    size_t n = (size_t)min_u64(strlen(text), TABLE_LINE - 1 - at);
    memcpy(line + at, text, n);
    return t->right[column] ? at + n : put_blanks(line, at + n, pad);
}

void table_print(const struct table *t, void (*line)(void *ctx, const char *text), void *ctx)
{
    const char *text = t->text;
    for (uint32_t row = 0; row < t->cells / t->columns; row++) {
        char buf[TABLE_LINE];
        size_t at = 0;
        for (uint32_t i = 0; i < t->columns; i++) {
            at = put_cell(t, i, text, buf, at);
            text += strlen(text) + 1;
        }
        while (at && buf[at - 1] == ' ')
            at--;
        buf[at] = '\0';
        line(ctx, buf);
    }
    if (t->lost)
        line(ctx, "(more rows than fit here)");
}
