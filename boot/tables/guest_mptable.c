/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's MP table (Intel MultiProcessor Specification 1.4, chapter 4), for kernels
 * that run without ACPI: processors, buses, I/O APIC and interrupt wiring. Called by
 * guest_tables_build(). Says the same as the MADT and the DSDT's _PRT.
 */
#include "tables_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

enum { POINTER_LEN = 16, HEADER_LEN = 44, SPEC_REV = 4, BUS_PCI = 0, BUS_ISA = 1 };

enum { E_PROCESSOR = 0, E_BUS = 1, E_IOAPIC = 2, E_IO_INT = 3, E_LOCAL_INT = 4 };
enum { INT_INT = 0, INT_NMI = 1, INT_EXTINT = 3 };
enum { CONFORMS = 0, LEVEL_LOW = 0xf, LEVEL_HIGH = 0xd };
enum { CPU_ENABLED = 1, CPU_BOOT = 2, APIC_VERSION = 0x14, IOAPIC_VERSION = 0x11, ALL = 0xff };

struct build {
    struct table_area area;
    unsigned entries;
};

/* Entries are counted as they are made; the header wants the number. */
static uint8_t *entry(struct build *b, uint8_t type, size_t len)
{
    uint8_t *e = area_room(&b->area, len, 1);
    if (e) {
        e[0] = type;
        b->entries++;
    }
    return e;
}

/* 4.3.1. Signature and features: a Pentium Pro with FPU and APIC, at least. */
static void processors(struct build *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *e = entry(b, E_PROCESSOR, 20);
        if (!e)
            return;
        e[1] = (uint8_t)i;
        e[2] = APIC_VERSION;
        e[3] = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0);
        put_le32(e + 4, 0x600);
        put_le32(e + 8, BIT(0) | BIT(9));
    }
}

/* 4.3.2: the type is padded with blanks. */
static void bus(struct build *b, uint8_t id, const char *type)
{
    uint8_t *e = entry(b, E_BUS, 8);
    if (!e)
        return;
    e[1] = id;
    memcpy(e + 2, type, 6);
}

/* 4.3.3 */
static void ioapic(struct build *b)
{
    uint8_t *e = entry(b, E_IOAPIC, 8);
    if (!e)
        return;
    e[1] = PLAT_IOAPIC_ID;
    e[2] = IOAPIC_VERSION;
    e[3] = 1;                                   /* usable */
    put_le32(e + 4, PLAT_IOAPIC_BASE);
}

/* 4.3.4 and 4.3.5 have the same form. */
static void wire(struct build *b, uint8_t entry_type, uint8_t int_type, uint16_t flags,
                 uint8_t bus_id, unsigned irq, uint8_t apic, unsigned pin)
{
    uint8_t *e = entry(b, entry_type, 8);
    if (!e)
        return;
    e[1] = int_type;
    put_le16(e + 2, flags);
    e[4] = bus_id;
    e[5] = (uint8_t)irq;
    e[6] = apic;
    e[7] = (uint8_t)pin;
}

/* The same lines as in the MADT and _PRT: a kernel may switch between the tables. */
static void interrupts(struct build *b)
{
    for (unsigned irq = 0; irq < 16; irq++) {
        if (irq == 2 || (PLAT_PCI_IRQ_MASK & BIT(irq)))
            continue;                           /* the cascade; and the PCI slots' lines */
        wire(b, E_IO_INT, INT_INT, irq == PLAT_IRQ_SCI ? LEVEL_HIGH : CONFORMS, BUS_ISA, irq,
             PLAT_IOAPIC_ID, irq == PLAT_IRQ_PIT ? PLAT_GSI_PIT : irq);
    }
    for (unsigned dev = 0; dev < 32; dev++)     /* appendix D.3: device in bits 6:2, pin 1:0 */
        for (unsigned pin = 0; pin < 4; pin++)
            wire(b, E_IO_INT, INT_INT, LEVEL_LOW, BUS_PCI, dev << 2 | pin, PLAT_IOAPIC_ID,
                 plat_pci_irq(dev, pin + 1));
    wire(b, E_LOCAL_INT, INT_EXTINT, CONFORMS, BUS_ISA, 0, ALL, 0);
    wire(b, E_LOCAL_INT, INT_NMI, CONFORMS, BUS_ISA, 0, ALL, 1);
}

hv_status guest_mptable_build(const struct guest_machine *m, uint8_t *buf, size_t cap, gpa_t base,
                              struct guest_tables *out)
{
    if (!machine_valid(m) || !is_aligned(base.v, 16) || base.v > UINT32_MAX - cap)
        return HV_INVALID;
    struct build b = { { buf, cap, 0, base.v, false }, 0 };
    uint8_t *p = area_room(&b.area, POINTER_LEN, 16);
    uint8_t *h = area_room(&b.area, HEADER_LEN, 16);
    processors(&b, m->vcpus);
    bus(&b, BUS_PCI, "PCI   ");
    bus(&b, BUS_ISA, "ISA   ");
    ioapic(&b);
    interrupts(&b);
    if (b.area.full)
        return HV_NOMEM;
    size_t len = b.area.used - POINTER_LEN;
    memcpy(h, "PCMP", 4);
    put_le16(h + 4, (uint16_t)len);
    h[6] = SPEC_REV;
    memcpy(h + 8, "SOCLE   ", 8);
    memcpy(h + 16, "VIRTUAL PC  ", 12);
    put_le16(h + 34, (uint16_t)b.entries);
    put_le32(h + 36, PLAT_LAPIC_BASE);
    h[7] = checksum8(h, len);
    memcpy(p, "_MP_", 4);
    put_le32(p + 4, (uint32_t)area_address(&b.area, h));
    p[8] = POINTER_LEN / 16;
    p[9] = SPEC_REV;
    p[10] = checksum8(p, POINTER_LEN);
    out->mptable = base;
    return HV_OK;
}
