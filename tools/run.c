/* SPDX-License-Identifier: BSD-2-Clause */
/* `socle run`: packs a configuration and boots it in an emulator. See docs/commands.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli.h"
#include "direct.h"
#include "emulator.h"
#include "iso.h"
#include "proc.h"
#include "socle/bits.h"

static const char help[] =
    "Usage: socle run [OPTION]... FILE [-- EXTRA...]\n"
    "\n"
    "Checks the configuration file, packs it, and boots it in an emulator with the serial\n"
    "console on this terminal. Ctrl-] opens Socle's prompt, where `poweroff now` switches\n"
    "the machine off; Ctrl-A x ends the emulator at once. When all guests have stopped the\n"
    "machine switches itself off, unless FILE sets host.when_all_stopped.\n"
    "\n"
    "      --platform P   qemu (default: KVM when the host can nest, else TCG with AMD-V),\n"
    "                     bochs-vmx (Intel VT-x) or bochs-svm (AMD-V)\n"
    "      --cpus N       physical CPUs of the machine; default 1\n"
    "      --memory SIZE  memory of the machine, as 512M or 2G; default: what FILE needs\n"
    "      --uefi         boot through UEFI firmware instead of a BIOS (qemu)\n"
    "      --icount       count instructions instead of time: slower, but the same each time\n"
    "      --timeout S    end after S seconds with exit code 124\n"
    "  -h, --help         this text\n"
    "\n"
    "EXTRA goes to the emulator: further arguments of QEMU, or lines of Bochs' bochsrc.\n"
    "A real disk for `device` in FILE, for example, with QEMU:\n"
    "  -- -drive if=none,id=d,file=data.img,format=raw \\\n"
    "     -device virtio-blk-pci,drive=d,serial=data1\n"
    "Input that is no terminal is sent to the console once that is ready; its end\n"
    "does not end the run.\n"
    "\n"
    "Exit code: 0 all guests stopped by themselves, 1 a guest crashed or did not start,\n"
    "2 wrong usage or file, 3 the hypervisor panicked, 124 timeout, 130 left by Ctrl-A x.\n";

/* ---- the command line ---- */

static const char *const platforms[] = { "qemu", "bochs-vmx", "bochs-svm" };

static int set_platform(const struct cli *cli, struct run_plan *plan, const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(platforms); i++)
        if (!strcmp(name, platforms[i])) {
            plan->platform = (enum platform)i;
            name = NULL;
        }
    if (name) {
        const char *near = word_nearest(name, platforms, ARRAY_LEN(platforms));
        return cli_wrong(cli, "--platform %s: say qemu, bochs-vmx or bochs-svm%s%s%s", name,
                         near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (plan->uefi && plan->platform != PLATFORM_QEMU)
        return cli_wrong(cli, "--uefi works with --platform qemu only");
    return -1;
}

static int set_memory(const struct cli *cli, struct run_plan *plan, const char *size)
{
    if (!size)
        return -1;
    if (!word_to_size(size, &plan->memory))
        return cli_wrong(cli, "--memory %s: say a whole number and a unit, such as 512M or 2G",
                         size);
    if (plan->memory < MIB(16) || plan->memory > GIB(1024))
        return cli_wrong(cli, "--memory %s: from 16M to 1024G", size);
    plan->memory = align_up(plan->memory, MIB(1));
    return -1;
}

/* "90" or "1.5" seconds to milliseconds. */
static int set_timeout(const struct cli *cli, uint64_t *ms, const char *seconds)
{
    if (!seconds)
        return -1;
    char *end;
    errno = 0;
    double value = strtod(seconds, &end);
    if (*seconds < '0' || *seconds > '9' || *end || errno || !(value > 0 && value < 1e7))
        return cli_wrong(cli, "--timeout %s: say a number of seconds above 0", seconds);
    *ms = max_u64((uint64_t)(value * 1000), 1);
    return -1;
}

/* ---- what the machine must have ---- */

/* All guests with their overlays, the modules (twice what guests have a copy of), and Socle. */
static uint64_t default_memory(const struct project *p)
{
    uint64_t sum = MIB(64) + project_module_bytes(p) + project_copied_bytes(p);
    for (uint32_t i = 0; i < p->config.guests; i++)
        sum += p->config.guest[i].memory + project_overlay_bytes(p, &p->config.guest[i]);
    return max_u64(align_up(sum, MIB(64)), MIB(256));
}

/* Does the serial port that is on our terminal belong to the console? */
static bool has_com1(const struct config_host *h)
{
    for (uint32_t i = 0; i < h->consoles; i++)
        if (h->console[i].kind == CONFIG_CONSOLE_UART && h->console[i].port == 0x3f8)
            return true;
    return h->consoles == 0;
}

/* The hypervisor's command line for this run. */
static char *boot_options(const struct config_host *h)
{
    struct text t = { 0 };
    if (!h->at[HOST_WHEN_ALL_STOPPED].line)
        text_add(&t, "when_all_stopped=poweroff");
    if (!has_com1(h)) {
        say("host.console has no com1, which is what this terminal shows: taking com1");
        text_add(&t, "%sconsole=com1", t.len ? " " : "");
    }
    return t.s ? t.s : xstrdup("");
}

static unsigned autostarting(const struct config *c)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < c->guests; i++)
        n += c->guest[i].autostart;
    return n;
}

/* ---- running and judging ---- */

/* The emulator went off by itself: what about the guests? */
static int judge_exit(const struct proxy *p, const struct run_plan *plan)
{
    const struct watch *w = &p->watch;
    bool failed = p->status != 0 && plan->platform == PLATFORM_QEMU;
    if (failed)
        say("%s ended with %s", p->emulator, proc_status_text(p->status));
    if (!w->hypervisor) {
        if (!failed)
            say("%s ended before the hypervisor said anything", p->emulator);
        if (plan->platform != PLATFORM_QEMU)
            bochs_explain();
        return EXIT_USAGE;
    }
    if (w->all_stopped)
        return EXIT_GOOD;
    if (!failed && w->started <= w->stopped && (w->started || !p->autostart))
        return EXIT_GOOD;               /* switched off at the prompt, nothing running */
    if (!failed)
        say("the machine went off or reset before all guests had stopped");
    if (plan->platform != PLATFORM_QEMU)
        bochs_explain();
    return EXIT_FOUND;
}

static int judge(const struct proxy *p, const struct run_plan *plan, enum proxy_end end)
{
    const struct watch *w = &p->watch;
    if (w->panic)
        return EXIT_PANIC;
    switch (end) {
    case END_TIMEOUT:
        say("ended after the timeout of %g s", (double)p->timeout_ms / 1000);
        return EXIT_TIMEOUT;
    case END_SIGNAL:
        return EXIT_LEFT;               /* main() ends by that signal */
    case END_LEFT:
    case END_EXITED:
    case END_RESTARTED:
    case END_OVER:
        break;
    }
    if (end == END_OVER && !w->hypervisor) {
        say("GRUB could not start Socle: %s%s",
            *w->grub_error ? w->grub_error : "it gives no reason",
            strstr(w->grub_error, "out of memory") ? " Give the machine more with --memory." : "");
        return EXIT_USAGE;
    }
    if (end == END_OVER && !w->listens) {
        say("the hypervisor stopped before it started a guest: %s", w->last);
        return EXIT_FOUND;
    }
    if (end == END_OVER)
        say("nothing runs any more, but the machine did not switch itself off; ended %s",
            p->emulator);
    if (end == END_RESTARTED)
        say("the machine has restarted; ended %s", p->emulator);
    if (*w->trouble) {
        say("failed: %s", w->trouble);
        return EXIT_FOUND;
    }
    if (end == END_EXITED || end == END_RESTARTED)
        return judge_exit(p, plan);
    return w->all_stopped ? EXIT_GOOD : EXIT_LEFT;
}

/* Packs the files, or for --icount lines them up for a start without GRUB. */
static int make_bootable(const struct project *p, struct run_plan *plan, struct direct *direct,
                         char **iso)
{
    bool wants = plan->icount && plan->platform == PLATFORM_QEMU && !plan->uefi;
    if (wants && direct_possible()) {
        int code = direct_prepare(p, direct);
        plan->kernel = direct->kernel;
        plan->modules = direct->modules;
        return code;
    }
    *iso = path_join(temp_dir(), "hv.iso");
    plan->iso = *iso;
    return iso_write(p, *iso, plan->options, !plan->uefi, plan->uefi);
}

static int start_and_watch(const struct project *p, struct run_plan *plan, uint64_t timeout_ms)
{
    char *options = boot_options(&p->config.host), *iso = NULL;
    struct direct direct = { 0 };
    struct proxy *proxy = xcalloc(1, sizeof(*proxy));
    plan->options = options;
    plan->may_reboot = p->config.host.when_all_stopped == CONFIG_STOPPED_REBOOT;
    /* QEMU is told to end instead; Bochs always starts over. */
    proxy->watch.one_boot = plan->platform != PLATFORM_QEMU && !plan->may_reboot;
    proxy->timeout_ms = timeout_ms;
    proxy->autostart = autostarting(&p->config);
    proxy->goes_off = !p->config.host.at[HOST_WHEN_ALL_STOPPED].line ||
                      p->config.host.when_all_stopped == CONFIG_STOPPED_POWEROFF;
    int code = make_bootable(p, plan, &direct, &iso);
    if (code < 0)
        code = plan->platform == PLATFORM_QEMU ? qemu_start(plan, proxy)
                                               : bochs_start(plan, proxy);
    if (code < 0) {
        say("%lluM of memory, %u CPU%s. Ctrl-] opens Socle's prompt (`poweroff now` there "
            "switches off); to leave at once: Ctrl-A x",
            (unsigned long long)(plan->memory / MIB(1)), plan->cpus, plan->cpus > 1 ? "s" : "");
        code = judge(proxy, plan, proxy_run(proxy));
    }
    free(proxy);
    free(direct.kernel);
    free(direct.modules);
    free(iso);
    free(options);
    return code;
}

int cmd_run(int argc, char **argv)
{
    struct run_plan plan = { .cpus = 1 };
    const char *platform = NULL, *cpus = NULL, *memory = NULL, *timeout = NULL;
    uint64_t timeout_ms = 0;
    const struct cli_option options[] = {
        { "platform", 0, NULL, &platform }, { "cpus", 0, NULL, &cpus },
        { "memory", 0, NULL, &memory },     { "timeout", 0, NULL, &timeout },
        { "uefi", 0, &plan.uefi, NULL },    { "icount", 0, &plan.icount, NULL },
    };
    struct cli cli = { "run", help, options, ARRAY_LEN(options), NULL, true, NULL };
    struct project p;
    int code = cli_parse(&cli, argv + 2);
    if (code < 0)
        code = set_platform(&cli, &plan, platform);
    if (code < 0)
        code = set_memory(&cli, &plan, memory);
    if (code < 0)
        code = set_timeout(&cli, &timeout_ms, timeout);
    if (code < 0 && cpus && !word_to_uint(cpus, 1, 255, &plan.cpus))
        code = cli_wrong(&cli, "--cpus %s: say a whole number from 1 to 255", cpus);
    if (code >= 0)
        return code;
    plan.extra = cli.extra;
    say_as("socle run");
    code = project_open(&p, cli.file);
    /* Every kind of "cannot begin" is 2 here: 1 speaks about guests. */
    if (code >= 0)
        code = EXIT_USAGE;
    else if (!temp_dir()) {
        say("cannot make a temporary folder: %s; set TMPDIR", strerror(errno));
        code = EXIT_USAGE;
    } else {
        plan.memory = plan.memory ? plan.memory : default_memory(&p);
        code = start_and_watch(&p, &plan, timeout_ms);
    }
    project_free(&p);
    return code;
}
