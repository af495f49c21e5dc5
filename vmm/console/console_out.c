/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reaches the output devices: whole lines, pieces of guests' lines, raw bytes,
 * each all or nothing per device. A device that is too slow loses whole lines of
 * guests and is told how many; nobody waits for it. Called by the other files of the
 * console.
 */
#include "console_priv.h"
#include "safechar.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

static void put_text(struct outq *q, const char *text) { outq_put(q, text, strlen(text)); }

/* Something other than the edit line was written: it has to come back later. */
static void not_drawn(struct console *c, struct console_sink *s)
{
    s->drawn = false;
    if (c->mode == CONSOLE_PROMPT && c->job == JOB_NONE && c->redraw_due == UINT64_MAX) {
        c->redraw_due = c->now + REDRAW_DELAY;
        console_due(c, c->redraw_due);
    }
}

static void begin(struct console *c, struct console_sink *s, uint32_t limit)
{
    if (!s->out.used)
        s->took_at = c->now;        /* a stall is counted from the first waiting byte */
    outq_begin(&s->out, limit);
}

/* Begins a message with what takes the cursor to an empty line. */
static void begin_fresh(struct console *c, struct console_sink *s, uint32_t limit)
{
    begin(c, s, limit);
    if (!s->fresh)
        put_text(&s->out, "\r\n");
}

/* Ends a message after which the cursor is on an empty line. */
static bool commit_fresh(struct console *c, struct console_sink *s)
{
    if (!outq_commit(&s->out))
        return false;
    s->fresh = true;
    s->open = NULL;
    not_drawn(c, s);
    return true;
}

void out_dropped(struct console_sink *s, uint64_t lines)
{
    s->dropping = true;
    s->dropped += lines;
}

/* Queued bytes from which on a guest's lines are not taken. */
static uint32_t backlog(const struct console *c, const struct console_sink *s)
{
    return c->mode == CONSOLE_PROMPT ? (uint32_t)PROMPT_BACKLOG : s->out.cap - OWN_RESERVE;
}

void out_notice(struct console *c, struct console_sink *s)
{
    /* Half of it must be free, or every other line would be a notice. */
    if (!s->dropping || s->out.used > backlog(c, s) / 2)
        return;
    char text[64];
    fmt(text, sizeof(text), "socle: console slow: %llu line%s dropped\r\n",
        (unsigned long long)s->dropped, s->dropped == 1 ? "" : "s");
    begin_fresh(c, s, s->out.cap);
    put_text(&s->out, text);
    if (!commit_fresh(c, s))
        return;
    s->dropping = false;
    s->dropped = 0;
}

static void sink_line(struct console *c, struct console_sink *s, const char *prefix,
                      const char *safe)
{
    begin_fresh(c, s, s->out.cap);
    put_text(&s->out, prefix);
    put_text(&s->out, safe);
    put_text(&s->out, "\r\n");
    if (!commit_fresh(c, s))
        out_dropped(s, 1);
}

void out_sink_line(struct console *c, struct console_sink *s, const char *prefix,
                   const char *text)
{
    char safe[CONSOLE_LINE];
    safe_text(safe, sizeof(safe), text);
    sink_line(c, s, prefix, safe);
}

void out_line(struct console *c, const char *prefix, const char *text)
{
    char safe[CONSOLE_LINE];
    safe_text(safe, sizeof(safe), text);
    for (uint32_t i = 0; i < c->sinks; i++)
        sink_line(c, &c->sink[i], prefix, safe);
}

void out_say(struct console *c, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    fmt_v(text, sizeof(text), format, args);
    va_end(args);
    out_line(c, "socle: ", text);
}

void out_fresh(struct console *c)
{
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        begin_fresh(c, s, s->out.cap);
        if (commit_fresh(c, s))
            continue;
        s->fresh = false;
        s->drawn = false;
    }
}

bool out_bytes(struct console *c, struct console_sink *s, uint32_t limit, const void *bytes,
               size_t n)
{
    begin(c, s, limit);
    outq_put(&s->out, bytes, n);
    return outq_commit(&s->out);
}

bool out_stalled(const struct console *c, const struct console_sink *s)
{
    return s->out.used && c->now - s->took_at > STALL;
}

/* One sink's share of out_guest_piece(). */
static void sink_piece(struct console *c, struct console_sink *s, struct console_guest *g,
                       const char *text, size_t n, bool first, bool last)
{
    bool continues = !first && s->open == g;
    if (!continues && !first && !n)
        return;                     /* the end of a line that others have cut off */
    out_notice(c, s);
    if (s->dropping || s->out.used >= backlog(c, s)) {
        /* Later pieces of a line that is counted here are neither first nor open. */
        if (first || continues)
            out_dropped(s, 1);
        s->open = NULL;
        return;
    }
    begin(c, s, s->out.cap - OWN_RESERVE);
    if (!continues) {
        put_text(&s->out, s->fresh ? "[" : "\r\n[");
        put_text(&s->out, g->name);
        put_text(&s->out, "] ");
    }
    outq_put(&s->out, text, n);
    if (last)
        put_text(&s->out, "\r\n");
    if (!outq_commit(&s->out)) {
        out_dropped(s, 1);
        s->open = NULL;
        return;
    }
    s->fresh = last;
    s->open = last ? NULL : g;
    not_drawn(c, s);
}

void out_guest_piece(struct console *c, struct console_guest *g, const char *text, size_t n,
                     bool first, bool last)
{
    for (uint32_t i = 0; i < c->sinks; i++)
        sink_piece(c, &c->sink[i], g, text, n, first, last);
}
