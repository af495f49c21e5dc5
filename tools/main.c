/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command `socle`: finds the subcommand and calls it. Also supplies what the
 * hypervisor's pure parts want from outside when they run on a host: log and panic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "socle/assert.h"
#include "socle/log.h"
#include "tool.h"

static const char overview[] =
    "Usage: socle COMMAND [OPTION]... FILE\n"
    "\n"
    "Socle is a hypervisor that boots from GRUB with one text file. This command checks\n"
    "that file on a Linux host, packs it, and tries it out in an emulator.\n"
    "\n"
    "  check   say what is wrong with a configuration file; silent when it is good\n"
    "  iso     write an image that boots from CD or USB stick, on BIOS and UEFI machines\n"
    "  grub    print the GRUB menu entry for a machine that keeps the files under /boot\n"
    "  run     boot it in an emulator, with the serial console on this terminal\n"
    "\n"
    "  socle COMMAND --help   options and exit codes of a command\n"
    "  socle --version        the version\n"
    "\n"
    "Example: socle run socle.toml\n";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "check", cmd_check },
    { "iso", cmd_iso },
    { "grub", cmd_grub },
    { "run", cmd_run },
};

/* The pure parts log only when something is odd with what they are given. */
void log_at(enum log_level level, const char *format, ...)
{
    if (level > LOG_WARN)
        return;
    char *line = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&line, format, ap) < 0)
        line = NULL;
    va_end(ap);
    say("%s", line ? line : format);
    free(line);
}

void panic(const char *format, ...)
{
    va_list ap;
    fputs("socle: internal error: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputs("\nsocle: this is a defect of Socle; please report it with the file\n", stderr);
    cleanup_run();
    abort();
}

static int unknown(const char *word)
{
    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *near = word_nearest(word + strspn(word, "-"), names, ARRAY_LEN(names));
    const char *kind = *word == '-' ? "option" : "command";
    if (near)
        say("there is no %s \"%s\"; did you mean \"%s\"?", kind, word, near);
    else
        say("there is no %s \"%s\"", kind, word);
    fputs("Try `socle --help`.\n", stderr);
    return EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        say("which command? check, iso, grub or run");
        fputs("Try `socle --help`.\n", stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        puts("socle " SOCLE_VERSION);
        return EXIT_GOOD;
    }
    bool help = !strcmp(word, "help");
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || (help && argc == 2)) {
        fputs(overview, stdout);
        return EXIT_GOOD;
    }
    if (help)
        word = argv[2];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(word, commands[i].name))
            continue;
        char *only_help[] = { argv[0], argv[1], (char []){ "--help" }, NULL };
        return help ? commands[i].run(3, only_help) : commands[i].run(argc, argv);
    }
    return unknown(word);
}

int main(int argc, char **argv)
{
    cleanup_init();
    int code = dispatch(argc, argv);
    /* Output that did not arrive (a full disk) must not look like success. */
    if ((fflush(stdout) || ferror(stdout)) && code == EXIT_GOOD) {
        say("cannot write to standard output");
        code = EXIT_USAGE;
    }
    int sig = cleanup_signal();
    cleanup_run();
    if (sig)
        cleanup_die(sig);
    return code;
}
