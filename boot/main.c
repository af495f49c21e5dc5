/* SPDX-License-Identifier: BSD-2-Clause */
/* Start-up, one step a line. Every step says in one line what it found or what is wrong. */
#include <stdarg.h>

#include "arch/x86/cpu/ioapic.h"
#include "arch/x86/cpu/lapic.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/cpu/panic.h"
#include "arch/x86/cpu/percpu.h"
#include "arch/x86/cpu/reset.h"
#include "arch/x86/cpu/time.h"
#include "arch/x86/cpu/trap.h"
#include "arch/x86/cpu/xstate.h"
#include "arch/x86/mm/hostmem.h"
#include "boot/boot.h"
#include "socle/console_io.h"
#include "socle/cpu.h"
#include "socle/drivers.h"
#include "socle/fmt.h"
#include "socle/hostcpu.h"
#include "socle/hostsmbios.h"
#include "socle/log.h"
#include "socle/sched.h"
#include "socle/shell_ops.h"
#include "socle/str.h"
#include "socle/virt.h"
#include "socle/vm.h"

static struct boot_info boot_info;
static struct host_acpi acpi;
static char no_virt[256];

void boot_refuse(const char *format, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, format);
    fmt_v(text, sizeof(text), format, ap);
    va_end(ap);
    log_error("%s", text);
    console_io_drain();
    cpu_halt_forever();
    __builtin_unreachable();
}

static void read_boot_info(uint32_t magic, uint32_t at)
{
    hv_status s = HV_INVALID;
    if (magic == BOOT_MAGIC_MB2)
        s = boot_info_parse_mb2(&boot_info, phys_to_virt(hpa(at)), MIB(4), hpa(at));
    else if (magic == BOOT_MAGIC_MB1)
        s = boot_info_parse_mb1(&boot_info, &boot_phys, hpa(at));
    if (s)
        boot_refuse("not started by a Multiboot loader (magic %08x): use GRUB's multiboot2 command", magic);
}

static void read_acpi(void)
{
    uint8_t rsdp[BOOT_RSDP_MAX];
    uint32_t len = boot_info.rsdp_len;
    memcpy(rsdp, boot_info.rsdp, sizeof(rsdp));
    if (!len)
        len = host_acpi_find_rsdp(&boot_phys, rsdp, sizeof(rsdp));
    /* Without tables the machine still has a PIT and a first CPU; the parser says what is wrong. */
    if (host_acpi_parse(&acpi, &boot_phys, rsdp, len))
        log_warn("no usable ACPI tables: power-off and interrupt routing may not work");
    const struct acpi_gas *r = &acpi.fadt.reset, *a = &acpi.fadt.pm1a_cnt, *b = &acpi.fadt.pm1b_cnt;
    reset_setup(&(struct reset_info){
        .reset_port = acpi.fadt.has_reset && r->space == ACPI_SPACE_IO ? (uint16_t)r->addr : 0,
        .reset_value = acpi.fadt.reset_value,
        .pm1a_cnt = a->space == ACPI_SPACE_IO ? (uint16_t)a->addr : 0,
        .pm1b_cnt = b->space == ACPI_SPACE_IO ? (uint16_t)b->addr : 0,
        .s5_known = acpi.s5.valid, .s5_typ_a = acpi.s5.typ_a, .s5_typ_b = acpi.s5.typ_b,
    });
}

/* For what must differ from machine to machine, such as default MAC addresses. */
static void read_identity(void)
{
    uint8_t uuid[16];
    if (host_smbios_uuid(&boot_phys, boot_info.efi_system_table, uuid))
        host_cpu_set_uuid(uuid);
    else
        log_debug("this machine tells no UUID of its own (SMBIOS)");
}

static void on_timer(void)
{
    time_fired();
    atomic_fetch_or(&this_cpu()->events, PCPU_EVENT_TIMER);
}


static void on_uart(void)
{
    console_io_irq();
    atomic_fetch_or(&this_cpu()->events, PCPU_EVENT_UART);
}

static void on_error(void) { this_cpu()->lapic_errors++; }

static void start_interrupts(void)
{
    host_pic_mask();
    uint64_t base = acpi.madt.valid ? acpi.madt.lapic.v : rdmsr(MSR_APIC_BASE) & 0xffffff000ull;
    volatile void *regs = hostmap_device(hpa(base), PAGE_SIZE);
    if (!regs)
        boot_refuse("out of memory for the local APIC's mapping");
    if (host_lapic_init(regs))
        boot_refuse("this CPU's local APIC is switched off: enable it in the firmware setup");
    this_cpu()->apic_id = host_lapic_id();
    trap_set_irq(VECTOR_TIMER, on_timer);
    trap_set_irq(VECTOR_UART, on_uart);
    trap_set_irq(VECTOR_ERROR, on_error);
    host_ioapic_init(&acpi);
}

static void start_clock(void)
{
    if (time_init(&acpi))
        boot_refuse("this machine has neither HPET nor ACPI PM timer nor PIT to measure time with");
    host_cpu_init();
    host_cpu_set_utc(time_read_rtc(acpi.fadt.century));
    console_set_utc(console_lock(), host_cpu()->utc_at_boot);
    console_unlock();
    log_info("clock: TSC at %lu.%03lu MHz by the %s%s", time_tsc_hz() / 1000000,
             time_tsc_hz() / 1000 % 1000, time_reference_name(),
             time_tsc_steady() ? "" : ", which it does not keep to");
}

static void start_virtualization(void)
{
    static char version[96];
    if (!virt_select(no_virt, sizeof(no_virt))) {
        log_error("%s", no_virt);
        return;
    }
    hv_status s = virt->cpu_enable();
    if (s) {
        fmt(no_virt, sizeof(no_virt), "%s cannot be switched on: %s", virt->name,
            s == HV_NOMEM ? "out of memory" : "the CPU refuses, something else may be using it");
        log_error("%s", no_virt);
        virt = NULL;
        return;
    }
    fmt(version, sizeof(version), "%s, %s, 1 CPU", SOCLE_VERSION, virt->name);
    shell_ops_version(version);
    log_info("guests run on %s", virt->name);
    cpu_spec_init();
}

static void route_console_interrupts(void)
{
    uint16_t ports[4];
    uint32_t n = console_io_ports(ports);
    bool routed[16] = { false };
    for (uint32_t i = 0; i < n; i++) {
        unsigned irq = ports[i] == 0x3f8 || ports[i] == 0x3e8 ? 4 : 3;
        /* Where this fails console_io_irqs() finds that no interrupt arrives. */
        if (!routed[irq] && host_ioapic_route_isa(irq, VECTOR_UART, this_cpu()->apic_id))
            log_debug("console: no interrupt line for the port at 0x%x", ports[i]);
        routed[irq] = true;
    }
    console_io_irqs();
}

static void current_guest(char *buf, size_t size)
{
    const struct vm *vm = sched_current_vm();
    fmt(buf, size, "%s", vm ? vm->name : "none");
}

/* On the CPU's final stack. */
NORETURN static void boot_on_stack(void)
{
    start_interrupts();
    start_clock();
    boot_config(&boot_info, &acpi);
    start_virtualization();
    drivers_init(&acpi);
    boot_guests(&boot_info, no_virt);
    route_console_interrupts();
    sched_loop();
}

/* The CPU's final stacks; returns the top of the one it runs on. */
static void *make_stacks(uint32_t cpu)
{
    for (unsigned i = IST_COUNT; i > 0; i--) {
        void *top = hostmap_stack(cpu, i);
        if (!top)
            boot_refuse("out of memory for the CPU's stacks");
        pcpu_set_ist(i, top);
    }
    void *top = hostmap_stack(cpu, 0);
    if (!top)
        boot_refuse("out of memory for the CPU's stack");
    return top;
}

void boot_main(uint32_t magic, uint32_t info, uint64_t load_base)
{
    hostmap_early(load_base);
    pcpu_init(pcpu_at(0), 0);
    trap_init();
    panic_hooks.write = console_io_panic_write;
    panic_hooks.guest = current_guest;
    console_io_early();
    log_info("Socle %s", SOCLE_VERSION);
    xstate_init();
    read_boot_info(magic, info);
    read_acpi();
    read_identity();
    boot_memory(&boot_info);
    console_io_memory();
    void *top = make_stacks(0);
    __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1" : : "r"(top), "r"(boot_on_stack));
    __builtin_unreachable();
}
