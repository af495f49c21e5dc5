/* SPDX-License-Identifier: BSD-2-Clause */
/* See watch.h. A guest's own lines carry "[NAME] " unless the console is attached to it. */
#include "watch.h"

#include <stdio.h>
#include <string.h>

static bool starts(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

/*
 * Takes out what moves the cursor (ECMA-48: ESC [ … final byte, ESC and one byte) and
 * what a carriage return has overwritten. GRUB clears the screen before our first line.
 */
static void plain_text(char *line)
{
    char *to = line;
    for (const char *from = line; *from; from++) {
        if (*from == '\r') {
            if (from[1])
                to = line;
        } else if (*from == '\033' && from[1] == '[') {
            from += 2;
            while (*from && (*from < 0x40 || *from > 0x7e))
                from++;
            if (!*from)
                break;
        } else if (*from == '\033' && from[1]) {
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static void note(char *where, size_t size, const char *line)
{
    if (!*where)
        snprintf(where, size, "%s", line);
}

/* What follows "socle: guest NAME: ". */
static void guest_line(struct watch *w, const char *event, const char *line)
{
    if (starts(event, "started")) {
        w->started++;
        w->all_stopped = false;
    } else if (starts(event, "stopped (")) {
        w->stopped++;
        if (starts(event, "stopped (crash"))
            note(w->trouble, sizeof(w->trouble), line);
    } else if (starts(event, "not started: ")) {
        w->not_started++;
        note(w->trouble, sizeof(w->trouble), line);
    }
}

static void finish_line(struct watch *w)
{
    w->line[w->len] = '\0';
    w->len = 0;
    plain_text(w->line);
    if (!starts(w->line, "socle: ")) {
        /* The first error is the cause; the one without consequences is left out. */
        if (!w->hypervisor && starts(w->line, "error: ") &&
            !starts(w->line, "error: no suitable video mode"))
            note(w->grub_error, sizeof(w->grub_error), w->line + strlen("error: "));
        return;
    }
    const char *text = w->line + strlen("socle: ");
    /* The first line of each boot tells the version. */
    w->restarted = w->restarted || (w->hypervisor && starts(text, "Socle "));
    if (w->restarted && w->one_boot)
        return;
    w->hypervisor++;
    w->grub_gave_up = false;
    snprintf(w->last, sizeof(w->last), "%s", text);
    w->listens = w->listens || starts(text, "guest ") || strstr(text, "opens the prompt");
    if (starts(text, "panic: ")) {
        w->panic = true;
        note(w->trouble, sizeof(w->trouble), text);
    } else if (starts(text, "all guests stopped")) {
        w->all_stopped = true;
    } else if (starts(text, "guest ")) {
        const char *event = strstr(text, ": ");
        if (event)
            guest_line(w, event + 2, text);
    }
}

void watch_bytes(struct watch *w, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            finish_line(w);
        else if (bytes[i] && w->len < sizeof(w->line) - 1)
            w->line[w->len++] = bytes[i];
    }
    /* GRUB's errors can be harmless (no video mode), but after a fatal one it waits. */
    w->line[w->len] = '\0';
    if (!w->hypervisor && strstr(w->line, "Press any key to continue"))
        w->grub_gave_up = true;
}

void watch_end(struct watch *w)
{
    if (w->len)
        finish_line(w);
}
