/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of commands that may be longer than a sink's queue: logs, the configuration,
 * the trace, flows, and `top`. They are made line by line as the sinks have room, while guests
 * run on and their lines may come in between. Ctrl-C ends them. A device that takes
 * nothing for a second is no longer waited for.
 */
#include "console_priv.h"
#include "safechar.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

enum {
    JOB_BACKLOG = 4 << 10,      /* queued bytes at which the answer pauses */
    JOB_BURST   = 256,          /* lines at a time; the rest follows at the next tick */
};

/* ---- times ------------------------------------------------------------------------- */

struct date { unsigned year, month, day; };

/* Gregorian date of a day since 1970-01-01, counting in eras of 400 years from March. */
static struct date date_of(uint64_t days)
{
    uint64_t shifted = days + 719468;           /* from 0000-03-01 */
    uint64_t era = shifted / 146097;
    unsigned in_era = (unsigned)(shifted % 146097);
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153;   /* 0: March */
    struct date d = {
        .day = in_year - (153 * month + 2) / 5 + 1,
        .month = month < 10 ? month + 3 : month - 9,
        .year = (unsigned)(year + era * 400),
    };
    d.year += d.month <= 2;
    return d;
}

void job_stamp(char buf[STAMP_LEN], uint64_t time, uint64_t utc_at_boot)
{
    size_t at = 0;
    if (utc_at_boot) {
        uint64_t utc = utc_at_boot + time / (1000 * MS);
        struct date d = date_of(utc / 86400);
        unsigned s = (unsigned)(utc % 86400);
        at = fmt(buf, STAMP_LEN, "%04u-%02u-%02u %02u:%02u:%02u UTC ", d.year % 10000, d.month,
                 d.day, s / 3600, s / 60 % 60, s % 60);
    }
    fmt(buf + at, STAMP_LEN - at, "[%5llu.%03u] ", (unsigned long long)(time / (1000 * MS)),
        (unsigned)(time / MS % 1000));
}

/* ---- one step of each kind: false at the end ------------------------------------------ */

static const char *level_text(uint8_t level)
{
    switch (level) {
    case LOG_ERROR: return "error: ";
    case LOG_WARN:  return "warning: ";
    case LOG_DEBUG: return "debug: ";
    default:        return "";
    }
}

static bool step_log(struct console *c)
{
    char stamp[STAMP_LEN], prefix[STAMP_LEN + 16], text[LOGRING_TEXT_MAX + 1];
    struct logrec rec;
    if (c->job_at >= c->job_end || !logring_read(c->log, &c->job_at, &rec, 0, text, sizeof(text)))
        return false;
    text[rec.len] = '\0';
    c->job_at = rec.next;
    job_stamp(stamp, rec.time, c->log->utc);
    fmt(prefix, sizeof(prefix), "%s%s", stamp, level_text(rec.level));
    out_line(c, prefix, text);
    return true;
}

/* A line of a guest's log; pieces only differ from lines where a line was split. */
static void guest_line(void *ctx, const char *text, size_t n, bool first, bool last)
{
    struct console *c = ctx;
    char stamp[STAMP_LEN], end[] = "\r\n";
    job_stamp(stamp, c->job_time, c->log->utc);
    out_fresh(c);
    for (uint32_t i = 0; i < c->sinks; i++) {
        struct console_sink *s = &c->sink[i];
        char prefix[STAMP_LEN + 64];
        size_t len = fmt(prefix, sizeof(prefix), "%s[%s] ", stamp, c->job_guest->name);
        bool fits = s->fresh && len < sizeof(prefix) &&
                    outq_room(&s->out) >= len + n + sizeof(end) - 1;
        if (!fits) {
            out_dropped(s, 1);
            continue;
        }
        /* Three puts that fit: the line stays whole. */
        if (!out_bytes(c, s, s->out.cap, prefix, len) || !out_bytes(c, s, s->out.cap, text, n) ||
            !out_bytes(c, s, s->out.cap, end, sizeof(end) - 1))
            s->fresh = false;
    }
}

static bool step_guest_log(struct console *c)
{
    uint8_t text[LOGRING_TEXT_MAX];
    struct logrec rec;
    const struct logring *log = c->job_guest->log;
    if (c->job_at >= c->job_end || !logring_read(log, &c->job_at, &rec, 0, text, sizeof(text))) {
        lineview_finish(&c->job_view, guest_line, c);
        return false;
    }
    if (rec.flags & LOGREC_START)
        c->job_time = rec.time;
    lineview_put(&c->job_view, text, rec.len, 0, guest_line, c);
    c->job_at = rec.next;
    return true;
}

static bool step_text(struct console *c)
{
    char line[LOGRING_TEXT_MAX];
    if (!c->job_left)
        return false;
    const char *end = memchr(c->job_text, '\n', c->job_left);
    size_t len = end ? (size_t)(end - c->job_text) : c->job_left;
    size_t n = (size_t)min_u64(len, sizeof(line) - 1);
    size_t used = n == len && end ? n + 1 : n;
    memcpy(line, c->job_text, n);
    if (n && end && n == len && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    out_line(c, "", line);
    c->job_text += used;
    c->job_left -= used;
    return true;
}

static bool step_trace(struct console *c)
{
    char line[CONSOLE_LINE] = "";
    const struct shell_ops *ops = c->shell.ops;
    if (!ops->trace(ops->ctx, &c->job_at, line, sizeof(line)))
        return false;
    line[sizeof(line) - 1] = '\0';
    out_line(c, "", line);
    return true;
}

/* Behind a switch's last flow comes the next switch, unless only the one was asked for. */
static bool step_flows(struct console *c)
{
    char line[CONSOLE_LINE] = "";
    struct switch_row row;
    const struct shell_ops *ops = c->shell.ops;
    const bool first = c->job_at == 0;
    if (ops->flow(ops->ctx, c->job_switch, &c->job_at, line, sizeof(line))) {
        line[sizeof(line) - 1] = '\0';
        out_line(c, "", line);
        return true;
    }
    if (first)
        out_line(c, "", "no flows");
    c->job_at = 0;
    if (c->job_only || !ops->switch_row(ops->ctx, ++c->job_switch, &row))
        return false;
    out_line(c, "", "");
    shell_switch_title(&c->shell, &row);
    return true;
}

static bool step(struct console *c)
{
    switch (c->job) {
    case JOB_LOG:       return step_log(c);
    case JOB_GUEST_LOG: return step_guest_log(c);
    case JOB_TEXT:      return step_text(c);
    case JOB_TRACE:     return step_trace(c);
    case JOB_FLOWS:     return step_flows(c);
    case JOB_NONE: case JOB_TOP: break;
    }
    return false;
}

/* ---- control ----------------------------------------------------------------------------- */

static bool sinks_ready(const struct console *c)
{
    for (uint32_t i = 0; i < c->sinks; i++)
        if (c->sink[i].out.used >= JOB_BACKLOG && !out_stalled(c, &c->sink[i]))
            return false;
    return true;
}

void job_stop(struct console *c)
{
    c->job = JOB_NONE;
    c->job_guest = NULL;
    c->job_due = UINT64_MAX;
    prompt_resume(c);
}

void job_pump(struct console *c)
{
    if (c->job == JOB_TOP) {
        if (c->now >= c->job_due && sinks_ready(c)) {
            out_line(c, "", "");
            shell_top(&c->shell, c->now);
            c->job_due = c->now + TOP_PERIOD;
        }
        console_due(c, c->job_due);
        return;
    }
    for (unsigned i = 0; c->job != JOB_NONE && i < JOB_BURST && sinks_ready(c); i++)
        if (!step(c))
            job_stop(c);
    if (c->job != JOB_NONE)
        console_due(c, c->now + (sinks_ready(c) ? MS : STALL / 4));
}

void job_start_log(struct console *c, struct console_guest *g)
{
    const struct logring *log = g ? g->log : c->log;
    if (log->head == log->tail) {
        out_line(c, "", g ? "the guest has printed nothing" : "nothing is logged");
        return;
    }
    c->job = g ? JOB_GUEST_LOG : JOB_LOG;
    c->job_guest = g;
    c->job_at = log->head;
    c->job_end = log->tail;
    lineview_init(&c->job_view);
}

void job_start_text(struct console *c, const char *text, size_t len)
{
    c->job = JOB_TEXT;
    c->job_text = text;
    c->job_left = len;
}

void job_start_trace(struct console *c)
{
    c->job = JOB_TRACE;
    c->job_at = 0;
}

void job_start_flows(struct console *c, uint32_t index, bool only)
{
    c->job = JOB_FLOWS;
    c->job_at = 0;
    c->job_switch = index;
    c->job_only = only;
}

void job_start_top(struct console *c)
{
    c->job = JOB_TOP;
    c->job_due = c->now + TOP_PERIOD;
}
