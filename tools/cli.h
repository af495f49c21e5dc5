/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of one subcommand: options in any order, one FILE, and for `run`
 * the emulator's own arguments after `--`. Wrong usage is one line and a hint.
 */
#ifndef CLI_H
#define CLI_H

#include "tool.h"

struct cli_option {
    const char  *name;          /* without dashes */
    char         letter;        /* the short form, or 0 */
    bool        *flag;          /* set by an option without value; or */
    const char **value;         /* gets the option's value */
};

struct cli {
    const char              *command;       /* "check" */
    const char              *help;          /* all of `socle COMMAND --help` */
    const struct cli_option *options;
    size_t                   n_options;
    const char              *file;          /* out: the configuration file */
    bool                     takes_extra;
    char                   **extra;         /* out: what follows `--`, null-terminated */
};

/*
 * Parses argv (without "socle" and the command). Returns -1 to go on, else the exit
 * code: EXIT_GOOD after --help, EXIT_USAGE after a message.
 */
int cli_parse(struct cli *c, char **argv);
/* Prints the message and the hint `try …`; returns EXIT_USAGE. */
int cli_wrong(const struct cli *c, const char *format, ...) PRINTF(2, 3);

#endif
