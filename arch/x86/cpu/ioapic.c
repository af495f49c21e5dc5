/* SPDX-License-Identifier: BSD-2-Clause */
/* See ioapic.h. */
#include "arch/x86/cpu/ioapic.h"

#include "arch/x86/cpu/ops.h"
#include "arch/x86/mm/hostmap.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, REG_VERSION = 0x01, REG_REDIR = 0x10 };
enum { REDIR_MASKED = 1 << 16, REDIR_LEVEL = 1 << 15, REDIR_LOW = 1 << 13 };
enum { PIC_MASTER_DATA = 0x21, PIC_SLAVE_DATA = 0xa1 };

struct pins { volatile uint32_t *regs; uint32_t gsi_base, count; };

static struct pins chips[HOST_IOAPICS_MAX];
static uint32_t chip_count;
static struct host_override overrides[HOST_OVERRIDES_MAX];
static uint32_t override_count;

static uint32_t rd(const struct pins *c, uint32_t reg)
{
    c->regs[IOREGSEL / 4] = reg;
    return c->regs[IOWIN / 4];
}

static void wr(const struct pins *c, uint32_t reg, uint32_t v)
{
    c->regs[IOREGSEL / 4] = reg;
    c->regs[IOWIN / 4] = v;
}

void host_pic_mask(void)
{
    outb(PIC_MASTER_DATA, 0xff);
    outb(PIC_SLAVE_DATA, 0xff);
}

void host_ioapic_init(const struct host_acpi *acpi)
{
    override_count = acpi->madt.overrides;
    for (uint32_t i = 0; i < override_count; i++)
        overrides[i] = acpi->madt.override[i];
    for (uint32_t i = 0; i < acpi->madt.ioapics; i++) {
        struct pins *c = &chips[chip_count];
        c->regs = hostmap_device(acpi->madt.ioapic[i].addr, PAGE_SIZE);
        if (!c->regs)
            continue;
        c->gsi_base = acpi->madt.ioapic[i].gsi_base;
        c->count = (rd(c, REG_VERSION) >> 16 & 0xff) + 1;
        for (uint32_t pin = 0; pin < c->count; pin++)
            wr(c, REG_REDIR + 2 * pin, REDIR_MASKED);
        chip_count++;
    }
}

hv_status host_ioapic_route_isa(unsigned irq, uint8_t vector, uint32_t apic_id)
{
    uint32_t gsi = irq, low = vector;
    for (uint32_t i = 0; i < override_count; i++)
        if (overrides[i].irq == irq) {
            gsi = overrides[i].gsi;
            low |= (overrides[i].level ? REDIR_LEVEL : 0) | (overrides[i].active_low ? REDIR_LOW : 0);
        }
    if (low & REDIR_LEVEL)
        return HV_UNSUPPORTED;
    for (uint32_t i = 0; i < chip_count; i++) {
        const struct pins *c = &chips[i];
        if (gsi < c->gsi_base || gsi - c->gsi_base >= c->count)
            continue;
        wr(c, REG_REDIR + 2 * (gsi - c->gsi_base) + 1, apic_id << 24);
        wr(c, REG_REDIR + 2 * (gsi - c->gsi_base), low);
        return HV_OK;
    }
    return HV_NOT_FOUND;
}
