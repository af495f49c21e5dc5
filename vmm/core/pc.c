/* SPDX-License-Identifier: BSD-2-Clause */
/* See pc.h: makes the devices, puts them on the buses, wires their lines to each other. */
#include "socle/pc.h"

#include "socle/vm.h"

static struct vm *vm_of(void *pc) { return ((struct pc *)pc)->vm; }

static void irq(void *ctx, uint32_t gsi, bool level)
{
    irq_route_irq(&((struct pc *)ctx)->route, gsi, level);
}

static void msi(void *ctx, uint64_t addr, uint32_t data)
{
    irq_route_msi(&((struct pc *)ctx)->route, addr, data);
}

static uint64_t now(void *ctx) { return vm_now(vm_of(ctx)); }
static void set_alarm(void *ctx, struct alarm *a, uint64_t due) { vm_alarm(vm_of(ctx), a, due); }

static void defer(void *ctx, struct dev_work *w) { vm_defer(vm_of(ctx), w); }

static void misuse(void *ctx, const char *device, const char *why) { vm_misuse(vm_of(ctx), device, why); }

static void pic_line(void *pic, unsigned line, bool level) { pic_set_line(pic, line, level); }

/* The 8259s' output goes to every local APIC's LINT0 and wakes whoever takes it. */
static void pic_changed(void *ctx, bool level)
{
    struct pc *pc = ctx;
    irq_route_pic_output(&pc->route, level);
    if (level)
        vcpu_request(&pc->vm->vcpu[0], REQ_EVENT);
}

/* ---- what interrupt messages do to vCPUs ---- */

static void kick(void *ctx, uint32_t n) { vcpu_request(&vm_of(ctx)->vcpu[n], REQ_EVENT); }
static void nmi(void *ctx, uint32_t n) { vcpu_request(&vm_of(ctx)->vcpu[n], REQ_NMI); }
static void smi(void *ctx, uint32_t n) { }
static void init(void *ctx, uint32_t n) { vcpu_request(&vm_of(ctx)->vcpu[n], REQ_INIT); }
static void eoi(void *ctx, uint8_t vector) { ioapic_eoi(&((struct pc *)ctx)->ioapic, vector); }

static void sipi(void *ctx, uint32_t n, uint8_t vector)
{
    struct vcpu *v = &vm_of(ctx)->vcpu[n];
    atomic_store(&v->sipi, vector);
    vcpu_request(v, REQ_SIPI);
}

static const struct apic_ops apic_ops = { kick, nmi, smi, init, sipi, eoi };

/* ---- what devices ask of the machine ---- */

static void reset_line(void *ctx, enum dev_reset kind) { vm_reset_request(vm_of(ctx)); }
static void power_off(void *ctx) { vm_end(vm_of(ctx), END_POWEROFF, " "); }

/* A guest's port never waits: bytes gather in the VM's buffer until the console takes them. */
static void com1_tx(void *ctx, uint8_t byte) { vm_serial_out(vm_of(ctx), byte); }
static void com2_tx(void *ctx, uint8_t byte) { }
static void com1_room(void *ctx) { vm_serial_room(vm_of(ctx)); }

static hv_status attach_all(struct pc *pc)
{
    static const uint16_t com_base[PC_COM_PORTS] = { PLAT_COM1, PLAT_COM2 };
    hv_status s = pic_attach(&pc->pic, &pc->pio);
    s = s ? s : pit_attach(&pc->pit, &pc->pio);
    s = s ? s : rtc_attach(&pc->rtc, &pc->pio);
    for (unsigned i = 0; i < PC_COM_PORTS; i++)
        s = s ? s : uart_attach(&pc->com[i], &pc->pio, com_base[i]);
    s = s ? s : i8042_attach(&pc->i8042, &pc->pio);
    s = s ? s : acpi_pm_attach(&pc->pm, &pc->pio);
    s = s ? s : misc_ports_attach(&pc->misc, &pc->pio);
    s = s ? s : pci_attach(&pc->pci, &pc->pio);
    s = s ? s : pci_attach_ecam(&pc->pci, &pc->mmio);
    return s ? s : ioapic_attach(&pc->ioapic, &pc->mmio);
}

hv_status pc_init(struct pc *pc, struct vm *vm)
{
    static const uint32_t com_gsi[PC_COM_PORTS] = { PLAT_IRQ_COM1, PLAT_IRQ_COM2 };
    const struct uart_backend com1 = { pc, com1_tx, com1_room }, com2 = { pc, com2_tx, NULL };
    pc->vm = vm;
    pc->env = (struct dev_env){ pc, irq, msi, now, set_alarm, defer, misuse, &vm->mem };
    pio_bus_init(&pc->pio);
    mmio_bus_init(&pc->mmio);
    pc->pio.rest = (struct bus_rest){ pci_io_access, &pc->pci };
    pc->mmio.rest = (struct bus_rest){ pci_mem_access, &pc->pci };
    apic_fabric_init(&pc->fabric, &apic_ops, pc);
    ioapic_init(&pc->ioapic, &pc->fabric, &pc->env);
    pc->route = (struct irq_route){ &pc->ioapic, &pc->fabric, &pc->pic, pic_line };
    pic_init(&pc->pic, pic_changed, pc);
    pit_init(&pc->pit, &pc->env);
    rtc_init(&pc->rtc, &pc->env, (int64_t)(vm->wall_ns_at_0 / 1000000000));
    rtc_set_memory(&pc->rtc, vm->layout.low_ram, vm->layout.high_ram);
    uart_init(&pc->com[0], &pc->env, com_gsi[0], &com1);
    uart_init(&pc->com[1], &pc->env, com_gsi[1], &com2);
    i8042_init(&pc->i8042, &pc->env, reset_line, pc);
    acpi_pm_init(&pc->pm, &pc->env, power_off, pc);
    misc_ports_init(&pc->misc, reset_line, pc);
    pci_init(&pc->pci, &pc->env, misc_ports_cf9, &pc->misc);
    return attach_all(pc);
}

void pc_reset(struct pc *pc)
{
    pic_reset(&pc->pic);
    pit_reset(&pc->pit);
    rtc_reset(&pc->rtc);
    for (unsigned i = 0; i < PC_COM_PORTS; i++)
        uart_reset(&pc->com[i]);
    i8042_reset(&pc->i8042);
    acpi_pm_reset(&pc->pm);
    misc_ports_reset(&pc->misc);
    pci_reset(&pc->pci);
    ioapic_reset(&pc->ioapic);
    pci_assign(&pc->pci);               /* guests find what firmware has done */
}
