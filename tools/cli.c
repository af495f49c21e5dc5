/* SPDX-License-Identifier: BSD-2-Clause */
/* See cli.h. getopt_long() is not used: its messages neither suggest nor hint. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 16 };

int cli_wrong(const struct cli *c, const char *format, ...)
{
    char *line = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&line, format, ap) < 0)
        line = NULL;
    va_end(ap);
    say("%s: %s", c->command, line ? line : format);
    fprintf(stderr, "Try `socle %s --help`.\n", c->command);
    free(line);
    return EXIT_USAGE;
}

static const struct cli_option *by_name(const struct cli *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (strlen(c->options[i].name) == len && !strncmp(c->options[i].name, name, len))
            return &c->options[i];
    return NULL;
}

static const struct cli_option *by_letter(const struct cli *c, char letter)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (c->options[i].letter == letter)
            return &c->options[i];
    return NULL;
}

static int unknown(const struct cli *c, const char *word)
{
    const char *names[OPTIONS_MAX + 1];
    size_t n = 0;
    char *bare = xprintf("%.*s", (int)strcspn(word, "="), word);
    const char *start = bare + strspn(bare, "-");
    for (; n < c->n_options && n < OPTIONS_MAX; n++)
        names[n] = c->options[n].name;
    names[n++] = "help";
    const char *near = *start ? word_nearest(start, names, n) : NULL;
    int code = near ? cli_wrong(c, "there is no option %s; did you mean --%s?", bare, near)
                    : cli_wrong(c, "there is no option %s", bare);
    free(bare);
    return code;
}

/* One option at *argv; moves on to its last word. -1: done, else the exit code. */
static int option(const struct cli *c, char ***argv)
{
    const char *word = **argv, *value = NULL;
    const struct cli_option *o;
    if (word[1] == '-') {
        size_t len = strcspn(word + 2, "=");
        o = by_name(c, word + 2, len);
        if (word[2 + len])
            value = word + 2 + len + 1;
    } else {
        o = by_letter(c, word[1]);
        if (o && word[2] && o->flag)
            o = NULL;
        else if (word[2])
            value = word + 2;
    }
    if (!o)
        return unknown(c, word);
    if (o->flag) {
        if (value)
            return cli_wrong(c, "--%s takes no value", o->name);
        *o->flag = true;
        return -1;
    }
    if (!value) {
        value = (*argv)[1];
        if (!value || !strcmp(value, "--"))
            return cli_wrong(c, "--%s wants a value after it", o->name);
        ++*argv;
    }
    if (*o->value)
        return cli_wrong(c, "--%s is given twice", o->name);
    *o->value = value;
    return -1;
}

int cli_parse(struct cli *c, char **argv)
{
    for (; *argv; argv++) {
        if (!strcmp(*argv, "--")) {
            if (c->takes_extra) {
                c->extra = argv + 1;
                break;
            }
            continue;
        }
        if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
            fputs(c->help, stdout);
            return EXIT_GOOD;
        }
        if (**argv == '-' && (*argv)[1]) {
            int code = option(c, &argv);
            if (code >= 0)
                return code;
        } else if (c->file) {
            return cli_wrong(c, "one configuration file at a time: \"%s\" and \"%s\"",
                             c->file, *argv);
        } else {
            c->file = *argv;
        }
    }
    if (!c->file)
        return cli_wrong(c, "which configuration file?");
    return -1;
}
