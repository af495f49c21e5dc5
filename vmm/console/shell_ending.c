/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `poweroff` and `reboot`: press every running guest's power button, wait, kill the
 * rest, let the console's output leave, then end. Driven by shell_tick(), so nothing
 * blocks and the operator can still type, and change his mind.
 */
#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum {
    NAMES_LEN  = 300,
    KILL_S     = 5,             /* for killed guests to be gone */
    DRAIN_S    = 3,             /* for output to leave */
    DRAIN_POLL = 10000000,      /* ns */
};

static void closing(const struct shell *s, bool going_down)
{
    if (s->ops->closing)
        s->ops->closing(s->ops->ctx, going_down);
}

static void kill_guest(struct shell *s, struct console_guest *g, const char *because)
{
    char why[SHELL_WHY] = "";
    shell_log(s, LOG_WARN, "guest %s: %s; killing it", g->name, because);
    if (!s->ops->act || s->ops->act(s->ops->ctx, ACTION_KILL, g, why) != HV_OK)
        shell_log(s, LOG_ERROR, "guest %s: cannot be killed: %s", g->name, why);
}

/*
 * Presses one guest's power button; returns the seconds to wait for it. A paused guest
 * must run to react; one that keeps the state of a crash never will.
 */
static uint32_t press(struct shell *s, struct console_guest *g)
{
    struct guest_row row = { .state = GUEST_RUNNING };
    char why[SHELL_WHY] = "";
    if (s->ops->row)
        s->ops->row(s->ops->ctx, g, &row);
    if (row.state == GUEST_CRASHED) {
        kill_guest(s, g, "has crashed");
        return 0;
    }
    hv_status st = s->ops->act ? HV_OK : HV_UNSUPPORTED;
    if (st == HV_OK && row.state == GUEST_PAUSED)
        st = s->ops->act(s->ops->ctx, ACTION_RESUME, g, why);
    if (st == HV_OK)
        st = s->ops->act(s->ops->ctx, ACTION_STOP, g, why);
    if (st != HV_OK) {
        kill_guest(s, g, "has no power button that works");
        return 0;
    }
    g->stop_due = UINT64_MAX;       /* the ending has its own patience */
    return row.stop_timeout_s ? row.stop_timeout_s : (uint32_t)SHELL_STOP_TIMEOUT_S;
}

static void begin(struct shell *s, bool reboot)
{
    char names[NAMES_LEN];
    uint32_t wait = 0;
    s->reboot = reboot;
    s->ending = ENDING_WAIT;
    closing(s, true);
    unsigned running = shell_running(s, names, sizeof(names));
    if (running)
        shell_say(s, "pressing the power button of %u guest%s: %s", running,
                  running == 1 ? "" : "s", names);
    for (struct console_guest *g = *s->guests; g; g = g->next)
        if (g->running)
            wait = (uint32_t)max_u64(wait, press(s, g));
    if (shell_running(s, names, sizeof(names)))
        shell_say(s, "waiting up to %u s; Ctrl-C gives up", wait);
    s->ending_due = s->now + wait * NS_PER_S;
}

static void run_ending(struct shell *s, const struct call *call, bool reboot)
{
    char names[NAMES_LEN];
    const char *verb = reboot ? "reboot" : "poweroff";
    unsigned running = shell_running(s, names, sizeof(names));
    if (s->ending != ENDING_NONE) {
        shell_say(s, "the machine is going down already%s%s; Ctrl-C gives up",
                  running ? ", waiting for " : "", names);
        return;
    }
    if (running && !call->word) {
        shell_say(s, "%u guest%s running: %s", running, running == 1 ? " is" : "s are", names);
        shell_say(s, "`%s now` presses their power buttons, waits, and kills those that do not "
                     "stop", verb);
        return;
    }
    begin(s, reboot);
}

void run_poweroff(struct shell *s, const struct call *call) { run_ending(s, call, false); }
void run_reboot(struct shell *s, const struct call *call) { run_ending(s, call, true); }

bool shell_cancel(struct shell *s)
{
    if (s->ending != ENDING_WAIT)
        return false;
    s->ending = ENDING_NONE;
    s->ending_due = UINT64_MAX;
    closing(s, false);
    shell_say(s, "%s given up; guests whose power button was pressed may still stop",
              s->reboot ? "reboot" : "poweroff");
    return true;
}

static void enter(struct shell *s, enum shell_ending ending, uint64_t due)
{
    s->ending = ending;
    s->ending_due = due;
}

static void kill_rest(struct shell *s)
{
    for (struct console_guest *g = *s->guests; g; g = g->next)
        if (g->running)
            kill_guest(s, g, "did not stop in time");
}

uint64_t shell_ending_tick(struct shell *s, uint64_t now)
{
    char names[NAMES_LEN];
    if (s->ending == ENDING_NONE || s->ending == ENDING_DONE)
        return UINT64_MAX;
    if (s->ending == ENDING_WAIT && now >= s->ending_due) {
        kill_rest(s);
        enter(s, ENDING_KILLED, now + KILL_S * NS_PER_S);
    }
    bool gone = !shell_running(s, names, sizeof(names));
    if ((s->ending == ENDING_WAIT && gone) ||
        (s->ending == ENDING_KILLED && (gone || now >= s->ending_due))) {
        shell_log(s, LOG_INFO, s->reboot ? "restarting the machine" : "turning the machine off");
        enter(s, ENDING_DRAIN, now + DRAIN_S * NS_PER_S);
    }
    if (s->ending != ENDING_DRAIN)
        return s->ending_due;
    if (!s->io.drained(s->io.ctx) && now < s->ending_due)
        return now + DRAIN_POLL;
    enter(s, ENDING_DONE, UINT64_MAX);
    s->ops->machine_end(s->ops->ctx, s->reboot);
    return UINT64_MAX;
}
