/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See iso.h, and `socle iso`. The work is grub-mkrescue's; this decides what goes in,
 * says in plain words what is missing on the host, and replaces the output atomically.
 * Files are grafted from where they are, so that big disk images are not copied twice.
 */
#include "iso.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli.h"
#include "grubcfg.h"
#include "grubhost.h"
#include "proc.h"
#include "socle/bits.h"
#include "socle/fmt.h"

/* GRUB's own share of an image, generously. */
#define ISO_OVERHEAD MIB(32)

static bool exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

static bool is_elf(const char *path)
{
    char *data = NULL;
    size_t len = 0;
    int bad = file_read(path, 4, &data, &len);
    if (bad)
        say("%s: %s", path, strerror(errno));
    else if (len < 4 || memcmp(data, "\x7f" "ELF", 4))
        say("%s: not an ELF file, so not Socle's hypervisor", path);
    bool elf = !bad && len == 4 && !memcmp(data, "\x7f" "ELF", 4);
    free(data);
    return elf;
}

char *find_hypervisor(void)
{
    const char *env = getenv("SOCLE_ELF");
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    char *dir = path_dir(self), *prefix = path_dir(dir);
    char *places[] = {
        env && *env ? xstrdup(env) : xprintf("%s/socle.elf", dir),
        env && *env ? NULL : xprintf("%s/lib/socle/socle.elf", prefix),
    };
    char *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places) && !found; i++)
        if (places[i] && exists(places[i]))
            found = xstrdup(places[i]);
    if (!found && places[1])
        say("the hypervisor is neither at %s nor at %s; build it with `make`, or set SOCLE_ELF",
            places[0], places[1]);
    else if (!found)
        say("SOCLE_ELF=%s: no such file", places[0]);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        free(places[i]);
    free(dir);
    free(prefix);
    if (found && !is_elf(found)) {
        free(found);
        found = NULL;
    }
    return found;
}

/* xorriso's -graft-points: `=` and `\` in a name want a backslash. */
static void graft(struct args *a, const char *where, const char *path)
{
    struct text t = { 0 };
    /* Links are followed here: the image shall hold the file. */
    char *real = realpath(path, NULL);
    for (const char *c = real ? real : path; *c; c++)
        text_add(&t, "%s%c", *c == '=' || *c == '\\' ? "\\" : "", *c);
    args_add(a, "%s=%s", where, t.s);
    free(real);
    free(t.s);
}

static void build_args(struct args *a, const struct grub *g, const struct project *p,
                       const char *elf, const char *stage, const char *out)
{
    args_add(a, "%s", g->program);
    if (g->only)
        args_add(a, "--directory=%s", g->only);
    args_add(a, "--output=%s", out);
    /* A small image that loads fast: only what grub.cfg uses. */
    args_add(a, "--fonts=");
    args_add(a, "--locales=");
    args_add(a, "--themes=");
    args_add(a, "--install-modules=multiboot2 normal serial terminal all_video test echo reboot "
                "halt ls cat part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_gpt "
                "part_msdos part_plan part_sun part_sunpc");
    args_add(a, "%s", stage);
    graft(a, GRUB_HYPERVISOR, elf);
    for (size_t i = 0; i < p->n_files; i++) {
        bool twice = false;
        for (size_t j = 0; j < i; j++)
            twice = twice || !strcmp(p->files[j].inside, p->files[i].inside);
        char *where = xprintf(GRUB_FILES "/%s", p->files[i].inside);
        if (!twice)
            graft(a, where, p->files[i].path);
        free(where);
    }
}

static int write_text(const char *dir, const char *name, const char *s, size_t len)
{
    char *path = path_join(dir, name);
    int result = file_write(path, s, len);
    free(path);
    return result;
}

/* grub.cfg and the configuration, exactly as it was checked. Null with errno set. */
static char *make_stage(const struct project *p, const char *options)
{
    static const char *const folders[] = { "", "/boot", "/boot/grub", "/boot/guests" };
    if (!temp_dir())
        return NULL;
    char *stage = xprintf("%s/stage", temp_dir());
    int bad = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders) && !bad; i++) {
        char *folder = xprintf("%s%s", stage, folders[i]);
        bad = mkdir(folder, 0755);
        free(folder);
    }
    struct text cfg = { 0 };
    grub_config(&cfg, p, options);
    if (bad || write_text(stage, "boot/grub/grub.cfg", cfg.s, cfg.len) ||
        write_text(stage, &(GRUB_FILES "/" CONFIG_FILE_DEFAULT)[1], p->source, p->source_len)) {
        int why = errno;
        free(stage);
        stage = NULL;
        errno = why;
    }
    free(cfg.s);
    return stage;
}

/* Why grub-mkrescue failed, from its many words. */
static void explain_failure(const struct project *p, const char *out, int code,
                            const struct text *output)
{
    const char *words = output->s ? output->s : "";
    char need[FMT_SIZE_LEN];
    fmt_size(need, align_up(project_module_bytes(p) + ISO_OVERHEAD, MIB(1)));
    if (strstr(words, "No space left") || strstr(words, "exceeds free space")) {
        say("%s: not enough space on the disk; the image needs about %s (and $TMPDIR 30M)", out,
            need);
        return;
    }
    say("%s: grub-mkrescue failed with exit code %d; its last words:", out, code);
    size_t start = output->len;
    for (int lines = 0; start > 0 && lines <= 8; start--)
        if (words[start - 1] == '\n' && ++lines > 8)
            break;
    fputs(words + start, stderr);
}

static int run_mkrescue(const struct project *p, const struct grub *g, const char *elf,
                        const char *options, const char *part, const char *out)
{
    char *stage = make_stage(p, options);
    if (!stage) {
        say("cannot write temporary files: %s; set TMPDIR to a folder with space",
            strerror(errno));
        return EXIT_USAGE;
    }
    struct args a = { 0 };
    struct text output = { 0 };
    build_args(&a, g, p, elf, stage, part);
    /* Its own temporary files go where ours do, so that they vanish on every way out. */
    setenv("TMPDIR", temp_dir(), 1);
    int code = proc_collect(a.v, NULL, &output), result = -1;
    if (code < 0 && errno != EINTR)
        say("%s: %s", g->program, strerror(errno));
    else if (code > 0)
        explain_failure(p, out, code, &output);
    if (code)
        result = EXIT_USAGE;
    args_free(&a);
    free(output.s);
    free(stage);
    return result;
}

/* The output must be a new name or a regular file that is none of the inputs. */
static int check_output(const struct project *p, const char *out)
{
    struct stat st, in;
    if (stat(out, &st))
        return -1;
    if (!S_ISREG(st.st_mode)) {
        say("%s: is not a regular file%s", out, S_ISBLK(st.st_mode)
            ? "; write to a file and copy that: dd if=FILE.iso of=DEVICE bs=4M conv=fsync" : "");
        return EXIT_USAGE;
    }
    bool same = !stat(p->file, &in) && in.st_ino == st.st_ino && in.st_dev == st.st_dev;
    for (size_t i = 0; i < p->n_files && !same; i++)
        same = !stat(p->files[i].path, &in) && in.st_ino == st.st_ino && in.st_dev == st.st_dev;
    if (same)
        say("%s: is one of the files that go into the image", out);
    return same ? EXIT_USAGE : -1;
}

/* Makes `part` the result `out`, with the permissions of any new file. */
static int put_in_place(const char *part, const char *out)
{
    mode_t mask = umask(0);
    umask(mask);
    if (chmod(part, 0666 & ~mask) || rename(part, out)) {
        say("%s: cannot write: %s", out, strerror(errno));
        return EXIT_USAGE;
    }
    temp_keep();
    return -1;
}

int iso_write(const struct project *p, const char *out, const char *options, bool need_bios,
              bool need_uefi)
{
    struct grub g = { 0 };
    char *elf = NULL, *dir = path_dir(out), *part = NULL;
    int code = check_output(p, out), fd = -1;
    if (code < 0)
        code = grub_find(&g, need_bios, need_uefi);
    if (code < 0 && !(elf = find_hypervisor()))
        code = EXIT_USAGE;
    if (code < 0) {
        part = xprintf("%s/.%s.XXXXXX", dir, path_base(out));
        fd = mkostemp(part, O_CLOEXEC);
        if (fd < 0) {
            say("%s: cannot write: %s", out, strerror(errno));
            code = EXIT_USAGE;
        } else {
            temp_file(part);
            close(fd);
        }
    }
    if (code < 0)
        code = run_mkrescue(p, &g, elf, options, part, out);
    if (code < 0)
        code = put_in_place(part, out);
    grub_forget(&g);
    free(elf);
    free(part);
    free(dir);
    return code;
}

/* ---- socle iso ---- */

static const char help[] =
    "Usage: socle iso FILE -o OUT.iso\n"
    "\n"
    "Checks the configuration file as `socle check` does, then writes an image with GRUB,\n"
    "the hypervisor, the configuration and all files it names. The image boots on BIOS and\n"
    "on UEFI machines, from CD or from a USB stick (dd if=OUT.iso of=/dev/sdX bs=4M).\n"
    "\n"
    "  -o, --output OUT.iso   where to write; appears whole or not at all\n"
    "  -h, --help             this text\n"
    "\n"
    "SOCLE_ELF names another hypervisor than the one installed with this command.\n"
    "\n"
    "Exit code: 0 written, 1 errors in FILE, 2 wrong usage, or the image cannot be made here.\n";

int cmd_iso(int argc, char **argv)
{
    const char *out = NULL;
    const struct cli_option options[] = { { "output", 'o', NULL, &out } };
    struct cli cli = { "iso", help, options, ARRAY_LEN(options), NULL, false, NULL };
    struct project p;
    int code = cli_parse(&cli, argv + 2);
    if (code >= 0)
        return code;
    if (!out || !*out)
        return cli_wrong(&cli, "where to? Say -o OUT.iso");
    code = project_open(&p, cli.file);
    if (code < 0)
        code = iso_write(&p, out, NULL, false, false);
    project_free(&p);
    return code < 0 ? EXIT_GOOD : code;
}
