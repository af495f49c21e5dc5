/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See grubcfg.h, and `socle grub`. GRUB 2 manual, sections "multiboot2", "module2",
 * "serial". Names need no quoting beyond '': the parser has limited their characters.
 */
#include "grubcfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void grub_entry(struct text *t, const struct project *p, const char *options)
{
    text_add(t, "menuentry 'Socle' {\n"
                "    insmod all_video\n"
                "    multiboot2 " GRUB_HYPERVISOR "%s%s\n", options && *options ? " " : "",
             options ? options : "");
    /* --nounzip: without it GRUB unpacks .gz and .xz, and sizes and contents change. */
    text_add(t, "    module2 --nounzip " GRUB_FILES "/" CONFIG_FILE_DEFAULT " "
                CONFIG_FILE_DEFAULT "\n");
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i].inside)
            text_add(t, "    module2 --nounzip '" GRUB_FILES "/%s' '%s'\n", p->files[i].inside,
                     p->files[i].name);
    text_add(t, "}\n");
}

/* GRUB's serial command for the first UART the configuration names, by default COM1. */
static void serial_line(struct text *t, const struct config_host *host)
{
    static const uint16_t com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    uint16_t port = com[0];
    for (uint32_t i = host->consoles; i-- > 0;)
        if (host->console[i].kind == CONFIG_CONSOLE_UART)
            port = host->console[i].port;
    size_t unit = 0;
    while (unit < ARRAY_LEN(com) && com[unit] != port)
        unit++;
    text_add(t, "if serial ");
    if (unit < ARRAY_LEN(com))
        text_add(t, "--unit=%zu", unit);
    else
        text_add(t, "--port=0x%x", port);
    text_add(t, " --speed=%u; then\n", host->baud);
}

void grub_config(struct text *t, const struct project *p, const char *options)
{
    text_add(t, "set timeout=0\n");
    serial_line(t, &p->config.host);
    text_add(t, "    terminal_input console serial\n"
                "    terminal_output console serial\n"
                "fi\n");
    grub_entry(t, p, options);
}

/* ---- socle grub ---- */

static const char help[] =
    "Usage: socle grub FILE\n"
    "\n"
    "Prints the GRUB menu entry that boots Socle with this configuration on a machine that\n"
    "keeps the files under /boot, with comments that say what to copy where. Copy and\n"
    "reboot; nothing else is needed. A missing or odd file is a warning here.\n"
    "\n"
    "  -h, --help   this text\n"
    "\n"
    "Example: socle grub socle.toml >> /etc/grub.d/40_custom && update-grub\n"
    "\n"
    "Exit code: 0 good, 1 errors in FILE, 2 wrong usage or the file cannot be read.\n";

static void print_entry(const struct project *p)
{
    struct text t = { 0 };
    text_add(&t, "# Socle, a hypervisor. Keep the files here:\n");
    text_add(&t, "#   %-28s " GRUB_HYPERVISOR "\n", "socle.elf");
    text_add(&t, "#   %-28s " GRUB_FILES "/" CONFIG_FILE_DEFAULT "\n", path_base(p->file));
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i].inside)
            text_add(&t, "#   %-28s " GRUB_FILES "/%s\n", p->files[i].name, p->files[i].inside);
    text_add(&t, "# Where /boot is a file system of its own, take \"/boot\" off the paths "
                 "below.\n");
    grub_entry(&t, p, NULL);
    fputs(t.s, stdout);
    free(t.s);
}

int cmd_grub(int argc, char **argv)
{
    struct cli cli = { "grub", help, NULL, 0, NULL, false, NULL };
    struct project p;
    int code = cli_parse(&cli, argv + 2);
    if (code >= 0)
        return code;
    code = project_load(&p, cli.file);
    if (code < 0) {
        project_check_files(&p, true);
        code = project_report(&p, false) ? EXIT_GOOD : EXIT_FOUND;
        if (code == EXIT_GOOD)
            print_entry(&p);
    }
    project_free(&p);
    return code;
}
