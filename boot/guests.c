/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file among the boot loader's modules, and the guests in it: each
 * with an error is not started and says why, the others start (design: configuration).
 */
#include "arch/x86/cpu/panic.h"
#include "arch/x86/mm/hostmem.h"
#include "boot/boot.h"
#include "socle/config.h"
#include "socle/console_io.h"
#include "socle/drivers.h"
#include "socle/fmt.h"
#include "socle/log.h"
#include "socle/shell_ops.h"
#include "socle/str.h"
#include "socle/vm.h"

static struct config config;
static struct config_diag *diag;
static char file_name[128] = CONFIG_FILE_DEFAULT;

static void say_diagnostics(void)
{
    char line[CONFIG_DIAG_TEXT + 160];
    config_diag_sort(diag);
    for (uint32_t i = 0; i < diag->count; i++) {
        config_diag_format(&diag->entry[i], file_name, line, sizeof(line));
        log_at(diag->entry[i].severity == CONFIG_ERROR ? LOG_ERROR : LOG_WARN, "%s", line);
    }
    if (diag->dropped)
        log_warn("%s: %u more findings are not shown", file_name, diag->dropped);
}

static void parse(const char *text, size_t len, const char *cmdline)
{
    struct arena arena;
    size_t size = config_arena_enough(len);
    void *mem = len <= CONFIG_FILE_MAX ? host_object(size) : NULL;
    if (!mem) {
        log_error("%s: too large to be read (%lu bytes)", file_name, len);
        return;
    }
    arena_init(&arena, mem, size);
    if (config_parse(text, len, &arena, &config, diag))
        log_error("%s could not be read: no guest is started", file_name);
    config_apply_options(&config, cmdline, NULL);
    say_diagnostics();
    shell_ops_config(text, len);
}

/* Finds and reads the file; whatever goes wrong leaves the operator at the prompt. */
static void read_config(const struct boot_info *bi)
{
    const char *cmdline = boot_info_cmdline(bi);
    const struct boot_module *m;
    size_t n;
    const char *name = config_option_file(cmdline, &n);
    if (name)
        fmt(file_name, sizeof(file_name), "%.*s", (int)n, name);
    hv_status s = boot_info_find_module(bi, file_name, &m);
    if (s == HV_NOT_FOUND) {
        log_error("no configuration: the boot loader passed no module named %s (GRUB: module2 --nounzip FILE %s)",
                  file_name, file_name);
        return;
    }
    if (s)
        log_warn("several modules answer to the name %s: the first is used", file_name);
    parse(phys_to_virt(m->start), m->len, cmdline);
}

void boot_config(const struct boot_info *bi, const struct host_acpi *acpi)
{
    uint16_t spcr = acpi->spcr.valid && acpi->spcr.port.space == ACPI_SPACE_IO ? (uint16_t)acpi->spcr.port.addr : 0;
    config_defaults(&config);
    diag = host_object(sizeof(*diag));
    if (!diag)
        boot_refuse("out of memory for reading the configuration");
    config_diag_init(diag);
    config_apply_options(&config, boot_info_cmdline(bi), diag);
    read_config(bi);
    console_io_configure(&config.host, spcr);
    panic_hooks.reboot = config.host.on_panic == CONFIG_PANIC_REBOOT;
    machine_set_when_all_stopped(config.host.when_all_stopped);
}

/* The module that a file named in the configuration is. */
static bool find_file(const struct boot_info *bi, const char *name, struct vm_file *out, char why[VM_WHY])
{
    const struct boot_module *m;
    hv_status s = boot_info_find_module(bi, name, &m);
    if (s == HV_NOT_FOUND) {
        fmt(why, VM_WHY, "\"%s\" is not among the boot loader's modules", name);
        return false;
    }
    if (s) {
        fmt(why, VM_WHY, "several of the boot loader's modules are named \"%s\"", name);
        return false;
    }
    *out = (struct vm_file){ name, phys_to_virt(m->start), m->len, m->start };
    return true;
}

static bool find_files(const struct boot_info *bi, struct vm *vm, char why[VM_WHY])
{
    const struct guest_config *c = vm->cfg;
    if (!find_file(bi, c->kernel.text, &vm->kernel, why))
        return false;
    for (uint32_t i = 0; i < c->initrds; i++)
        if (!find_file(bi, c->initrd[i].text, &vm->initrd[i], why))
            return false;
    for (uint32_t i = 0; i < c->disks; i++)
        if (c->disk[i].file.text && !find_file(bi, c->disk[i].file.text, &vm->image[i], why))
            return false;
    return true;
}

static void not_made(const struct guest_config *g, const char *why)
{
    log_error("guest %s: not started: %s", g->name.text ? g->name.text : "(no name)", why);
}

/* Makes the VM; `ready` tells that it has all its files. */
static struct vm *make_guest(const struct boot_info *bi, const struct guest_config *g, const char *no_virt)
{
    char why[VM_WHY];
    struct vm *vm;
    if (g->bad) {
        not_made(g, "its configuration has an error, see above");
        return NULL;
    }
    if (!g->kernel.text) {
        not_made(g, "this version starts guests from a kernel only");
        return NULL;
    }
    if (vm_create(g, &vm)) {
        not_made(g, "out of memory");
        return NULL;
    }
    if (no_virt[0])                     /* `list` shows it all the same */
        fmt(why, sizeof(why), "%s", no_virt);
    if (no_virt[0] || !find_files(bi, vm, why) || !vm_devices_init(vm, vm->image, why)) {
        vm->no_files = true;
        vm_not_started(vm, "%s", why);
        return NULL;
    }
    return vm;
}

/* An uplink that cannot be had is said; the guests of that switch still reach each other. */
static void make_switches(void)
{
    const struct config_switch *c;
    struct vswitch *sw;
    char why[SHELL_WHY];
    if (switches_init(&config))
        log_error("out of memory for the switches");
    for (uint32_t i = 0; (sw = switch_at(i, &c)) != NULL; i++)
        if (c->uplink != CONFIG_UPLINK_NONE && drivers_uplink(c, sw, why))
            log_error("switch %s: no uplink: %s", vswitch_name(sw), why);
}

void boot_guests(const struct boot_info *bi, const char *no_virt)
{
    static struct vm *ready[CONFIG_GUESTS_MAX];
    uint32_t n = 0, items = 2 * config.guests;   /* starting and stopping, and its devices' work */
    for (uint32_t i = 0; i < config.guests; i++)
        items += config.guest[i].cpus;
    if (sched_init(items, config.guests * VM_HOST_ALARMS))
        boot_refuse("out of memory for %u virtual CPUs", items);
    make_switches();
    for (uint32_t i = 0; i < config.guests; i++) {
        struct vm *vm = make_guest(bi, &config.guest[i], no_virt);
        if (vm && config.guest[i].autostart)
            ready[n++] = vm;
    }
    console_start(console_lock(), host_now());
    console_unlock();
    for (uint32_t i = 0; i < n; i++) {
        char why[SHELL_WHY];
        /* A failure has been said by then. */
        if (vm_start(ready[i], why))
            continue;
    }
    if (config.guests)
        vm_check_all_stopped();
}
