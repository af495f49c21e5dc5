/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of the console. */
#ifndef VMM_CONSOLE_CONSOLE_PRIV_H
#define VMM_CONSOLE_CONSOLE_PRIV_H

#include "socle/console.h"

enum {
    CONSOLE_LINE     = 1280,        /* bytes of one line of ours, made safe */
    OWN_RESERVE      = 8 << 10,     /* of a sink's queue, kept for lines that are not guests' */
    PROMPT_BACKLOG   = 2 << 10,     /* queued bytes at the prompt, so that echo is not late */
    RAW_BACKLOG      = 2 << 10,     /* queued bytes of an attached guest; its log has the rest */
    LEAVE_BACKLOG    = 8 << 10,     /* the same, when the operator leaves it */
};

/* Delays, in ns. */
#define MS              1000000ull
#define REDRAW_DELAY    (300 * MS)  /* between a log line and the edit line below it */
#define STALL           (1000 * MS) /* a device that takes nothing so long is not waited for */
#define INPUT_RETRY     (10 * MS)
#define HINT_DELAY      (700 * MS)
#define HINT_PAUSE      (5000 * MS)
#define TOP_PERIOD      (1000 * MS)

/* console_out.c: what reaches the sinks */
/* A whole line of ours, on a fresh line; text is made safe. */
void out_line(struct console *c, const char *prefix, const char *text);
void out_sink_line(struct console *c, struct console_sink *s, const char *prefix,
                   const char *text);
/* Moves every sink's cursor to the start of an empty line. */
void out_fresh(struct console *c);
/* A piece of a guest's line in the log view. */
void out_guest_piece(struct console *c, struct console_guest *g, const char *text, size_t n,
                     bool first, bool last);
/* Bytes as they are; false when they do not fit under `limit`. */
bool out_bytes(struct console *c, struct console_sink *s, uint32_t limit, const void *bytes,
               size_t n);
/* Counts lines that a sink cannot show, and says so once it has room again. */
void out_dropped(struct console_sink *s, uint64_t lines);
void out_notice(struct console *c, struct console_sink *s);
/* A line prefixed by "socle: ", not logged. */
void out_say(struct console *c, const char *format, ...) PRINTF(2, 3);
bool out_stalled(const struct console *c, const struct console_sink *s);

/* console_attach.c */
/* Raw both ways from now on; `replay` shows the last lines first. The guest runs. */
void attach_guest(struct console *c, struct console_guest *g, bool replay);
/* Ends raw output, sending up to `limit` queued bytes of it; c->attached stays. */
void attach_leave(struct console *c, uint32_t limit);
/* Moves the attached guest's output on, up to `limit` queued bytes. */
void attach_pump(struct console *c, struct console_sink *s, uint32_t limit);
void attach_pump_all(struct console *c, uint32_t limit);
/* The filter of replayed lines: keeps text, drops escape sequences; returns the length. */
size_t attach_filter(uint8_t *state, const uint8_t *from, size_t n, uint8_t *to);
/* Input for a guest, kept as far as there is room when it takes none. */
void attach_send(struct console *c, struct console_guest *g, const uint8_t *bytes, size_t n);
void attach_retry(struct console *c, struct console_guest *g);

/* console_job.c: answers longer than a queue */
void job_start_log(struct console *c, struct console_guest *g);
void job_start_text(struct console *c, const char *text, size_t len);
void job_start_trace(struct console *c);
void job_start_flows(struct console *c, uint32_t index, bool only);
void job_start_top(struct console *c);
/* Goes on while the sinks have room; draws the prompt at the end. */
void job_pump(struct console *c);
void job_stop(struct console *c);
/* "[   12.345] " */
enum { STAMP_LEN = 48 };
void job_stamp(char buf[STAMP_LEN], uint64_t time, uint64_t utc_at_boot);

/* console_prompt.c */
void prompt_init(struct console *c);
void prompt_open(struct console *c);
/* Shows the edit line on every sink that does not show it. */
void prompt_draw(struct console *c);
/* The same some time after it was pushed away, unless a command's answer is under way. */
void prompt_redraw(struct console *c);
/* One byte from the operator, in any mode. */
void prompt_byte(struct console *c, uint8_t byte);
void prompt_break(struct console *c);
/* A command's long answer is complete: prompt, then what was typed meanwhile. */
void prompt_resume(struct console *c);

/* console.c */
void console_view_piece(void *ctx, const char *text, size_t n, bool first, bool last);
void console_due(struct console *c, uint64_t when);
struct view_ctx { struct console *c; struct console_guest *g; };

#endif
