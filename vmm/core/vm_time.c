/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's clock and alarms as its devices see them, and its serial output's way out. */
#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/hostcpu.h"
#include "socle/vm.h"

enum { FLUSH_NS = 1000000, AGAIN_NS = 20000, LOG_LINES_PER_S = 10 };

uint64_t vm_now(struct vm *vm) { return vmclock_ns(&vm->clock, cpu_tsc()); }

/* The first of the VM's alarms, as an alarm of the host. */
void vm_alarms_changed(struct vm *vm)
{
    uint64_t next = alarm_next(&vm->alarms);
    uint64_t due = ALARM_NEVER;
    if (next != ALARM_NEVER && !vm->clock.frozen)
        due = cpu_ns_at_tsc(vmclock_host_tsc(&vm->clock, next));
    if (due != vm->host_alarm_due) {
        vm->host_alarm_due = due;
        host_alarm_set(&vm->host_alarm, due);
    }
}

void vm_alarm(struct vm *vm, struct alarm *a, uint64_t due)
{
    uint64_t first = alarm_next(&vm->alarms);
    alarm_set(&vm->alarms, a, due);
    if (alarm_next(&vm->alarms) != first)
        vm_alarms_changed(vm);
}

static void fire(void *owner, uint64_t now)
{
    struct vm *vm = owner;
    struct alarm *a;
    vm->host_alarm_due = ALARM_NEVER;
    for (unsigned n = 0; n < VM_ALARMS && (a = alarm_take(&vm->alarms, vm_now(vm))) != NULL; n++)
        a->fire(a->owner, vm_now(vm));
    vm_alarms_changed(vm);
    if (vm->host_alarm_due <= host_now()) {     /* still one due: others come first */
        vm->host_alarm_due = host_now() + AGAIN_NS;
        host_alarm_set(&vm->host_alarm, vm->host_alarm_due);
    }
}

/* What a guest does must not fill the log: some lines a second, the rest is only counted. */
bool vm_may_log(struct vm *vm)
{
    uint64_t second = host_now() / 1000000000;
    if (second != vm->log_second) {
        vm->log_second = second;
        vm->log_lines = 0;
    }
    return vm->log_lines++ < LOG_LINES_PER_S;
}

/* The clock chip and the paravirtual wall clock show the machine's time again. */
void vm_set_wall_clock(struct vm *vm)
{
    vm->wall_ns_at_0 = host_cpu()->utc_at_boot * 1000000000ull + host_now() - vm_now(vm);
    rtc_set_time(&vm->pc->rtc, (int64_t)((vm->wall_ns_at_0 + vm_now(vm)) / 1000000000));
}

static void flush(void *owner, uint64_t now) { console_io_guest_flush(owner); }

void vm_time_init(struct vm *vm)
{
    alarm_queue_init(&vm->alarms, vm->alarm_heap, VM_ALARMS);
    alarm_init(&vm->host_alarm, fire, vm);
    alarm_init(&vm->flush_alarm, flush, vm);
    vm->host_alarm_due = ALARM_NEVER;
}

void vm_serial_out(struct vm *vm, uint8_t byte)
{
    if (vm->out_len == 0)
        host_alarm_set(&vm->flush_alarm, host_now() + FLUSH_NS);
    /* Full only when one exit writes more than the room vcpu_run() leaves: then the rest is lost. */
    if (vm->out_len < VM_OUT)
        vm->out[vm->out_len++] = byte;
}

void vm_serial_room(struct vm *vm)
{
    console_guest_ready(console_lock(), &vm->con, host_now());
    console_unlock();
}
