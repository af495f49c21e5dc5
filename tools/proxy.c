/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See proxy.h. On a terminal, Ctrl-A is ours as in QEMU's own console: x leaves, a second
 * Ctrl-A sends one. Everything else, Ctrl-C and Ctrl-] included, reaches the hypervisor.
 * Input that is no terminal passes untouched, and waits until the hypervisor's console
 * is ready, since firmware, boot loader and the set-up of the UART would eat it.
 */
#include "proxy.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "socle/bits.h"

enum {
    CTRL_A = 1,
    PANIC_QUIET_MS = 1500,      /* a panic's report is complete after this silence */
    PANIC_MAX_MS   = 15000,
    GRUB_ERROR_MS  = 2000,      /* GRUB waits for a key; its last words come first */
    LISTEN_MS      = 5000,      /* after its first line, if nothing tells it earlier */
    SILENT_MS      = 60000,     /* a boot that says no more for so long has failed */
    POWER_OFF_MS   = 15000,     /* an emulator is slow, but not that slow */
    STDOUT_PIECE   = 512,       /* what poll() lets a pipe or terminal take at once */
};

struct queue {
    char   bytes[8192];
    size_t start, len;
};

struct state {
    struct proxy *p;
    struct queue  in, out;      /* to the emulator, to our stdout */
    bool          tty, stdin_open, from_open, words_open;
    bool          prefix;       /* Ctrl-A was pressed */
    bool          left;
    bool          heard;        /* the hypervisor spoke a while ago: it listens by now */
    bool          ended;        /* by us: what the emulator says to that is no news */
    char          last;         /* last byte written to stdout */
    uint64_t      begin, first_line, last_output, over_since;
    struct text   word;         /* an unfinished line of the emulator's stderr */
};

uint64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t queue_room(const struct queue *q) { return sizeof(q->bytes) - q->len; }

static void queue_put(struct queue *q, const char *bytes, size_t n)
{
    memmove(q->bytes, q->bytes + q->start, q->len);
    q->start = 0;
    memcpy(q->bytes + q->len, bytes, n);
    q->len += n;
}

/* Writes a piece; false when the other end is gone. */
static bool queue_write(struct queue *q, int fd, size_t piece)
{
    ssize_t n = write(fd, q->bytes + q->start, q->len < piece ? q->len : piece);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    q->start += (size_t)n;
    q->len -= (size_t)n;
    return true;
}

/* ---- input ---- */

static void help_line(void)
{
    say("Ctrl-A x ends the emulator, Ctrl-A Ctrl-A sends a Ctrl-A; all else reaches Socle, "
        "where Ctrl-] opens the prompt");
}

static void key(struct state *s, char c)
{
    if (!s->tty || (!s->prefix && c != CTRL_A)) {
        queue_put(&s->in, &c, 1);
    } else if (!s->prefix) {
        s->prefix = true;
    } else {
        s->prefix = false;
        if (c == CTRL_A)
            queue_put(&s->in, &c, 1);
        else if (c == 'x' || c == 'X')
            s->left = true;
        else
            help_line();
    }
}

static void read_input(struct state *s)
{
    char buf[256];
    size_t room = queue_room(&s->in);
    ssize_t n = read(STDIN_FILENO, buf, room < sizeof(buf) ? room : sizeof(buf));
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        s->stdin_open = false;          /* a script's input has ended; the run goes on */
    for (ssize_t i = 0; i < n; i++)
        key(s, buf[i]);
}

/* ---- output ---- */

static void read_output(struct state *s)
{
    char buf[4096];
    size_t room = queue_room(&s->out);
    ssize_t n = read(s->p->from, buf, room < sizeof(buf) ? room : sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        s->from_open = false;
        return;
    }
    s->last_output = monotonic_ms();
    queue_put(&s->out, buf, (size_t)n);
    watch_bytes(&s->p->watch, buf, (size_t)n);
}

/* The emulator's own words come line by line, each with its name. */
static void read_words(struct state *s)
{
    char buf[1024], *end;
    ssize_t n = read(s->p->words, buf, sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    s->words_open = n > 0;
    if (n > 0)
        text_add_bytes(&s->word, buf, (size_t)n);
    else if (s->word.len)
        text_add(&s->word, "\n");
    while (s->word.len && (end = memchr(s->word.s, '\n', s->word.len))) {
        size_t len = (size_t)(end - s->word.s);
        if (len && !s->ended)
            say("%s: %.*s", s->p->emulator, (int)len, s->word.s);
        s->word.len -= len + 1;
        memmove(s->word.s, end + 1, s->word.len);
    }
}

/* ---- when is it over? ---- */

/* Milliseconds after which a run in this state is over, or 0: it may go on. */
static uint64_t over_after(const struct state *s)
{
    const struct watch *w = &s->p->watch;
    if (w->panic)
        return PANIC_MAX_MS;
    if (w->grub_gave_up)
        return GRUB_ERROR_MS;
    if (w->hypervisor && !w->listens)
        return SILENT_MS;
    bool none_started = s->p->autostart && !w->started && w->not_started >= s->p->autostart;
    return s->p->goes_off && (w->all_stopped || none_started) ? POWER_OFF_MS : 0;
}

/* Milliseconds until a hypervisor that has begun to speak is taken to listen. */
static uint64_t hearing(struct state *s, uint64_t now)
{
    if (s->heard || !s->p->watch.hypervisor)
        return UINT64_MAX;
    if (!s->first_line)
        s->first_line = now;
    s->heard = now - s->first_line >= LISTEN_MS;
    return s->heard ? UINT64_MAX : s->first_line + LISTEN_MS - now;
}

/* Notes the time; returns the ms to wait at most, or 0 when the run is over. */
static uint64_t patience(struct state *s, enum proxy_end *end)
{
    uint64_t now = monotonic_ms(), after = over_after(s);
    uint64_t wait = min_u64(60000, hearing(s, now));
    if (!after)
        s->over_since = 0;
    else if (!s->over_since)
        s->over_since = now;
    if (after) {
        uint64_t due = s->over_since + after;
        if (s->p->watch.panic)
            due = min_u64(due, s->last_output + PANIC_QUIET_MS);
        else if (after == SILENT_MS)
            due = max_u64(due, s->last_output + SILENT_MS);
        *end = END_OVER;
        if (now >= due)
            return 0;
        wait = min_u64(wait, due - now);
    }
    if (s->p->timeout_ms) {
        uint64_t due = s->begin + s->p->timeout_ms;
        if (now >= due) {
            *end = END_TIMEOUT;
            return 0;
        }
        wait = min_u64(wait, due - now);
    }
    return wait;
}

/* ---- the loop ---- */

enum { P_STDIN, P_STDOUT, P_TO, P_FROM, P_WORDS, P_COUNT };

static void interests(const struct state *s, struct pollfd *f)
{
    bool may_type = s->tty || s->p->watch.listens || s->heard;
    f[P_STDIN] = (struct pollfd){ s->stdin_open && may_type && queue_room(&s->in) >= 256
                                  ? STDIN_FILENO : -1, POLLIN, 0 };
    f[P_STDOUT] = (struct pollfd){ s->out.len ? STDOUT_FILENO : -1, POLLOUT, 0 };
    f[P_TO] = (struct pollfd){ s->in.len ? s->p->to : -1, POLLOUT, 0 };
    f[P_FROM] = (struct pollfd){ s->from_open && queue_room(&s->out) ? s->p->from : -1, POLLIN, 0 };
    f[P_WORDS] = (struct pollfd){ s->words_open ? s->p->words : -1, POLLIN, 0 };
}

static void serve(struct state *s, const struct pollfd *f)
{
    if (f[P_STDIN].revents)
        read_input(s);
    if (f[P_FROM].revents)
        read_output(s);
    if (f[P_WORDS].revents)
        read_words(s);
    if (f[P_TO].revents && !queue_write(&s->in, s->p->to, sizeof(s->in.bytes)))
        s->in.len = 0;                  /* the port is closed: its end shows elsewhere */
    if (f[P_STDOUT].revents && !queue_write(&s->out, STDOUT_FILENO, STDOUT_PIECE))
        s->left = true;                 /* nobody reads our output any more */
    if (s->out.start)
        s->last = s->out.bytes[s->out.start - 1];
}

/* One round; true when the run has ended, for the reason in *end. */
static bool one_round(struct state *s, enum proxy_end *end)
{
    struct pollfd f[P_COUNT];
    uint64_t wait = patience(s, end);
    if (!wait)
        return true;
    struct timespec t = { (time_t)(wait / 1000), (long)(wait % 1000) * 1000000 };
    interests(s, f);
    if (ppoll(f, P_COUNT, &t, cleanup_mask()) > 0)
        serve(s, f);
    if (terminal_lost())
        terminal_raw(STDIN_FILENO);
    *end = cleanup_signal() ? END_SIGNAL : END_LEFT;
    if (cleanup_signal() || s->left)
        return true;
    *end = END_RESTARTED;
    if (s->p->watch.restarted && s->p->watch.one_boot)
        return true;
    *end = END_EXITED;
    return proc_ended(s->p->pid, &s->p->status);
}

/* What the emulator had still written when it ended. */
static void drain(struct state *s)
{
    uint64_t until = monotonic_ms() + 2000;
    struct pollfd f[P_COUNT];
    struct timespec t = { 0, 100 * 1000000 };
    while ((s->from_open || s->words_open || s->out.len) && !s->left && monotonic_ms() < until) {
        interests(s, f);
        f[P_STDIN].fd = f[P_TO].fd = -1;
        if (ppoll(f, P_COUNT, &t, NULL) <= 0)
            break;
        serve(s, f);
    }
}

enum proxy_end proxy_run(struct proxy *p)
{
    struct state *s = xcalloc(1, sizeof(*s));
    enum proxy_end end;
    *s = (struct state){ .p = p, .from_open = true, .words_open = p->words >= 0 };
    s->begin = s->last_output = monotonic_ms();
    /* In the background of a shell the terminal is not ours to read. */
    s->stdin_open = !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) == getpgrp();
    s->tty = s->stdin_open && terminal_raw(STDIN_FILENO);
    while (!one_round(s, &end))
        ;
    if (end != END_EXITED)
        p->status = proc_end(p->pid);
    s->ended = end != END_EXITED;
    drain(s);
    watch_end(&p->watch);
    terminal_restore();
    /* Our last words, and the shell's prompt, begin on a fresh line. */
    if (isatty(STDOUT_FILENO) && s->last && s->last != '\n')
        putchar('\n');
    close(p->from);
    if (p->to != p->from)
        close(p->to);
    if (p->words >= 0)
        close(p->words);
    free(s->word.s);
    free(s);
    return end;
}
