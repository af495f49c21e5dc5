/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See emulator.h: QEMU's command line, with KVM when the host can nest, else TCG, which
 * emulates AMD-V. The serial port is QEMU's stdin and stdout: two pipes to proxy.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "emulator.h"
#include "kvm.h"
#include "proc.h"
#include "socle/bits.h"

/* Where distributions keep OVMF; code, and the template of its variables. */
static const char *const firmware[][2] = {
    { "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
    { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
    { "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
    { "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
    { "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd" },
    { "/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin" },
};

static void add_pair(struct args *a, const char *option, const char *value)
{
    args_add(a, "%s", option);
    args_add(a, "%s", value);
}

static int add_uefi(struct args *a)
{
    size_t i = 0;
    while (i < ARRAY_LEN(firmware) && access(firmware[i][0], R_OK))
        i++;
    if (i == ARRAY_LEN(firmware)) {
        say("--uefi wants OVMF, which is not installed; on Debian or Ubuntu: apt-get install ovmf");
        return EXIT_USAGE;
    }
    /* The firmware writes its variables: it gets a copy. */
    char *vars = path_join(temp_dir(), "vars.fd"), *data = NULL;
    size_t len;
    int bad = file_read(firmware[i][1], 64u << 20, &data, &len) || file_write(vars, data, len);
    if (bad)
        say("cannot copy %s: %s", firmware[i][1], strerror(errno));
    args_add(a, "-drive");
    args_add(a, "if=pflash,format=raw,readonly=on,file=%s", firmware[i][0]);
    args_add(a, "-drive");
    args_add(a, "if=pflash,format=raw,file=%s", vars);
    /* A UEFI machine has a screen; without one GRUB complains of it. */
    add_pair(a, "-vga", "std");
    free(data);
    free(vars);
    return bad ? EXIT_USAGE : -1;
}

/* Says which accelerator and why. */
static void add_accelerator(struct args *a, const struct run_plan *plan)
{
    const char *why;
    bool kvm = kvm_can_nest(&why);
    if (plan->icount)
        why = "--icount counts instructions, which only TCG can";
    if (kvm && !plan->icount) {
        say("QEMU with KVM: %s", why);
        add_pair(a, "-accel", "kvm");
        add_pair(a, "-cpu", "host");
        return;
    }
    say("QEMU with TCG, which emulates AMD-V: %s", why);
    add_pair(a, "-accel", "tcg");
    add_pair(a, "-cpu", "max");
}

/* One instruction is one virtual nanosecond; clock and random numbers are fixed. */
static void add_icount(struct args *a)
{
    static const char *const words[] = {
        "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01T00:00:00,clock=vm",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        args_add(a, "%s", words[i]);
}

/* What it boots: the image in a CD drive, or the hypervisor and its modules directly. */
static void add_boot(struct args *a, const struct run_plan *plan)
{
    if (!plan->iso) {
        add_pair(a, "-kernel", plan->kernel);
        add_pair(a, "-initrd", plan->modules);
        add_pair(a, "-append", plan->options);
        return;
    }
    /* In an option's value QEMU wants commas doubled. */
    struct text drive = { 0 };
    text_add(&drive, "if=none,id=cd,media=cdrom,format=raw,readonly=on,file=");
    for (const char *c = plan->iso; *c; c++)
        text_add(&drive, *c == ',' ? ",," : "%c", *c);
    add_pair(a, "-drive", drive.s);
    add_pair(a, "-device", "ide-cd,drive=cd,bootindex=0");
    free(drive.s);
}

static int build(struct args *a, const struct run_plan *plan)
{
    static const char *const fixed[] = {
        "-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none",
    };
    args_add(a, "qemu-system-x86_64");
    add_pair(a, "-machine", "q35");
    add_accelerator(a, plan);
    args_add(a, "-smp");
    args_add(a, "%u", plan->cpus);
    args_add(a, "-m");
    args_add(a, "%lluM", (unsigned long long)(plan->memory / MIB(1)));
    add_boot(a, plan);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        args_add(a, "%s", fixed[i]);
    if (!plan->may_reboot)
        args_add(a, "-no-reboot");
    if (plan->icount)
        add_icount(a);
    int code = plan->uefi ? add_uefi(a) : -1;
    for (char **e = plan->extra; e && *e; e++)
        args_add(a, "%s", *e);
    return code;
}

int qemu_start(const struct run_plan *plan, struct proxy *p)
{
    struct args a = { 0 };
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
    int code = build(&a, plan);
    if (code < 0 && (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))) {
        say("no pipes: %s", strerror(errno));
        code = EXIT_USAGE;
    }
    if (code < 0) {
        p->pid = proc_start(a.v, NULL, in[0], out[1], err[1]);
        if (p->pid < 0) {
            say(errno == ENOENT ? "qemu-system-x86_64 is not installed; on Debian or Ubuntu: "
                                  "apt-get install qemu-system-x86"
                                : "qemu-system-x86_64: %s", strerror(errno));
            code = EXIT_USAGE;
        }
        close(in[0]);
        close(out[1]);
        close(err[1]);
        fcntl(in[1], F_SETFL, O_NONBLOCK);
        p->to = in[1];
        p->from = out[0];
        p->words = err[0];
        p->emulator = "qemu";
    }
    args_free(&a);
    return code;
}
