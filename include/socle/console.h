/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's console (design A3): log view, one attached guest, the prompt. Pure:
 * bytes in, bytes out, time as an argument; all memory is the caller's. Up to two
 * output devices (serial line, screen) show the same text at their own speed.
 *
 * Every function is called under one console lock, which the caller takes; callbacks
 * are made under it. Times are ns since boot and never run backwards.
 */
#ifndef SOCLE_CONSOLE_H
#define SOCLE_CONSOLE_H

#include "socle/console/lineedit.h"
#include "socle/console/lineview.h"
#include "socle/console/logring.h"
#include "socle/console/outq.h"
#include "socle/log.h"
#include "socle/shell.h"
#include "socle/types.h"

enum {
    CONSOLE_TYPEAHEAD   = 256,          /* input kept while a command's answer is printed */
    CONSOLE_SINKS       = 2,
    CONSOLE_SINK_SIZE   = 64 << 10,     /* usual size of a sink's queue */
    CONSOLE_SINK_MIN    = 16 << 10,
    CONSOLE_INPUT       = 4096,         /* bytes kept for a guest that does not take its input */
    CONSOLE_REPLAY      = 50,           /* lines shown when attaching */
    CONSOLE_ESCAPE      = 0x1d,         /* ^] */
};

struct console_guest {
    struct console_guest *next;
    const char     *name;
    void           *owner;              /* the core's guest */
    struct logring *log;
    bool            running;
    uint64_t        top_cpu_ns, top_exits;  /* at the previous picture of `top` */
    uint64_t        stop_due;           /* when `stop` says to use `kill`; UINT64_MAX: not asked */
    struct lineview view;
    uint32_t        in_head, in_used;   /* input not accepted yet */
    uint8_t         in[CONSOLE_INPUT];
};

struct console_ops {
    void *ctx;
    /* Gives input to a guest's serial port; returns how many bytes it took, perhaps 0. */
    size_t (*guest_input)(void *ctx, struct console_guest *g, const uint8_t *bytes, size_t n);
};

struct console_sink {
    struct outq           out;
    bool                  fresh;        /* the cursor is at the start of an empty line */
    struct console_guest *open;         /* whose unfinished line the cursor stands behind */
    bool                  dropping;     /* the device is too slow: guest lines are left out */
    bool                  drawn;        /* the edit line is on the screen */
    uint64_t              dropped;      /* lines since the last word about it */
    uint64_t              raw_at;       /* attached: next record and byte in the guest's log */
    uint32_t              raw_skip;
    uint64_t              raw_line;     /* lines of that log sent or skipped so far */
    bool                  raw_sync;     /* skipping to the start of a line */
    uint8_t               filter;       /* state of the filter for replayed lines */
    uint64_t              took_at;      /* last time the device took bytes */
};

enum console_mode { CONSOLE_LOG_VIEW, CONSOLE_ATTACHED, CONSOLE_PROMPT };
enum console_job  { JOB_NONE, JOB_LOG, JOB_GUEST_LOG, JOB_TEXT, JOB_TRACE, JOB_FLOWS,
                    JOB_TOP };

struct console {
    struct console_ops    ops;
    struct shell          shell;
    struct lineedit       edit;
    struct logring       *log;
    struct console_guest *guests;       /* in the order they were added */
    struct console_sink   sink[CONSOLE_SINKS];
    uint32_t              sinks;
    enum log_level        level;        /* shown up to this one */
    uint8_t               escape;
    enum console_mode     mode;
    bool                  prompt_fresh; /* the escape key or a break was the last key */
    bool                  esc_seen;     /* the attached guest used escape sequences */
    struct console_guest *attached;     /* mode ATTACHED, or where the prompt came from */
    struct console_guest *reattach;     /* attach when this one starts */
    uint64_t              raw_from;     /* log position where replay ends and raw bytes begin */
    uint8_t               edit_mask;    /* sinks the edit line is drawn on */
    uint64_t              redraw_due;   /* edit line comes back; UINT64_MAX: not waiting */
    uint64_t              hint_due;     /* when to say how to go on; UINT64_MAX: no need */
    uint64_t              hint_next;    /* earliest time of the next hint after a key */
    enum console_job      job;          /* streamed answer of a command */
    struct console_guest *job_guest;
    uint64_t              job_at, job_end;
    uint64_t              job_due;      /* next picture of `top` */
    uint64_t              job_time;
    const char           *job_text;
    size_t                job_left;
    uint32_t              job_switch;   /* whose flows are printed */
    bool                  job_only;     /* its only */
    struct lineview       job_view;
    uint32_t              typed;        /* in typeahead[] */
    uint8_t               typeahead[CONSOLE_TYPEAHEAD];
    uint64_t              now;
    uint64_t              deadline;
};

/* ---- setting up ----------------------------------------------------------------- */

/*
 * ops, shell and log stay valid. The log (logring_init) may hold lines already: they are
 * shown on sinks as these are added. Until the first sink exists lines only go to the log.
 */
void console_init(struct console *c, const struct console_ops *ops, const struct shell_ops *shell,
                  struct logring *log);
/* Adds an output device with a queue of `size` bytes; returns its index. At most CONSOLE_SINKS. */
uint32_t console_add_sink(struct console *c, void *buf, uint32_t size);
/*
 * Larger memory in place of what served early at boot. The log's lines are copied to the
 * new, empty log, as far as they fit; a sink's queue must be empty, else it stays as it is.
 */
void console_move_log(struct console *c, struct logring *log);
void console_move_sink(struct console *c, uint32_t sink, void *buf, uint32_t size);
void console_set_level(struct console *c, enum log_level level);
/* "^]", "^o", or one character; false when it is neither a control character nor DEL. */
bool console_parse_escape(const char *text, uint8_t *byte);
void console_set_escape(struct console *c, uint8_t byte);
/* Seconds since 1970 at boot, for `log`. */
void console_set_utc(struct console *c, uint64_t utc_at_boot);
/* Shows what an earlier boot left (logring_recover). */
void console_show_previous(struct console *c, const struct logring *old);
/* g is the caller's memory; name, owner and log stay valid. The name is unique. */
void console_guest_add(struct console *c, struct console_guest *g, const char *name, void *owner,
                       struct logring *log);
/*
 * All guests are added: chooses the view. One guest: attached as soon as it starts;
 * several: log view, saying how to attach and leave; none: the prompt.
 */
void console_start(struct console *c, uint64_t now);

/* ---- events ---------------------------------------------------------------------- */

/* Bytes from the operator's serial line or keyboard. */
void console_input(struct console *c, const uint8_t *bytes, size_t n, uint64_t now);
/* How many bytes console_input may get now without losing any. */
size_t console_input_room(const struct console *c);
/* A BREAK condition on the serial line: opens the prompt. */
void console_break(struct console *c, uint64_t now);
/* Bytes a guest wrote to its serial port. */
void console_guest_output(struct console *c, struct console_guest *g, const uint8_t *bytes,
                          size_t n, uint64_t now);
/* The guest's serial port has room again for input. */
void console_guest_ready(struct console *c, struct console_guest *g, uint64_t now);
/* Print and log `guest NAME: started`, `... stopped (WHY)`, `... not started: WHY`. */
void console_guest_started(struct console *c, struct console_guest *g, uint64_t now);
void console_guest_stopped(struct console *c, struct console_guest *g, const char *why,
                           uint64_t now);
void console_guest_failed(struct console *c, struct console_guest *g, const char *why,
                          uint64_t now);
/* A line of the hypervisor's own, without prefix and line end; control bytes are made visible. */
void console_log_line(struct console *c, enum log_level level, const char *text, uint64_t now);
/* The same at level info, but shown even while a guest is attached: "all guests stopped". */
void console_notice(struct console *c, const char *text, uint64_t now);

/* ---- time and output ------------------------------------------------------------- */

/* Does what is due; returns the next deadline, UINT64_MAX when there is none. */
uint64_t console_tick(struct console *c, uint64_t now);
/* The same deadline without doing anything; O(1), may be early, never late. */
static inline uint64_t console_deadline(const struct console *c) { return c->deadline; }
/* Has every output device taken all there is (or stopped taking anything)? */
bool console_drained(const struct console *c);
/* Takes bytes for output device `sink`; call again until it returns 0. */
size_t console_tx_take(struct console *c, uint32_t sink, uint8_t *buf, size_t max, uint64_t now);
static inline bool console_tx_waiting(const struct console *c, uint32_t sink)
{
    return c->sink[sink].out.used != 0;
}

#endif
