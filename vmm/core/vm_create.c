/* SPDX-License-Identifier: BSD-2-Clause */
/* From a guest's configuration to its VM object, its devices and vCPUs; no guest memory yet. */
#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/fmt.h"
#include "socle/hostcpu.h"
#include "socle/hostmem.h"
#include "socle/str.h"
#include "socle/vm.h"

/* A stable identity from the name: 128 bits of FNV-1a, marked as a version 8 UUID (RFC 9562). */
static void derive_uuid(const char *name, uint8_t uuid[16])
{
    uint64_t h[2] = { 0xcbf29ce484222325ull, 0x84222325cbf29ce4ull };
    for (const char *p = name; *p; p++)
        for (unsigned i = 0; i < 2; i++)
            h[i] = (h[i] ^ (uint8_t)*p ^ i << 7) * 0x100000001b3ull;
    memcpy(uuid, h, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static uint64_t tsc_now(void *ctx) { return vcpu_tsc(ctx); }

static uint64_t tsc_to_ns(void *ctx, uint64_t tsc)
{
    const struct vcpu *v = ctx;
    return vmclock_tsc_to_ns(&v->vm->clock, tsc - v->tsc_adjust);
}

static hv_status init_vcpu(struct vm *vm, struct vcpu *v, uint32_t index)
{
    v->vm = vm;
    v->index = index;
    v->mode = VCPU_STOPPED;
    v->xsave = host_object(cpu_xstate_size());
    struct lapic_page *page = host_pages(1);
    if (!v->xsave || !page)
        return HV_NOMEM;
    sched_item_init(&v->item, SCHED_VCPU, vm, (uint16_t)vm->cfg->weight);
    lapic_init(&v->lapic, &(struct lapic_config){
        .vcpu = index, .bsp = index == 0, .x2apic = true, .tsc_deadline = true,
        .phys_bits = vm->cpu.phys_bits, .page = page, .fabric = &vm->pc->fabric, .env = &vm->pc->env,
        .tsc = { v, tsc_now, tsc_to_ns },
    });
    v->walker = (struct gva_walker){
        .mem = &vm->mem, .phys_bits = vm->cpu.phys_bits, .gib_pages = vm->cpu.ext[1].edx & 1u << 26,
    };
    return virt ? virt->vcpu_init(v) : HV_OK;   /* without a backend it is never started */
}

/* What four levels of nested tables translate (SDM vol. 3, 29.3.2; APM vol. 2, 15.25.3). */
enum { NESTED_BITS = 48 };

static void init_policy(struct vm *vm)
{
    const struct host_cpu_info *h = host_cpu();
    struct guest_cpu_config c = {
        .vcpus = vm->vcpus,
        .can = CAN_X2APIC | CAN_DEADLINE | CAN_KVMCLOCK | CAN_TSC_AUX | CAN_TSC_ADJUST | CAN_MSI_EXT |
               CAN_PKU | CAN_UMIP | (h->tsc_stable ? CAN_TSC_STABLE : 0) | (virt ? virt->guest_can() : 0),
        .tsc_khz = h->tsc_hz / 1000, .apic_khz = LAPIC_TIMER_HZ / 1000, .xcr0 = cpu_xstate_mask(),
        .phys_bits = NESTED_BITS,
        .microcode = h->microcode,
    };
    policy_build(&vm->cpu, &h->caps, &c);
}

static void init_identity(struct vm *vm, const struct guest_config *cfg)
{
    vm->cfg = cfg;
    fmt(vm->name, sizeof(vm->name), "%s", cfg->name.text);
    if (cfg->has_uuid)
        memcpy(vm->uuid, cfg->uuid, sizeof(vm->uuid));
    else
        derive_uuid(vm->name, vm->uuid);
    vm->vcpus = cfg->cpus;
    vm->machine = (struct guest_machine){
        .vcpus = vm->vcpus, .memory = cfg->memory, .com_ports = 3, .has_ecam = true, .name = vm->name,
    };
    memcpy(vm->machine.uuid, vm->uuid, sizeof(vm->uuid));
    guest_layout(&vm->layout, &vm->machine);
}

static hv_status build(struct vm *vm)
{
    vm->pc = host_object(sizeof(*vm->pc));
    vm->vcpu = host_object(vm->vcpus * sizeof(*vm->vcpu));
    void *log = host_object(LOGRING_SIZE);
    if (!vm->pc || !vm->vcpu || !log)
        return HV_NOMEM;
    vm->log = logring_init(log, LOGRING_SIZE);
    init_policy(vm);
    vm_time_init(vm);
    hv_status s = vmclock_init(&vm->clock, host_cpu()->tsc_hz);
    s = s ? s : pc_init(vm->pc, vm);
    for (uint32_t i = 0; !s && i < vm->vcpus; i++)
        s = init_vcpu(vm, &vm->vcpu[i], i);
    return s;
}

hv_status vm_create(const struct guest_config *cfg, struct vm **out)
{
    struct vm *vm = host_object(sizeof(*vm));
    if (!vm)
        return HV_NOMEM;
    vm->id = (uint16_t)(vm_count + 1);
    init_identity(vm, cfg);
    vm->wall_ns_at_0 = host_cpu()->utc_at_boot * 1000000000ull + host_now();
    vm_init_states(vm);
    vm_io_init(vm);
    hv_status s = build(vm);
    if (s)
        return s;
    vm_list[vm_count++] = vm;
    console_guest_add(console_lock(), &vm->con, vm->name, vm, vm->log);
    console_unlock();
    *out = vm;
    return HV_OK;
}
