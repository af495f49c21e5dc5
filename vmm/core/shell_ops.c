/* SPDX-License-Identifier: BSD-2-Clause */
/* See shell_ops.h: what the prompt's commands show and do. Called under the console's lock. */
#include "socle/shell_ops.h"

#include "socle/console_io.h"
#include "socle/drivers.h"
#include "socle/fmt.h"
#include "socle/hostcpu.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/shell_devices.h"
#include "socle/str.h"
#include "socle/vm.h"

static const char *config_text;
static size_t config_len;
static uint64_t files_bytes;
static bool closing;
static enum { END_NOT, END_OFF, END_RESTART } asked;
static enum config_stopped when_all_stopped;

static hv_status act(void *ctx, enum guest_action what, struct console_guest *g, char why[SHELL_WHY])
{
    return vm_action(g->owner, what, why);
}

static enum guest_state state_of(const struct vm *vm)
{
    switch (vm->state) {
    case VM_OFF:
        return vm->started_ns || !vm->why[0] ? GUEST_OFF : GUEST_FAILED;
    case VM_STARTING:
        return vm->stop_pressed ? GUEST_STOPPING : GUEST_STARTING;
    case VM_RUNNING:
        return vm->stop_pressed ? GUEST_STOPPING : GUEST_RUNNING;
    case VM_PAUSED:
        return GUEST_PAUSED;
    case VM_CRASHED:
        return GUEST_CRASHED;
    case VM_STOPPING:
        return GUEST_STOPPING;
    case VM_WAITING:
        break;
    }
    return GUEST_WAITING;
}

static void row(void *ctx, struct console_guest *g, struct guest_row *r)
{
    const struct vm *vm = g->owner;
    *r = (struct guest_row){
        .state = state_of(vm), .cpus = vm->vcpus, .memory = vm->cfg->memory, .restarts = vm->restarts,
        .stop_timeout_s = vm->cfg->stop_timeout,
    };
    for (uint32_t i = 0; i < vm->vcpus; i++) {
        r->cpu_ns += vm->vcpu[i].item.run.used;
        for (unsigned k = 0; k < EXIT_KINDS; k++)
            r->exits += vm->vcpu[i].exits[k];
    }
    if (vm->shown_running)
        r->uptime_ns = host_now() - vm->started_ns;
    fmt(r->note, sizeof(r->note), "%s", vm->why);
}

static bool info_vcpu(struct vm *vm, uint32_t n, char key[24], char value[200])
{
    static const char *const modes[] = { "runs", "halted", "waits for SIPI", "stopped" };
    if (n >= vm->vcpus)
        return false;
    struct vcpu *v = &vm->vcpu[n];
    fmt(key, 24, "vcpu %u", n);
    if (vm->state == VM_OFF) {
        fmt(value, 200, "off");
        return true;
    }
    vcpu_need(v, REGS_RIP | REGS_CR);
    fmt(value, 200, "%s, rip %lx, rflags %lx, cr0 %lx, cr3 %lx, cr4 %lx, efer %lx", modes[v->mode],
        v->st.rip, v->st.rflags, v->st.cr0, v->st.cr3, v->st.cr4, v->st.efer);
    return true;
}

static bool info(void *ctx, struct console_guest *g, uint32_t index, char key[24], char value[200])
{
    struct vm *vm = g->owner;
    const struct guest_config *c = vm->cfg;
    const uint8_t *u = vm->uuid;
    switch (index) {
    case 0:
        fmt(key, 24, "kernel");
        fmt(value, 200, "%s", c->kernel.text ? c->kernel.text : c->firmware.text ? c->firmware.text : "none");
        return true;
    case 1:
        fmt(key, 24, "command line");
        fmt(value, 200, "%s", c->cmdline.text ? c->cmdline.text : "");
        return true;
    case 2:
        fmt(key, 24, "weight");
        fmt(value, 200, "%u", c->weight);
        return true;
    case 3:
        fmt(key, 24, "uuid");
        fmt(value, 200, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
            u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
        return true;
    case 4:
        fmt(key, 24, "own memory");
        fmt(value, 200, "%lu KiB taken in all", frame_owned(&host_frames, vm->id) / 1024);
        return true;
    default:
        return vm_devices_info(vm, index - 5, key, value) ||
               info_vcpu(vm, index - 5 - vm_devices_info_lines(vm), key, value);
    }
}

static size_t exits(void *ctx, struct console_guest *g, struct exit_row *rows, size_t max)
{
    const struct vm *vm = g->owner;
    size_t n = 0;
    for (unsigned k = 0; k < EXIT_KINDS && n < max; k++) {
        struct exit_row r = { .reason = exit_kind_name((enum exit_kind)k) };
        uint64_t ticks = 0;
        for (uint32_t i = 0; i < vm->vcpus; i++) {
            r.count += vm->vcpu[i].exits[k];
            ticks += vm->vcpu[i].exit_ticks[k];
        }
        r.ns = vmclock_ticks_to_ns(&vm->clock, ticks);
        if (r.count)
            rows[n++] = r;
    }
    return n;
}

static size_t mem(void *ctx, struct mem_row *rows, size_t max)
{
    struct frame_stats s;
    frame_stats(&host_frames, &s);
    const struct mem_row fixed[] = {
        { "machine", s.total, true }, { "free", s.free, false },
        { "hypervisor", s.hypervisor - files_bytes, false }, { "files", files_bytes, false },
        { "being freed", s.deferred, false },
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(fixed) && n < max; i++)
        rows[n++] = fixed[i];
    for (uint32_t i = 0; i < vm_count && n < max; i++) {
        fmt(rows[n].what, sizeof(rows[n].what), "guest %s", vm_list[i]->name);
        rows[n].total = false;
        rows[n++].bytes = frame_owned(&host_frames, vm_list[i]->id) + vm_overlay_bytes(vm_list[i]);
    }
    return n;
}

static size_t cpus(void *ctx, struct cpu_row *rows, size_t max)
{
    uint64_t busy, idle;
    const struct vm *vm = sched_current_vm();
    if (!max)
        return 0;
    sched_usage(&busy, &idle);
    rows[0] = (struct cpu_row){ .busy_ns = busy, .up_ns = host_now() };
    fmt(rows[0].doing, sizeof(rows[0].doing), vm ? "guest %s" : "idle", vm ? vm->name : "");
    return 1;
}

static const char *config(void *ctx, size_t *len)
{
    *len = config_len;
    return config_text;
}

static void set_closing(void *ctx, bool going_down) { closing = going_down; }
static void end_later(void *ctx, bool reboot) { asked = reboot ? END_RESTART : END_OFF; }

static struct shell_ops ops = {
    .act = act, .row = row, .info = info, .exits = exits, .mem = mem, .cpus = cpus, .devices = shell_devices,
    .switch_row = shell_switch, .ports = shell_ports, .flow = shell_flow, .config = config, .closing = set_closing,
    .machine_end = end_later, .version = SOCLE_VERSION,
};

const struct shell_ops *shell_ops_get(void) { return &ops; }

void shell_ops_config(const char *text, size_t len)
{
    config_text = text;
    config_len = len;
}

void shell_ops_files(uint64_t bytes) { files_bytes = bytes; }

void shell_ops_version(const char *text) { ops.version = text; }

bool shell_closing(void) { return closing; }

void machine_end(bool reboot)
{
    drivers_flush();
    console_io_drain();
    if (reboot)
        host_reboot();
    host_poweroff();
    log_warn("this machine does not power off: its firmware describes no way that works. Switch it off.");
}

void machine_end_if_asked(void)
{
    if (likely(asked == END_NOT))
        return;
    bool reboot = asked == END_RESTART;
    asked = END_NOT;
    machine_end(reboot);
}

void machine_set_when_all_stopped(enum config_stopped what) { when_all_stopped = what; }

void machine_all_stopped(void)
{
    if (closing)
        return;                         /* `poweroff` or `reboot` at the prompt decides */
    switch (when_all_stopped) {
    case CONFIG_STOPPED_WAIT:
        break;
    case CONFIG_STOPPED_POWEROFF:
        asked = END_OFF;
        sched_console_due();
        break;
    case CONFIG_STOPPED_REBOOT:
        asked = END_RESTART;
        sched_console_due();
        break;
    }
}
