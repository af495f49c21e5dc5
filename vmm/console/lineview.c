/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log view of one guest's output (design A3). Called by the console for every byte
 * a guest prints while it is not attached, so plain text takes a short path.
 *
 * Line ends: LF, CR LF (also CR CR LF, which double translation produces) and a CR
 * alone, as progress displays use it. A CR is only remembered, and judged by the byte
 * behind it; a CR with nothing before it ends nothing.
 */
#include "socle/console/lineview.h"

#include "safechar.h"
#include "socle/str.h"

/* Where pieces go, through the helpers below. */
struct out {
    lineview_emit emit;
    void         *ctx;
    uint64_t      now;
};

static void emit_piece(struct lineview *v, const struct out *o, bool last)
{
    uint32_t len = v->len;
    bool first = !v->begun;
    v->begun = !last;
    v->shown = last ? 0 : v->shown + len;
    v->len = 0;
    v->due = UINT64_MAX;
    o->emit(o->ctx, v->text, len, first, last);
}

/* Room for n more characters in this line, by splitting it if need be. */
static void make_room(struct lineview *v, const struct out *o, uint32_t n)
{
    if (v->shown + v->len + n > LINEVIEW_MAX)
        emit_piece(v, o, true);
    if (!v->len)
        v->due = o->now + LINEVIEW_PATIENCE;
}

static void add(struct lineview *v, const struct out *o, const char *text, uint32_t n)
{
    make_room(v, o, n);
    memcpy(v->text + v->len, text, n);
    v->len += n;
}

static void add_hex(struct lineview *v, const struct out *o, uint8_t byte)
{
    char hex[SAFE_HEX];
    safe_hex(hex, byte);
    add(v, o, hex, SAFE_HEX);
}

/* The character under way will not be completed. */
static void give_up_utf8(struct lineview *v, const struct out *o)
{
    unsigned have = v->have;
    v->have = 0;
    for (unsigned i = 0; i < have; i++)
        add_hex(v, o, v->utf8[i]);
}

/* A byte behind the start of a UTF-8 character; false when it does not belong to it. */
static bool continue_utf8(struct lineview *v, const struct out *o, uint8_t byte)
{
    if (!safe_utf8_next(v->utf8, v->have, byte)) {
        give_up_utf8(v, o);
        return false;
    }
    v->utf8[v->have++] = byte;
    if (v->have < v->need)
        return true;
    if (!safe_utf8_shown(v->utf8, v->need)) {
        give_up_utf8(v, o);
        return true;
    }
    v->have = 0;
    add(v, o, (const char *)v->utf8, v->need);
    return true;
}

/* A CR was no part of CR LF: it ends the line if that has any text. */
static void lone_cr(struct lineview *v, const struct out *o)
{
    v->cr = false;
    if (v->len || v->shown)
        emit_piece(v, o, true);
}

static void put_byte(struct lineview *v, const struct out *o, uint8_t byte)
{
    if (v->have && continue_utf8(v, o, byte))
        return;
    if (byte == '\n') {
        v->cr = false;
        emit_piece(v, o, true);
        return;
    }
    if (byte == '\r') {
        v->cr = true;
        return;
    }
    if (v->cr)
        lone_cr(v, o);
    if (safe_ascii(byte)) {
        make_room(v, o, 1);
        v->text[v->len++] = (char)byte;
        return;
    }
    v->need = (uint8_t)safe_utf8_length(byte);
    if (!v->need) {
        add_hex(v, o, byte);
        return;
    }
    v->utf8[0] = byte;
    v->have = 1;
    if (v->due == UINT64_MAX)
        v->due = o->now + LINEVIEW_PATIENCE;
}

void lineview_init(struct lineview *v)
{
    /* text[] needs no clearing: only its first `len` bytes are ever read. */
    v->len = v->shown = 0;
    v->due = UINT64_MAX;
    v->have = v->need = 0;
    v->cr = v->begun = false;
}

void lineview_resume(struct lineview *v)
{
    lineview_init(v);
    v->begun = true;
}

void lineview_put(struct lineview *v, const uint8_t *bytes, size_t n, uint64_t now,
                  lineview_emit emit, void *ctx)
{
    const struct out o = { emit, ctx, now };
    for (size_t i = 0; i < n; i++)
        put_byte(v, &o, bytes[i]);
}

void lineview_tick(struct lineview *v, uint64_t now, lineview_emit emit, void *ctx)
{
    const struct out o = { emit, ctx, now };
    if (now < v->due)
        return;
    give_up_utf8(v, &o);
    emit_piece(v, &o, false);
}

void lineview_finish(struct lineview *v, lineview_emit emit, void *ctx)
{
    const struct out o = { emit, ctx, 0 };
    give_up_utf8(v, &o);
    if (v->len || v->begun)
        emit_piece(v, &o, true);
    lineview_init(v);
}
