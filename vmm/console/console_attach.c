/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attached guest. Its output is read back from its log at each device's own speed,
 * so a slow device lags behind, and loses lines, only when the log's 64 KiB are not
 * enough, and the queue before the operator's next word stays short. Its input is
 * handed over as it comes and kept while the guest takes none.
 */
#include "console_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { CHUNK = 256 };

/* ---- replay ------------------------------------------------------------------------ */

enum { FILTER_TEXT, FILTER_ESC, FILTER_CSI, FILTER_STRING, FILTER_STRING_ESC };

/*
 * ECMA-48, section 5.4: CSI ends at 0x40-0x7e; control strings end at ST or, as xterm
 * takes it, BEL. Replaying sequences out of their context would at best misplace text,
 * at worst make the terminal answer into the guest.
 */
static uint8_t filter_next(uint8_t state, uint8_t byte)
{
    switch (state) {
    case FILTER_ESC:
        if (byte == '[')
            return FILTER_CSI;
        if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
            return FILTER_STRING;
        return byte >= 0x20 && byte <= 0x2f ? FILTER_ESC : FILTER_TEXT;
    case FILTER_CSI:
        return byte >= 0x40 && byte <= 0x7e ? FILTER_TEXT : FILTER_CSI;
    case FILTER_STRING:
        return byte == '\a' ? FILTER_TEXT : byte == 0x1b ? FILTER_STRING_ESC : FILTER_STRING;
    case FILTER_STRING_ESC:
        return byte == '\\' ? FILTER_TEXT : FILTER_STRING;
    default:
        return FILTER_TEXT;
    }
}

size_t attach_filter(uint8_t *state, const uint8_t *from, size_t n, uint8_t *to)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = from[i];
        bool move = byte == '\n' || byte == '\r' || byte == '\t' || byte == '\b';
        if (byte == '\n')
            *state = FILTER_TEXT;       /* no sequence of worth spans lines */
        if (*state != FILTER_TEXT)
            *state = filter_next(*state, byte);
        else if (byte == 0x1b)
            *state = FILTER_ESC;
        else if (move || (byte >= 0x20 && byte != 0x7f))
            to[len++] = byte;
    }
    return len;
}

/* ---- output ------------------------------------------------------------------------ */

/* The device was so slow that the guest overwrote what it had not seen yet. */
static void catch_up(struct console *c, struct console_sink *s, const struct logring *log)
{
    uint64_t lost = log->evicted - s->raw_line;     /* lines never begun, */
    if (s->raw_skip)
        lost++;                                     /* and the one that was cut short */
    out_dropped(s, max_u64(lost, 1));
    s->raw_at = log->head;
    s->raw_skip = 0;
    s->raw_line = log->evicted;
    s->raw_sync = true;
    out_notice(c, s);
}

/* Can this record, which is the newest or not, still grow? */
static bool record_open(const struct logring *log, const struct logrec *rec)
{
    return rec->next == log->tail && !(rec->flags & (LOGREC_END | LOGREC_SPLIT)) &&
           rec->len < LOGRING_TEXT_MAX;
}

/* Sends bytes of the guest's log to one sink; there is room for them. */
static void send_raw(struct console *c, struct console_sink *s, const uint8_t *bytes, size_t n)
{
    uint8_t text[CHUNK];
    if (s->raw_at < c->raw_from) {
        n = attach_filter(&s->filter, bytes, n, text);
        bytes = text;
    }
    if (!n || !out_bytes(c, s, s->out.cap, bytes, n))
        return;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\r')           /* a CR leaves an empty line empty */
            s->fresh = bytes[i] == '\n';
        if (bytes[i] == 0x1b || bytes[i] == 0x0e || bytes[i] == 0x9b)
            c->esc_seen = true;
    }
    s->open = NULL;
}

void attach_pump(struct console *c, struct console_sink *s, uint32_t limit)
{
    const struct logring *log = c->attached->log;
    limit = (uint32_t)min_u64(limit, s->out.cap - OWN_RESERVE);
    while (s->out.used < limit) {
        uint8_t buf[CHUNK];
        struct logrec rec;
        if (s->raw_at < log->head)
            catch_up(c, s, log);
        size_t max = (size_t)min_u64(sizeof(buf), limit - s->out.used);
        if (!logring_read(log, &s->raw_at, &rec, s->raw_skip, buf, max))
            return;
        if (!s->raw_skip && rec.flags & LOGREC_START) {
            s->raw_line++;
            s->raw_sync = false;
        }
        size_t n = (size_t)min_u64(max, rec.len - s->raw_skip);
        if (s->raw_sync)
            n = rec.len - s->raw_skip;  /* the rest of a line that was overwritten */
        else
            send_raw(c, s, buf, n);
        s->raw_skip += (uint32_t)n;
        if (s->raw_skip < rec.len)
            continue;
        if (record_open(log, &rec))
            return;
        s->raw_at = rec.next;
        s->raw_skip = 0;
    }
}

void attach_pump_all(struct console *c, uint32_t limit)
{
    for (uint32_t i = 0; i < c->sinks; i++)
        attach_pump(c, &c->sink[i], limit);
}

/* Ends what the guest's last bytes may have left the terminal in: a sequence under way
 * (ST), colours (SGR 0), another character set (SI), no cursor (DECTCEM). */
#define TERMINAL_RESET "\x1b\\\x1b[0m\x0f\x1b[?25h"

void attach_leave(struct console *c, uint32_t limit)
{
    const struct logring *log = c->attached->log;
    attach_pump_all(c, limit);
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        struct logrec rec;
        uint64_t at = s->raw_at;
        bool more = logring_read(log, &at, &rec, 0, NULL, 0) &&
                    (rec.next < log->tail || s->raw_skip < rec.len);
        if (more)
            out_dropped(s, max_u64(1, logring_lines(log, at, log->tail)));
        /* Our next line must begin behind a line end, not behind these bytes. */
        if (c->esc_seen && out_bytes(c, s, s->out.cap, TERMINAL_RESET, sizeof(TERMINAL_RESET) - 1))
            s->fresh = false;
    }
    for (struct console_guest *g = c->guests; g; g = g->next)
        lineview_resume(&g->view);
    c->mode = CONSOLE_LOG_VIEW;
    c->esc_seen = false;
}

void attach_guest(struct console *c, struct console_guest *g, bool replay)
{
    for (struct console_guest *other = c->guests; other; other = other->next) {
        struct view_ctx ctx = { c, other };
        if (other != g || !replay)
            lineview_finish(&other->view, console_view_piece, &ctx);
        lineview_init(&other->view);
    }
    c->mode = CONSOLE_ATTACHED;
    c->attached = g;
    c->reattach = NULL;
    c->redraw_due = c->hint_due = UINT64_MAX;
    c->esc_seen = false;
    out_say(c, "attached to guest %s; %s opens the prompt", g->name, c->shell.escape);
    logring_split(g->log);
    c->raw_from = g->log->tail;
    uint64_t from = replay ? logring_last_lines(g->log, CONSOLE_REPLAY) : g->log->tail;
    uint64_t line = g->log->evicted + logring_lines(g->log, g->log->head, from);
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        s->raw_at = from;
        s->raw_skip = 0;
        s->raw_line = line;
        s->raw_sync = false;
        s->filter = FILTER_TEXT;
    }
    attach_pump_all(c, RAW_BACKLOG);
}

/* ---- input ------------------------------------------------------------------------- */

void attach_retry(struct console *c, struct console_guest *g)
{
    while (g->in_used) {
        size_t n = (size_t)min_u64(g->in_used, CONSOLE_INPUT - g->in_head);
        size_t taken = c->ops.guest_input(c->ops.ctx, g, g->in + g->in_head, n);
        taken = (size_t)min_u64(taken, n);
        g->in_head = (uint32_t)((g->in_head + taken) % CONSOLE_INPUT);
        g->in_used -= (uint32_t)taken;
        if (!taken) {
            console_due(c, c->now + INPUT_RETRY);
            return;
        }
    }
}

void attach_send(struct console *c, struct console_guest *g, const uint8_t *bytes, size_t n)
{
    /* What does not fit is lost, as on a serial line without flow control. */
    for (size_t i = 0; i < n && g->in_used < CONSOLE_INPUT; i++)
        g->in[(g->in_head + g->in_used++) % CONSOLE_INPUT] = bytes[i];
    attach_retry(c, g);
}
