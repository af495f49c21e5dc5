/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing, keys and history of the prompt's line. Called by the console for every key
 * while the prompt is open. Key sequences: ECMA-48 control sequences as xterm and the
 * VT220 send them (CSI A-D, H, F and CSI n ~; SS3 in application mode). Drawing uses
 * printable characters, CR and BS only: it works on anything, and a log of the session
 * stays readable. Characters are taken to be one column wide.
 */
#include "socle/console/lineedit.h"

#include "safechar.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { KEY_GROUND, KEY_ESC, KEY_CSI, KEY_SS3 };

enum {
    CTRL_A = 1, CTRL_B, CTRL_C, CTRL_D, CTRL_E, CTRL_F, CTRL_H = 8, TAB, LF, CTRL_K, CTRL_L, CR,
    CTRL_N, CTRL_P = 16, CTRL_U = 21, CTRL_W = 23, ESC = 27, DEL = 127
};

/* ---- text and columns ------------------------------------------------------------ */

static bool inside_char(char c) { return ((uint8_t)c & 0xc0) == 0x80; }

static uint16_t next_char(const struct lineedit *le, uint16_t at)
{
    if (at < le->len)
        do
            at++;
        while (at < le->len && inside_char(le->line[at]));
    return at;
}

static uint16_t previous_char(const struct lineedit *le, uint16_t at)
{
    if (at)
        do
            at--;
        while (at && inside_char(le->line[at]));
    return at;
}

static uint16_t columns(const struct lineedit *le, uint16_t from, uint16_t to)
{
    uint16_t n = 0;
    for (uint16_t i = from; i < to; i++)
        n = (uint16_t)(n + !inside_char(le->line[i]));
    return n;
}

/* ---- drawing --------------------------------------------------------------------- */

static void put_text(const struct lineedit *le, const char *text)
{
    le->put(le->ctx, text, strlen(text));
}

static void put_times(const struct lineedit *le, char c, unsigned n)
{
    char run[LINEEDIT_COLUMNS];
    memset(run, c, sizeof(run));
    for (; n; n -= (unsigned)min_u64(n, sizeof(run)))
        le->put(le->ctx, run, (size_t)min_u64(n, sizeof(run)));
}

/* Moves the window so that the cursor is in it. */
static void scroll(struct lineedit *le)
{
    if (le->cursor < le->left)
        le->left = le->cursor;
    while (columns(le, le->left, le->cursor) >= LINEEDIT_COLUMNS)
        le->left = next_char(le, le->left);
}

static void draw_text(struct lineedit *le)
{
    uint16_t end = le->left, shown = 0;
    while (end < le->len && shown < LINEEDIT_COLUMNS) {
        end = next_char(le, end);
        shown++;
    }
    le->put(le->ctx, le->line + le->left, (size_t)(end - le->left));
    unsigned stale = le->shown > shown ? (unsigned)(le->shown - shown) : 0u;
    put_times(le, ' ', stale);
    put_times(le, '\b', stale + columns(le, le->cursor, end));
    le->shown = shown;
}

static void redraw(struct lineedit *le)
{
    scroll(le);
    put_text(le, "\r");
    put_text(le, le->prompt);
    draw_text(le);
}

void lineedit_draw(struct lineedit *le)
{
    scroll(le);
    le->shown = 0;
    put_text(le, le->prompt);
    draw_text(le);
}

/* ---- changing the line ------------------------------------------------------------ */

static void remove_range(struct lineedit *le, uint16_t from, uint16_t to)
{
    if (from == to)
        return;
    memmove(le->line + from, le->line + to, (size_t)(le->len - to) + 1);
    le->len = (uint16_t)(le->len - (to - from));
    le->cursor = from;
    redraw(le);
}

static bool insert(struct lineedit *le, const char *text, size_t n)
{
    if (n > sizeof(le->line) - 1 - le->len)
        return false;
    memmove(le->line + le->cursor + n, le->line + le->cursor, (size_t)(le->len - le->cursor) + 1);
    memcpy(le->line + le->cursor, text, n);
    le->len = (uint16_t)(le->len + n);
    le->cursor = (uint16_t)(le->cursor + n);
    return true;
}

/* One typed character. At the end of a line that does not scroll, it is just echoed. */
static void type(struct lineedit *le, const char *text, size_t n)
{
    if (!insert(le, text, n)) {
        put_text(le, "\a");
        return;
    }
    if (le->cursor == le->len && columns(le, le->left, le->len) < LINEEDIT_COLUMNS) {
        le->put(le->ctx, text, n);
        le->shown++;
    }
    else
        redraw(le);
}

void lineedit_insert(struct lineedit *le, const char *text, size_t n)
{
    if (insert(le, text, n))
        redraw(le);
}

static void move_to(struct lineedit *le, uint16_t cursor)
{
    le->cursor = cursor;
    redraw(le);
}

static void erase_word(struct lineedit *le)
{
    uint16_t from = le->cursor;
    while (from && le->line[from - 1] == ' ')
        from--;
    while (from && le->line[from - 1] != ' ')
        from--;
    remove_range(le, from, le->cursor);
}

/* ---- history ----------------------------------------------------------------------- */

static char *history_entry(struct lineedit *le, unsigned back)     /* 1: the newest */
{
    return le->history[(le->newest + LINEEDIT_HISTORY - (back - 1)) % LINEEDIT_HISTORY];
}

static void recall(struct lineedit *le, unsigned back)
{
    if (back > le->count)
        return;
    if (!le->recall)
        memcpy(le->typed, le->line, sizeof(le->typed));
    le->recall = (uint16_t)back;
    memcpy(le->line, back ? history_entry(le, back) : le->typed, sizeof(le->line));
    le->len = le->cursor = (uint16_t)strlen(le->line);
    le->left = 0;
    redraw(le);
}

static void recall_newer(struct lineedit *le)
{
    if (le->recall)
        recall(le, le->recall - 1u);
}

void lineedit_remember(struct lineedit *le)
{
    if (!le->len || (le->count && !strcmp(history_entry(le, 1), le->line)))
        return;
    le->newest = (uint16_t)((le->newest + 1) % LINEEDIT_HISTORY);
    if (le->count < LINEEDIT_HISTORY)
        le->count++;
    memcpy(le->history[le->newest], le->line, sizeof(le->line));
}

/* ---- keys ---------------------------------------------------------------------------- */

static void erase_before(struct lineedit *le)
{
    remove_range(le, previous_char(le, le->cursor), le->cursor);
}

static void erase_at(struct lineedit *le)
{
    remove_range(le, le->cursor, next_char(le, le->cursor));
}

/* The final byte of CSI or SS3. */
static void function_key(struct lineedit *le, uint8_t final)
{
    switch (final) {
    case 'A': recall(le, le->recall + 1u); break;
    case 'B': recall_newer(le); break;
    case 'C': move_to(le, next_char(le, le->cursor)); break;
    case 'D': move_to(le, previous_char(le, le->cursor)); break;
    case 'H': move_to(le, 0); break;
    case 'F': move_to(le, le->len); break;
    case '~':
        if (le->param == 1 || le->param == 7)
            move_to(le, 0);
        else if (le->param == 4 || le->param == 8)
            move_to(le, le->len);
        else if (le->param == 3)
            erase_at(le);
        break;
    default: break;
    }
}

/* A byte of an escape sequence; false when it is not part of one after all. */
static bool sequence(struct lineedit *le, uint8_t key)
{
    if (key < 0x20 || key > 0x7e) {     /* a control character breaks the sequence off */
        le->escape = KEY_GROUND;
        return false;
    }
    if (le->escape == KEY_ESC) {
        le->param = 0;
        le->escape = key == '[' ? KEY_CSI : key == 'O' ? KEY_SS3 : KEY_GROUND;
        return true;
    }
    if (le->escape == KEY_CSI && key < 0x40) {
        if (key >= '0' && key <= '9')
            le->param = (uint8_t)(le->param * 10 + key - '0');
        return true;
    }
    le->escape = KEY_GROUND;
    function_key(le, key);
    return true;
}

/* Part of a UTF-8 character; what is invalid, or unsafe to show, is ignored. */
static void utf8_key(struct lineedit *le, uint8_t key)
{
    if (le->have && safe_utf8_next(le->utf8, le->have, key)) {
        le->utf8[le->have++] = key;
        if (le->have < le->need)
            return;
        le->have = 0;
        if (safe_utf8_shown(le->utf8, le->need))
            type(le, (const char *)le->utf8, le->need);
        return;
    }
    le->need = (uint8_t)safe_utf8_length(key);
    le->have = le->need ? 1 : 0;
    le->utf8[0] = key;
}

static enum lineedit_event control_key(struct lineedit *le, uint8_t key)
{
    switch (key) {
    case CR: case LF: return LINEEDIT_ENTER;
    case TAB:    return LINEEDIT_TAB;
    case CTRL_C: return LINEEDIT_CANCEL;
    case CTRL_L: return LINEEDIT_CLEAR;
    case CTRL_D:
        if (!le->len)
            return LINEEDIT_CLOSE;
        erase_at(le);
        break;
    case ESC:    le->escape = KEY_ESC; break;
    case DEL: case CTRL_H: erase_before(le); break;
    case CTRL_A: move_to(le, 0); break;
    case CTRL_E: move_to(le, le->len); break;
    case CTRL_B: move_to(le, previous_char(le, le->cursor)); break;
    case CTRL_F: move_to(le, next_char(le, le->cursor)); break;
    case CTRL_P: function_key(le, 'A'); break;
    case CTRL_N: function_key(le, 'B'); break;
    case CTRL_K: remove_range(le, le->cursor, le->len); break;
    case CTRL_U: remove_range(le, 0, le->cursor); break;
    case CTRL_W: erase_word(le); break;
    default: break;
    }
    return LINEEDIT_MORE;
}

enum lineedit_event lineedit_key(struct lineedit *le, uint8_t key)
{
    bool after_cr = le->cr;
    le->cr = key == CR;
    if (key == LF && after_cr)
        return LINEEDIT_MORE;
    if (le->escape != KEY_GROUND && sequence(le, key))
        return LINEEDIT_MORE;
    if (key >= 0x80) {
        utf8_key(le, key);
        return LINEEDIT_MORE;
    }
    le->have = 0;
    if (key < 0x20 || key == DEL)
        return control_key(le, key);
    char c = (char)key;
    type(le, &c, 1);
    return LINEEDIT_MORE;
}

void lineedit_reset(struct lineedit *le)
{
    le->line[0] = '\0';
    le->len = le->cursor = le->left = le->shown = le->recall = 0;
    le->escape = KEY_GROUND;
    le->have = 0;
}

void lineedit_init(struct lineedit *le, const char *prompt,
                   void (*put)(void *ctx, const char *bytes, size_t n), void *ctx)
{
    memset(le, 0, sizeof(*le));
    le->prompt = prompt;
    le->put = put;
    le->ctx = ctx;
}
