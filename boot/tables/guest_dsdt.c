/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DSDT of a guest: what devices its PC has and where (ACPI 6.5, chapters 5, 6 and
 * 8; PCI Firmware 3.3 for the host bridge). Called by guest_acpi.c. Device models and
 * this description take their numbers from platform.h, so they cannot disagree.
 */
#include "tables_priv.h"

#include "socle/aml.h"
#include "socle/bits.h"

enum { PCI_DEVICES = 32, PCI_PINS = 4, PRT_ANY_FUNCTION = 0xffff };

/* 8.4: names C000 to C03F, _UID as in the MADT. */
static void processors(struct aml *a, uint32_t count)
{
    static const char digits[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < count; i++) {
        const char name[] = { 'C', '0', digits[i >> 4 & 15], digits[i & 15], '\0' };
        aml_device(a, name);
        aml_name_string(a, "_HID", "ACPI0007");
        aml_name_int(a, "_UID", i);
        aml_end(a);
    }
}

/* 6.2.13: {address, pin from 0, 0 = hard-wired, GSI}. */
static void interrupt_routes(struct aml *a)
{
    aml_name(a, "_PRT");
    aml_package(a, PCI_DEVICES * PCI_PINS);
    for (unsigned dev = 0; dev < PCI_DEVICES; dev++)
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            aml_package(a, 4);
            aml_int(a, (uint64_t)dev << 16 | PRT_ANY_FUNCTION);
            aml_int(a, pin);
            aml_int(a, 0);
            aml_int(a, plat_pci_irq(dev, pin + 1));
            aml_end(a);
        }
    aml_end(a);
}

struct isa_device {
    const char *name, *hid;
    uint16_t irq;               /* IRQ mask; 0: none */
    struct { uint16_t base; uint8_t len; } io[2];
};

/* Devices of which there can be two carry a _UID, numbered from 1 as the ports are. */
static void isa_device(struct aml *a, const struct isa_device *d, unsigned uid)
{
    aml_device(a, d->name);
    aml_name_eisa(a, "_HID", d->hid);
    if (uid)
        aml_name_int(a, "_UID", uid);
    aml_name(a, "_CRS");
    aml_resources(a);
    for (unsigned i = 0; i < ARRAY_LEN(d->io); i++)
        if (d->io[i].len)
            aml_res_io(a, d->io[i].base, d->io[i].len);
    if (d->irq)
        aml_res_irq(a, d->irq);
    aml_end(a);
    aml_end(a);
}

/* IRQ 2 belongs to the PIC itself: it is the cascade. */
static void isa_bridge(struct aml *a, const struct guest_machine *m)
{
    static const struct isa_device always[] = {
        { "PIC", "PNP0000", BIT(2), { { 0x20, 2 }, { 0xa0, 2 } } },
        { "TMR", "PNP0100", BIT(PLAT_IRQ_PIT), { { 0x40, 4 } } },
        { "RTC", "PNP0B00", BIT(PLAT_IRQ_RTC), { { 0x70, 2 } } },
        { "SPKR", "PNP0800", 0, { { 0x61, 1 } } },
    };
    static const struct isa_device com[] = {
        { "COM1", "PNP0501", BIT(PLAT_IRQ_COM1), { { PLAT_COM1, 8 } } },
        { "COM2", "PNP0501", BIT(PLAT_IRQ_COM2), { { PLAT_COM2, 8 } } },
    };
    static const struct isa_device keyboard =
        { "KBD", "PNP0303", BIT(1), { { 0x60, 1 }, { 0x64, 1 } } };

    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", 0x00010000);        /* 00:01.0 */
    for (unsigned i = 0; i < ARRAY_LEN(always); i++)
        isa_device(a, &always[i], 0);
    for (unsigned i = 0; i < ARRAY_LEN(com); i++)
        if (m->com_ports & BIT(i))
            isa_device(a, &com[i], i + 1);
    if (m->has_8042)
        isa_device(a, &keyboard, 0);
    aml_end(a);
}

/* Windows exclude what the bridge itself decodes, or systems would report a conflict. */
static void pci_root(struct aml *a, const struct guest_machine *m)
{
    aml_device(a, "PCI0");
    aml_name_eisa(a, "_HID", m->has_ecam ? "PNP0A08" : "PNP0A03");
    if (m->has_ecam)
        aml_name_eisa(a, "_CID", "PNP0A03");
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_bus(a, 0, 255);
    aml_res_io(a, PLAT_PCI_ADDR, 8);            /* configuration ports: its own */
    aml_res_io_window(a, 0, PLAT_PCI_ADDR - 1);
    aml_res_io_window(a, PLAT_PCI_ADDR + 8, 0xffff);
    aml_res_mem32_window(a, PLAT_PCI_MMIO_BASE, PLAT_PCI_MMIO_SIZE);
    aml_end(a);
    interrupt_routes(a);
    isa_bridge(a, m);
    aml_end(a);
}

/* What belongs to no device but must not be given to one. */
static void board(struct aml *a, const struct guest_machine *m)
{
    aml_device(a, "MBRD");
    aml_name_eisa(a, "_HID", "PNP0C02");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, 0x92, 1);                     /* A20 and fast reset */
    aml_res_io(a, 0x4d0, 2);                    /* PIC edge/level control */
    aml_res_io(a, PLAT_PM_BASE, 12);            /* PM1 events, control, timer */
    aml_res_io(a, PLAT_GPE0, 4);
    aml_res_mem32(a, PLAT_IOAPIC_BASE, PAGE_SIZE, true);
    aml_res_mem32(a, PLAT_LAPIC_BASE, PAGE_SIZE, true);
    if (m->has_ecam)
        aml_res_mem32(a, PLAT_ECAM_BASE, (uint32_t)MIB(256), true);
    aml_end(a);
    aml_end(a);
}

/* Its interrupts are the PIT's and the RTC's (legacy routing), hence none are named. */
static void hpet(struct aml *a)
{
    aml_device(a, "HPET");
    aml_name_eisa(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_mem32(a, PLAT_HPET_BASE, 0x400, false);
    aml_end(a);
    aml_end(a);
}

size_t guest_dsdt_build(const struct guest_machine *m, uint8_t *buf, size_t cap)
{
    struct aml a;
    aml_init(&a, buf, cap);
    aml_scope(&a, "\\_SB");
    processors(&a, m->vcpus);
    pci_root(&a, m);
    board(&a, m);
    if (m->has_hpet)
        hpet(&a);
    aml_end(&a);

    aml_name(&a, "\\_S5");                      /* 7.4.2: SLP_TYPa, SLP_TYPb, reserved */
    aml_package(&a, 4);
    aml_int(&a, PLAT_SLP_TYP_S5);
    aml_int(&a, PLAT_SLP_TYP_S5);
    aml_int(&a, 0);
    aml_int(&a, 0);
    aml_end(&a);
    return aml_good(&a) ? a.len : 0;
}
