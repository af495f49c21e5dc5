/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lives of a guest: made at boot, started, running, ended and cleared away. What
 * takes long is done in pieces by vm_step(), which the scheduler runs like a vCPU.
 */
#include "socle/vm.h"

#include <stdarg.h>

#include "socle/bits.h"
#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/run.h"
#include "socle/shell_ops.h"
#include "socle/str.h"

enum { BACKOFF_MAX_S = 60, BACKOFF_RESET_S = 60 };
enum { QUICK_RESETS_MAX = 5 };          /* lives under a second in a row before restarts back off */
#define SECOND_NS 1000000000ull
#define SETTLE_NS 1000000ull             /* how often devices that are still at work are asked */

struct vm *vm_list[CONFIG_GUESTS_MAX];
uint32_t vm_count;

/* ---- words on the console ---- */

static void say_started(struct vm *vm)
{
    vm->shown_running = true;
    console_guest_started(console_lock(), &vm->con, host_now());
    sched_console_due();
    console_unlock();
}

static void say_stopped(struct vm *vm)
{
    console_io_guest_flush(vm);
    vm->shown_running = false;
    console_guest_stopped(console_lock(), &vm->con, vm->why, host_now());
    sched_console_due();
    console_unlock();
}

void vm_not_started(struct vm *vm, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fmt_v(vm->why, sizeof(vm->why), format, ap);
    va_end(ap);
    console_guest_failed(console_lock(), &vm->con, vm->why, host_now());
    sched_console_due();
    console_unlock();
}

static bool all_stopped_told;           /* since a guest was last started */

void vm_check_all_stopped(void)
{
    for (uint32_t i = 0; i < vm_count; i++)
        if (vm_list[i]->state != VM_OFF)
            return;
    if (all_stopped_told)
        return;
    all_stopped_told = true;
    console_notice(console_lock(), "all guests stopped", host_now());
    sched_console_due();
    console_unlock();
    machine_all_stopped();
}

/* ---- starting ---- */

static void run_vcpus(struct vm *vm)
{
    vmclock_thaw(&vm->clock, cpu_tsc());
    vm->state = VM_RUNNING;
    for (uint32_t i = 0; i < vm->vcpus; i++) {
        struct vcpu *v = &vm->vcpu[i];
        virt->set_tsc_offset(v, vm->clock.offset + v->tsc_adjust);
        sched_wake(&v->item);
    }
    vm_alarms_changed(vm);
    vm_io_run(vm);
}

static void stop_vcpus(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->vcpus; i++)
        sched_sleep(&vm->vcpu[i].item);
    vm_io_rest(vm);
    vmclock_freeze(&vm->clock, cpu_tsc());
    vm_alarms_changed(vm);
}

/* Power-up state as firmware would leave it, with the first vCPU as the loader wants it. */
static void power_up(struct vm *vm)
{
    if (!vm->keep_memory)               /* its own time stood still while it was off */
        vm_set_wall_clock(vm);
    pc_reset(vm->pc);
    for (uint32_t i = 0; i < vm->vcpus; i++) {
        struct vcpu *v = &vm->vcpu[i];
        v->nested_root = vm->nested.root;
        vcpu_unload(v);
        vcpu_reset(v, false);
        policy_msr_firmware(&v->msr, &vm->cpu);
        v->mode = i == 0 ? VCPU_RUN : VCPU_WAIT_SIPI;
    }
    vm->vcpu[0].st = vm->plan->entry;
    vm->vcpu[0].valid = vm->vcpu[0].dirty = REGS_ALL;
    lapic_virtual_wire(&vm->vcpu[0].lapic);
    vm_load_drop(vm);
}

static void start_failed(struct vm *vm)
{
    vm_load_drop(vm);
    char why[VM_WHY];
    fmt(why, sizeof(why), "%s", vm->why[0] ? vm->why : "out of memory");
    vm_not_started(vm, "%s", why);
    vm->keep_memory = false;
    vm->after = AFTER_OFF;
    vm->state = VM_STOPPING;
}

static bool start_step(struct vm *vm)
{
    bool more = false;
    if (!vm->loaded && !vm->keep_memory) {
        if (vm_memory_step(vm, &more)) {
            fmt(vm->why, sizeof(vm->why), "out of memory");
            start_failed(vm);
        } else if (!more) {
            vm->loaded = true;
        }
        return true;
    }
    if (vm_load_step(vm))
        return true;
    power_up(vm);
    vm->keep_memory = true;
    vm->started_ns = host_now();
    vm->stop_pressed = false;
    say_started(vm);
    vm_devices_started(vm);
    run_vcpus(vm);
    return false;
}

static hv_status start(struct vm *vm)
{
    hv_status s = HV_OK;
    all_stopped_told = false;
    vm->why[0] = 0;
    vm->loaded = vm->keep_memory;
    if (!vm->keep_memory)
        s = vm_memory_prepare(vm);
    s = s ? s : vm_load_prepare(vm);
    if (s) {
        start_failed(vm);
    } else {
        vm->state = VM_STARTING;
    }
    sched_wake(&vm->work.item);
    return s;
}

hv_status vm_start(struct vm *vm, char why[SHELL_WHY])
{
    if (vm->state != VM_OFF && vm->state != VM_WAITING) {
        fmt(why, SHELL_WHY, "it is not stopped");
        return HV_BUSY;
    }
    if (vm->no_files) {
        fmt(why, SHELL_WHY, "%s", vm->why);
        return HV_NOT_FOUND;
    }
    host_alarm_set(&vm->delay, ALARM_NEVER);
    vm->backoff_s = 0;
    hv_status s = start(vm);
    if (s)
        fmt(why, SHELL_WHY, "%s", vm->why);
    return s;
}

/* Back-off is over; or, while it stops, its devices may have settled by now. */
static void restart_due(void *owner, uint64_t now)
{
    struct vm *vm = owner;
    if (vm->state == VM_STOPPING)
        sched_wake(&vm->work.item);
    if (vm->state == VM_WAITING && !shell_closing() && start(vm))
        return;
}

/* ---- ending ---- */

static uint32_t next_backoff(struct vm *vm)
{
    if (host_now() - vm->started_ns > BACKOFF_RESET_S * SECOND_NS)
        vm->backoff_s = 0;
    vm->backoff_s = vm->backoff_s ? (uint32_t)min_u64(vm->backoff_s * 2ull, BACKOFF_MAX_S) : 1;
    return vm->backoff_s;
}

static enum vm_after what_follows(struct vm *vm, enum vm_end how)
{
    if (shell_closing())
        return AFTER_OFF;
    switch (how) {
    case END_REBOOT:
        if (vm->cfg->on_reboot != CONFIG_REBOOT_RESTART)
            return AFTER_OFF;
        vm->quick_resets = host_now() - vm->started_ns < SECOND_NS ? vm->quick_resets + 1 : 0;
        return vm->quick_resets < QUICK_RESETS_MAX ? AFTER_RESTART : AFTER_BACKOFF;
    case END_CRASH:
        return vm->cfg->on_crash == CONFIG_CRASH_RESTART ? AFTER_BACKOFF :
               vm->cfg->on_crash == CONFIG_CRASH_PAUSE ? AFTER_CRASHED : AFTER_OFF;
    case END_POWEROFF:
    case END_KILLED:
    case END_HALTED:
        break;
    }
    return AFTER_OFF;
}

void vm_end(struct vm *vm, enum vm_end how, const char *detail, ...)
{
    static const char *const words[] = {
        [END_POWEROFF] = "poweroff", [END_REBOOT] = "reboot", [END_CRASH] = "crash: ",
        [END_KILLED] = "killed", [END_HALTED] = "halted",
    };
    if (vm->state != VM_RUNNING && vm->state != VM_PAUSED && vm->state != VM_CRASHED)
        return;
    size_t n = fmt(vm->why, sizeof(vm->why), "%s", words[how]);
    if (how == END_CRASH) {
        va_list ap;
        va_start(ap, detail);
        fmt_v(vm->why + n, sizeof(vm->why) - n, detail, ap);
        va_end(ap);
    }
    stop_vcpus(vm);
    vm->after = what_follows(vm, how);
    vm->ended = how;
    vm->devices_quiet = false;
    vm->state = VM_STOPPING;
    sched_wake(&vm->work.item);
}

void vm_reset_request(struct vm *vm) { vm_end(vm, END_REBOOT, " "); }

/* First thing after the last exit: the words, then the state that was asked for. */
static void end_words(struct vm *vm)
{
    if (!vm->shown_running)
        return;
    vm->stopped_ns = host_now();
    if (vm->ended == END_CRASH)
        vm_report_crash(vm);
    say_stopped(vm);
}

static void wait_for_restart(struct vm *vm)
{
    uint32_t s = next_backoff(vm);
    log_info("guest %s: starts again in %u s", vm->name, s);
    vm->state = VM_WAITING;
    host_alarm_set(&vm->delay, host_now() + s * SECOND_NS);
}

/* Nothing of the guest may be under way any more when its memory goes or is filled anew. */
static bool settled(struct vm *vm)
{
    if (vm->devices_quiet)
        return true;
    for (uint32_t i = 0; i < vm->vcpus; i++)
        vcpu_unload(&vm->vcpu[i]);
    vm->devices_quiet = vm_devices_reset(vm);
    vm_io_drop(vm);
    if (!vm->devices_quiet)
        host_alarm_set(&vm->delay, host_now() + SETTLE_NS);
    return vm->devices_quiet;
}

static bool stop_step(struct vm *vm)
{
    end_words(vm);
    if (vm->after == AFTER_CRASHED) {
        vm->state = VM_CRASHED;
        return false;
    }
    if (!settled(vm))
        return false;
    if (vm->after == AFTER_RESTART) {
        vm->restarts++;
        return start(vm) == HV_OK || vm->state == VM_STOPPING;  /* or clears away a failed start */
    }
    vm->keep_memory = false;
    if (vm_memory_free_step(vm))
        return true;
    if (vm->after == AFTER_BACKOFF) {
        vm->restarts++;
        wait_for_restart(vm);
        return false;
    }
    if (vm_devices_drop(vm))
        return true;
    vm->state = VM_OFF;
    vm_check_all_stopped();
    return false;
}

/* The scheduler runs this while the guest starts or stops. */
static bool vm_step(void *ctx)
{
    struct vm *vm = ctx;
    if (vm->state == VM_STARTING)
        return start_step(vm);
    return vm->state == VM_STOPPING && stop_step(vm);
}

/* ---- the operator's actions ---- */

static hv_status press_power_button(struct vm *vm, char why[SHELL_WHY])
{
    if (!vm_runs(vm)) {
        fmt(why, SHELL_WHY, "it is not running");
        return HV_BUSY;
    }
    if (!acpi_pm_power_button(&vm->pc->pm)) {
        fmt(why, SHELL_WHY, "its system does not listen to the power button: use `kill %s`", vm->name);
        return HV_UNSUPPORTED;
    }
    vm->stop_pressed = true;            /* the console watches its stop_timeout */
    return HV_OK;
}

static hv_status kill(struct vm *vm, char why[SHELL_WHY])
{
    switch (vm->state) {
    case VM_RUNNING:
    case VM_PAUSED:
    case VM_CRASHED:
        vm_end(vm, END_KILLED, " ");
        return HV_OK;
    case VM_WAITING:
        host_alarm_set(&vm->delay, ALARM_NEVER);
        if (vm_overlay_bytes(vm)) {     /* what its disks kept for the restart goes, too, in pieces */
            vm->after = AFTER_OFF;
            vm->state = VM_STOPPING;
            sched_wake(&vm->work.item);
            return HV_OK;
        }
        vm->state = VM_OFF;
        vm_check_all_stopped();
        return HV_OK;
    case VM_STARTING:
        fmt(vm->why, sizeof(vm->why), "killed");
        start_failed(vm);
        return HV_OK;
    case VM_STOPPING:
        vm->after = AFTER_OFF;
        return HV_OK;
    case VM_OFF:
        break;
    }
    fmt(why, SHELL_WHY, "it is not running");
    return HV_BUSY;
}

static hv_status pause(struct vm *vm, bool on, char why[SHELL_WHY])
{
    if (vm->state != (on ? VM_RUNNING : VM_PAUSED)) {
        fmt(why, SHELL_WHY, on ? "it is not running" : "it is not paused");
        return HV_BUSY;
    }
    if (on) {
        stop_vcpus(vm);
        vm->state = VM_PAUSED;
    } else {
        run_vcpus(vm);
    }
    return HV_OK;
}

static hv_status reset(struct vm *vm, char why[SHELL_WHY])
{
    if (vm->state != VM_RUNNING && vm->state != VM_PAUSED) {
        fmt(why, SHELL_WHY, "it is not running");
        return HV_BUSY;
    }
    vm_end(vm, END_REBOOT, " ");
    vm->after = AFTER_RESTART;          /* the operator's word, whatever on_reboot says */
    return HV_OK;
}

hv_status vm_action(struct vm *vm, enum guest_action what, char why[SHELL_WHY])
{
    switch (what) {
    case ACTION_START:
        return vm_start(vm, why);
    case ACTION_STOP:
        return press_power_button(vm, why);
    case ACTION_KILL:
        return kill(vm, why);
    case ACTION_RESET:
        return reset(vm, why);
    case ACTION_PAUSE:
        return pause(vm, true, why);
    case ACTION_RESUME:
        return pause(vm, false, why);
    }
    return HV_INVALID;
}

void vm_init_states(struct vm *vm)
{
    sched_work_init(&vm->work, vm, (uint16_t)vm->cfg->weight, vm_step, vm);
    alarm_init(&vm->delay, restart_due, vm);
}
