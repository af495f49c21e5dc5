/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's table of commands: finds the command for a line typed at the prompt,
 * checks its arguments, says what would be right where they are wrong, and runs it.
 * Called by the console. Completion is in shell_complete.c, the commands themselves in
 * shell_guest.c, shell_machine.c, shell_switch.c and shell_ending.c.
 */
#include "socle/shell.h"

#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { LINE_LEN = 512 };

static void run_help(struct shell *s, const struct call *call);

/* In the order `help` prints them. */
static const struct command commands[] = {
    { "help", ARG_MAYBE_COMMAND, NEED_NOTHING, 0, run_help,
      "this list, or how a command is used" },
    { "list", ARG_NONE, NEED_NOTHING, 0, run_list, "all guests and their state" },
    { "info", ARG_GUEST, NEED_INFO, 0, run_info, "what is known about a guest" },
    { "console", ARG_MAYBE_GUEST, NEED_NOTHING, 0, run_console,
      "attaches to a guest, or back to the one you left" },
    { "start", ARG_GUEST, NEED_ACT, ACTION_START, run_action, "starts a guest" },
    { "stop", ARG_GUEST, NEED_ACT, ACTION_STOP, run_action, "presses a guest's power button" },
    { "kill", ARG_GUEST, NEED_ACT, ACTION_KILL, run_action, "ends a guest at once" },
    { "reset", ARG_GUEST, NEED_ACT, ACTION_RESET, run_action, "presses a guest's reset button" },
    { "pause", ARG_GUEST, NEED_ACT, ACTION_PAUSE, run_action, "halts a guest and its clock" },
    { "resume", ARG_GUEST, NEED_ACT, ACTION_RESUME, run_action, "lets a paused guest go on" },
    { "top", ARG_NONE, NEED_NOTHING, 0, run_top, "what the guests use, every second" },
    { "exits", ARG_GUEST, NEED_EXITS, 0, run_exits, "why a guest left guest mode, and the cost" },
    { "log", ARG_MAYBE_GUEST, NEED_NOTHING, 0, run_log,
      "the hypervisor's log, or what a guest printed" },
    { "mem", ARG_NONE, NEED_MEM, 0, run_mem, "who has the memory" },
    { "cpus", ARG_NONE, NEED_CPUS, 0, run_cpus, "the processors and what they do" },
    { "devices", ARG_NONE, NEED_DEVICES, 0, run_devices, "the machine's devices and their owners" },
    { "switch", ARG_MAYBE_SWITCH, NEED_PORTS, 0, run_switch,
      "the network switches' ports and counters, or flows" },
    { "config", ARG_NONE, NEED_CONFIG, 0, run_config, "the configuration file" },
    { "trace", ARG_NONE, NEED_TRACE, 0, run_trace, "the last events recorded" },
    { "poweroff", ARG_MAYBE_NOW, NEED_END, 0, run_poweroff, "turns the machine off" },
    { "reboot", ARG_MAYBE_NOW, NEED_END, 0, run_reboot, "restarts the machine" },
    { "version", ARG_NONE, NEED_NOTHING, 0, run_version, "the version, and where it runs" },
    { NULL, ARG_NONE, NEED_NOTHING, 0, NULL, NULL },
};

/* Words people bring along from elsewhere. */
static const struct { const char *word, *meant; } foreign[] = {
    { "?", "help" }, { "ls", "list" }, { "ps", "list" }, { "vms", "list" }, { "guests", "list" },
    { "status", "list" }, { "show", "info" }, { "dominfo", "info" }, { "attach", "console" },
    { "connect", "console" }, { "fg", "console" }, { "create", "start" }, { "run", "start" },
    { "boot", "start" }, { "destroy", "kill" }, { "suspend", "pause" }, { "freeze", "pause" },
    { "unpause", "resume" }, { "continue", "resume" }, { "restart", "reset" },
    { "dmesg", "log" }, { "logs", "log" }, { "free", "mem" }, { "memory", "mem" },
    { "lscpu", "cpus" }, { "lspci", "devices" }, { "bridge", "switch" }, { "net", "switch" },
    { "halt", "poweroff" }, { "shutdown", "poweroff" }, { "exit", "console" },
    { "quit", "console" }, { "ver", "version" }, { "about", "version" }, { "stats", "exits" },
};

const struct command *shell_commands(void) { return commands; }

void shell_say(struct shell *s, const char *format, ...)
{
    char line[LINE_LEN];
    va_list args;
    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    s->io.line(s->io.ctx, line);
}

void shell_log(struct shell *s, enum log_level level, const char *format, ...)
{
    char line[LINE_LEN];
    va_list args;
    va_start(args, format);
    fmt_v(line, sizeof(line), format, args);
    va_end(args);
    s->io.log(s->io.ctx, level, line);
}

bool shell_offers(const struct shell *s, const struct command *c)
{
    const struct shell_ops *ops = s->ops;
    switch (c->need) {
    case NEED_NOTHING: return true;
    case NEED_INFO:    return ops->row || ops->info;
    case NEED_ACT:     return ops->act;
    case NEED_EXITS:   return ops->exits;
    case NEED_MEM:     return ops->mem;
    case NEED_CPUS:    return ops->cpus;
    case NEED_DEVICES: return ops->devices;
    case NEED_PORTS:   return ops->ports && ops->switch_row;
    case NEED_CONFIG:  return ops->config;
    case NEED_TRACE:   return ops->trace;
    case NEED_END:     return ops->machine_end;
    }
    return false;
}

const char *shell_usage(const struct command *c)
{
    switch (c->arg) {
    case ARG_NONE:          return "";
    case ARG_GUEST:         return " NAME";
    case ARG_MAYBE_GUEST:   return " [NAME]";
    case ARG_MAYBE_NOW:     return " [now]";
    case ARG_MAYBE_COMMAND: return " [COMMAND]";
    case ARG_MAYBE_SWITCH:  return " [NAME] [flows]";
    }
    return "";
}

unsigned shell_running(const struct shell *s, char *names, size_t size)
{
    unsigned count = 0;
    size_t at = 0;
    names[0] = '\0';
    for (const struct console_guest *g = *s->guests; g; g = g->next) {
        if (!g->running)
            continue;
        size_t need = strlen(g->name) + 1;
        if (at + need + sizeof(" ...") < size)
            at += fmt(names + at, size - at, count ? " %s" : "%s", g->name);
        else if (at && names[at - 1] != '.')
            at += fmt(names + at, size - at, " ...");
        count++;
    }
    return count;
}

/* What another tool's word is called here, null where it is none or not to be had. */
static const char *foreign_word(const struct shell *s, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (strcmp(foreign[i].word, name) != 0)
            continue;
        for (const struct command *c = commands; c->name; c++)
            if (!strcmp(c->name, foreign[i].meant) && shell_offers(s, c))
                return c->name;
    }
    return NULL;
}

/* The command of this name, or null after saying which one may have been meant. */
static const struct command *find_command(struct shell *s, const char *name)
{
    struct nearest near;
    nearest_begin(&near, name);
    for (const struct command *c = commands; c->name; c++) {
        if (!shell_offers(s, c))
            continue;
        if (!strcmp(c->name, name))
            return c;
        nearest_offer(&near, c->name);
    }
    const char *guess = foreign_word(s, name);
    if (!guess)
        guess = nearest_word(&near);
    if (guess)
        shell_say(s, "unknown command `%s`; did you mean `%s`?", name, guess);
    else
        shell_say(s, "unknown command `%s`; `help` lists the commands", name);
    return NULL;
}

static struct console_guest *find_guest(struct shell *s, const char *name)
{
    struct nearest near;
    nearest_begin(&near, name);
    for (struct console_guest *g = *s->guests; g; g = g->next) {
        if (!strcmp(g->name, name))
            return g;
        nearest_offer(&near, g->name);
    }
    const char *guess = nearest_word(&near);
    if (guess)
        shell_say(s, "no guest is named `%s`; did you mean `%s`?", name, guess);
    else
        shell_say(s, "no guest is named `%s`; `list` shows the guests", name);
    return NULL;
}

static void show_usage(struct shell *s, const struct command *c)
{
    shell_say(s, "usage: %s%s", c->name, shell_usage(c));
}

static unsigned most_arguments(const struct command *c)
{
    switch (c->arg) {
    case ARG_NONE:         return 0;
    case ARG_MAYBE_SWITCH: return 2;
    default:               return 1;
    }
}

/* Fills call from the words behind the command's name; false after saying what is wrong. */
static bool check_arguments(struct shell *s, const struct words *w, struct call *call)
{
    const struct command *c = call->command;
    unsigned given = w->count - 1;
    if (given > most_arguments(c) || (given == 0 && c->arg == ARG_GUEST)) {
        show_usage(s, c);
        return false;
    }
    if (!given)
        return true;
    call->word = w->word[1];
    call->second = given > 1 ? w->word[2] : NULL;
    if ((c->arg == ARG_MAYBE_NOW && strcmp(call->word, "now") != 0) ||
        (call->second && strcmp(call->second, "flows") != 0)) {
        show_usage(s, c);
        return false;
    }
    if (c->arg == ARG_GUEST || c->arg == ARG_MAYBE_GUEST) {
        call->guest = find_guest(s, call->word);
        return call->guest;
    }
    return true;
}

static void run_help(struct shell *s, const struct call *call)
{
    if (call->word) {
        const struct command *c = find_command(s, call->word);
        if (c)
            shell_say(s, "%s%s: %s", c->name, shell_usage(c), c->help);
        return;
    }
    struct table *t = &s->table;
    table_begin(t, "COMMAND|WHAT IT DOES");
    for (const struct command *c = commands; c->name; c++) {
        if (!shell_offers(s, c))
            continue;
        table_cell(t, "%s%s", c->name, shell_usage(c));
        table_cell(t, "%s", c->help);
    }
    table_print(t, s->io.line, s->io.ctx);
    shell_say(s, "%s leaves a guest's console for this prompt; pressed again it goes to the guest.",
              s->escape);
    shell_say(s, "Ctrl-D closes the prompt, Ctrl-C ends a long answer, Tab completes, "
                 "the arrow keys recall.");
}

void shell_init(struct shell *s, const struct shell_ops *ops, const struct shell_io *io,
                struct console_guest *const *guests)
{
    memset(s, 0, sizeof(*s));
    s->ops = ops;
    s->io = *io;
    s->guests = guests;
    s->ending_due = UINT64_MAX;
    fmt(s->escape, sizeof(s->escape), "^]");
}

void shell_execute(struct shell *s, const char *line, uint64_t now)
{
    char copy[LINEEDIT_MAX];
    struct words w;
    struct call call = { 0 };
    fmt(copy, sizeof(copy), "%s", line);
    words_split(&w, copy);
    s->now = now;
    if (!w.count)
        return;
    call.command = find_command(s, w.word[0]);
    if (call.command && check_arguments(s, &w, &call))
        call.command->run(s, &call);
}

uint64_t shell_tick(struct shell *s, uint64_t now)
{
    s->now = now;
    return min_u64(shell_watch_stops(s, now), shell_ending_tick(s, now));
}
