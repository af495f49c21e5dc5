/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of the shell: a parsed command, and the functions that run one. */
#ifndef VMM_CONSOLE_SHELL_PRIV_H
#define VMM_CONSOLE_SHELL_PRIV_H

#include "socle/console.h"
#include "socle/shell.h"
#include "words.h"

#define NS_PER_S 1000000000ull

/* What a command needs of struct shell_ops to be offered. */
enum shell_need {
    NEED_NOTHING, NEED_INFO, NEED_ACT, NEED_EXITS, NEED_MEM, NEED_CPUS, NEED_DEVICES,
    NEED_PORTS, NEED_CONFIG, NEED_TRACE, NEED_END
};

/* What the first argument is, for checking and completion. */
enum shell_arg {
    ARG_NONE, ARG_GUEST, ARG_MAYBE_GUEST, ARG_MAYBE_NOW, ARG_MAYBE_COMMAND, ARG_MAYBE_SWITCH
};

struct command;

struct call {                       /* one command line, checked */
    const struct command *command;
    struct console_guest *guest;    /* ARG_*GUEST: the one named, or null */
    const char           *word;     /* the first argument, or null */
    const char           *second;   /* ARG_MAYBE_SWITCH: the second, or null */
};

struct command {
    const char       *name;
    enum shell_arg    arg;
    enum shell_need   need;
    enum guest_action action;       /* for run_action */
    void            (*run)(struct shell *s, const struct call *call);
    const char       *help;
};

/* Prints one line of the answer. */
void shell_say(struct shell *s, const char *format, ...) PRINTF(2, 3);
/* Puts a line into the log, which shows it. */
void shell_log(struct shell *s, enum log_level level, const char *format, ...) PRINTF(3, 4);
/* The commands, ended by one without name. */
const struct command *shell_commands(void);
bool shell_offers(const struct shell *s, const struct command *c);
/* " NAME", " [now]", ... */
const char *shell_usage(const struct command *c);
/* Names of running guests, blank-separated, cut with "..." when too long; returns how many. */
unsigned shell_running(const struct shell *s, char *names, size_t size);

/* shell_guest.c */
void run_list(struct shell *s, const struct call *call);
void run_info(struct shell *s, const struct call *call);
void run_action(struct shell *s, const struct call *call);
void run_exits(struct shell *s, const struct call *call);
void run_console(struct shell *s, const struct call *call);
void run_log(struct shell *s, const struct call *call);
/* Says to use `kill` where `stop` had no effect in time; returns the next due time. */
uint64_t shell_watch_stops(struct shell *s, uint64_t now);

/* shell_machine.c */
void run_mem(struct shell *s, const struct call *call);
void run_cpus(struct shell *s, const struct call *call);
void run_devices(struct shell *s, const struct call *call);
void run_config(struct shell *s, const struct call *call);
void run_trace(struct shell *s, const struct call *call);
void run_top(struct shell *s, const struct call *call);
void run_version(struct shell *s, const struct call *call);

/* shell_switch.c */
void run_switch(struct shell *s, const struct call *call);
/* Fills s->rows.switches; returns how many there are. */
uint32_t shell_switches(struct shell *s);

/* shell_ending.c */
void run_poweroff(struct shell *s, const struct call *call);
void run_reboot(struct shell *s, const struct call *call);
uint64_t shell_ending_tick(struct shell *s, uint64_t now);

/* Tenths of a percent as "12.3%", or "-" of nothing. */
enum { PERCENT_LEN = 24 };
char *shell_percent(char buf[PERCENT_LEN], uint64_t part, uint64_t whole);

#endif
