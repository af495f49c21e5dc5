/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that a guest's devices left for later: one scheduled item per VM takes it piece by
 * piece, so that it competes by the guest's weight like a vCPU. It rests while the VM does.
 */
#include "socle/log.h"
#include "socle/vm.h"

void vm_defer(struct vm *vm, struct dev_work *w)
{
    if (w->queued)
        return;
    w->queued = true;
    w->next = NULL;
    *vm->io_end = w;
    vm->io_end = &w->next;
    if (vm_runs(vm))
        sched_wake(&vm->io.item);
}

/* Work that has more to do goes behind the others. */
static bool step(void *ctx)
{
    struct vm *vm = ctx;
    struct dev_work *w = vm->io_first;
    if (w) {
        vm->io_first = w->next;
        if (!vm->io_first)
            vm->io_end = &vm->io_first;
        w->queued = false;
        if (w->step(w->owner))
            vm_defer(vm, w);
    }
    return vm->io_first != NULL;
}

static bool print_misuse(void *owner)
{
    struct vm *vm = owner;
    if (vm_may_log(vm))
        log_warn("guest %s: %s: its driver broke a rule of virtio and has to reset it: %s", vm->name,
                 vm->misused_device, vm->misused_why);
    return false;
}

void vm_misuse(struct vm *vm, const char *device, const char *why)
{
    if (vm->misuse.queued)
        return;
    vm->misused_device = device;
    vm->misused_why = why;
    vm_defer(vm, &vm->misuse);
}

void vm_io_init(struct vm *vm)
{
    vm->misuse = (struct dev_work){ .step = print_misuse, .owner = vm };
    vm->io_end = &vm->io_first;
    sched_work_init(&vm->io, vm, (uint16_t)vm->cfg->weight, step, vm);
}

void vm_io_run(struct vm *vm)
{
    if (vm->io_first)
        sched_wake(&vm->io.item);
}

void vm_io_rest(struct vm *vm) { sched_sleep(&vm->io.item); }

void vm_io_drop(struct vm *vm)
{
    for (struct dev_work *w = vm->io_first; w; w = w->next)
        w->queued = false;
    vm->io_first = NULL;
    vm->io_end = &vm->io_first;
}
