/* SPDX-License-Identifier: BSD-2-Clause */
/* `socle check`: says what is wrong with a configuration file. See docs/commands.md. */
#include "cli.h"
#include "project.h"

static const char help[] =
    "Usage: socle check [--strict] FILE\n"
    "\n"
    "Reads a configuration file as the hypervisor will, and looks at every file it names:\n"
    "is it there, can it be read, is it of a kind that can boot, does it fit into the\n"
    "guest's memory. Silent when all is good; otherwise one line each on stderr:\n"
    "\n"
    "  FILE:LINE:COL: error: what is wrong and what would be right\n"
    "  FILE:LINE:COL: warning: what will not do what it seems to\n"
    "\n"
    "      --strict   warnings count as errors\n"
    "  -h, --help     this text\n"
    "\n"
    "Exit code: 0 good, 1 errors (with --strict also warnings), 2 wrong usage or the file\n"
    "cannot be read.\n";

int cmd_check(int argc, char **argv)
{
    bool strict = false;
    const struct cli_option options[] = { { "strict", 0, &strict, NULL } };
    struct cli cli = { "check", help, options, ARRAY_LEN(options), NULL, false, NULL };
    struct project p;
    int code = cli_parse(&cli, argv + 2);
    if (code >= 0)
        return code;
    code = project_load(&p, cli.file);
    if (code < 0) {
        project_check_files(&p, false);
        code = project_report(&p, strict) ? EXIT_GOOD : EXIT_FOUND;
    }
    project_free(&p);
    return code;
}
