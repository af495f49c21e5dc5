/* SPDX-License-Identifier: BSD-2-Clause */
/* See pci.h. */
#include "drivers/pci.h"

#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/ops.h"
#include "socle/bits.h"
#include "socle/hostmem.h"
#include "socle/lock.h"
#include "socle/log.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };       /* PCI 3.0, 3.2.2.3.2 */
#define CONFIG_ENABLE   0x80000000u

enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_SIZE = 0x7ff, MSIX_ON = 1 << 15, MSIX_MASK_ALL = 1 << 14 };  /* 6.8.2 */
enum { ENTRY_SIZE = 16, ENTRY_ADDR = 0, ENTRY_ADDR_HIGH = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12, ENTRY_MASKED = 1 };

/* ---- mechanism #1: segment 0, the first 256 bytes ---- */

static struct spinlock port_lock;

static void select_dword(struct host_pci_addr at, unsigned offset)
{
    outl(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)at.bus << 16 | (uint32_t)at.devfn << 8 | (offset & 0xfc));
}

static uint32_t port_read(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size)
{
    spin_lock(&port_lock);
    select_dword(at, offset);
    uint32_t v = inl(CONFIG_DATA) >> 8 * (offset & 3);
    spin_unlock(&port_lock);
    return v & (uint32_t)ones_of_size(size);
}

/* In the width asked for: neighbours may clear bits by being written. */
static void port_write(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size, uint32_t v)
{
    uint16_t port = (uint16_t)(CONFIG_DATA + (offset & 3));
    spin_lock(&port_lock);
    select_dword(at, offset);
    if (size == 4)
        outl(port, v);
    else if (size == 2)
        outw(port, (uint16_t)v);
    else
        outb(port, (uint8_t)v);
    spin_unlock(&port_lock);
}

static const struct host_pci_access ports = { NULL, port_read, port_write };

static bool ports_answer(void)
{
    uint32_t old = inl(CONFIG_ADDRESS);
    outl(CONFIG_ADDRESS, CONFIG_ENABLE);
    bool ok = inl(CONFIG_ADDRESS) == CONFIG_ENABLE;
    outl(CONFIG_ADDRESS, old);
    return ok;
}

/* ---- ECAM: PCI Express 5.0, 7.2.2 ---- */

struct ecam { volatile uint8_t *regs; uint8_t first, last; };

static volatile uint8_t *ecam_at(const struct ecam *e, struct host_pci_addr at, unsigned offset)
{
    return e->regs + ((uint64_t)(at.bus - e->first) << 20 | (uint64_t)at.devfn << 12 | offset);
}

static uint32_t ecam_read(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size)
{
    const struct ecam *e = ctx;
    if (at.bus < e->first || at.bus > e->last)
        return ~0u;
    volatile uint8_t *p = ecam_at(e, at, offset);
    return size == 4 ? *(volatile uint32_t *)p : size == 2 ? *(volatile uint16_t *)p : *p;
}

static void ecam_write(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size, uint32_t v)
{
    const struct ecam *e = ctx;
    if (at.bus < e->first || at.bus > e->last)
        return;
    volatile uint8_t *p = ecam_at(e, at, offset);
    if (size == 4)
        *(volatile uint32_t *)p = v;
    else if (size == 2)
        *(volatile uint16_t *)p = (uint16_t)v;
    else
        *p = (uint8_t)v;
}

static struct ecam ecams[HOST_MCFG_MAX];
static struct host_pci_access ecam_access[HOST_MCFG_MAX];

/* The window and the ports must agree on what the first function is, where both see it. */
static bool ecam_is_true(const struct host_pci_access *a, const struct host_mcfg *m, bool have_ports)
{
    struct host_pci_addr first = { 0, 0, 0 };
    if (m->segment || m->bus_start || !have_ports)
        return true;
    return a->read(a->ctx, first, HOST_PCI_ID, 4) == port_read(NULL, first, HOST_PCI_ID, 4);
}

/* All buses that the window shows: not all of them need be behind bridges of bus 0. */
static bool scan_ecam(struct host_pci *p, uint32_t n, const struct host_mcfg *m, bool have_ports)
{
    struct host_pci_scan scan = { { 0 } };
    if (m->bus_end < m->bus_start)
        return false;
    struct ecam *e = &ecams[n];
    uint64_t buses = (uint64_t)m->bus_end - m->bus_start + 1;
    /* The table's address is that of bus 0 of the segment (PCI Firmware 3.3, 4.1.2). */
    *e = (struct ecam){ host_device(hpa(m->addr.v + ((uint64_t)m->bus_start << 20)), buses << 20), m->bus_start,
                        m->bus_end };
    ecam_access[n] = (struct host_pci_access){ e, ecam_read, ecam_write };
    if (!e->regs || !ecam_is_true(&ecam_access[n], m, have_ports)) {
        log_warn("PCI: the configuration window at 0x%lx is not used: %s", m->addr.v,
                 e->regs ? "it disagrees with the ports" : "out of memory");
        return false;
    }
    for (unsigned bus = m->bus_start; bus <= m->bus_end; bus++)
        host_pci_scan_bus(p, &scan, &ecam_access[n], m->segment, (uint8_t)bus);
    return true;
}

struct host_pci *pci_find_all(const struct host_acpi *acpi)
{
    struct host_pci *p = host_object(sizeof(*p));
    bool have_ports = ports_answer(), segment0 = false;
    if (!p)
        return NULL;
    for (uint32_t i = 0; i < acpi->mcfg.n; i++)
        if (scan_ecam(p, i, &acpi->mcfg.seg[i], have_ports) && acpi->mcfg.seg[i].segment == 0)
            segment0 = true;
    if (!segment0 && have_ports) {
        struct host_pci_scan scan = { { 0 } };
        host_pci_scan_bus(p, &scan, &ports, 0, 0);
    }
    if (p->dropped)
        log_warn("PCI: %u functions more than the %u that are looked at", p->dropped, HOST_PCI_MAX);
    return p;
}

volatile void *pci_map(const struct host_pci_function *f, unsigned bar, uint64_t offset, uint64_t len)
{
    if (bar >= HOST_PCI_BARS || f->bar[bar].kind != HOST_BAR_MEM || !f->bar[bar].at || !len ||
        !range_inside(offset, len, 0, f->bar[bar].size))
        return NULL;
    return host_device(hpa(f->bar[bar].at + offset), len);
}

const char *pci_use_msix(const struct host_pci_function *f, const struct pci_irq *irq, unsigned n)
{
    uint8_t cap = host_pci_capability(f, HOST_PCI_CAP_MSIX, 0);
    if (!cap)
        return "no MSI-X";
    uint32_t control = host_pci_read(f, cap + MSIX_CONTROL, 2), table = host_pci_read(f, cap + MSIX_TABLE, 4);
    unsigned entries = (control & MSIX_SIZE) + 1;
    volatile uint8_t *t = pci_map(f, table & 7, table & ~7u, (uint64_t)entries * ENTRY_SIZE);
    if (entries < n || !t)
        return "no usable MSI-X";
    host_pci_write(f, cap + MSIX_CONTROL, 2, (control & MSIX_SIZE) | MSIX_ON | MSIX_MASK_ALL);
    for (unsigned i = 0; i < entries; i++) {
        volatile uint8_t *e = t + i * ENTRY_SIZE;
        struct irq_message m;
        *(volatile uint32_t *)(e + ENTRY_CONTROL) = ENTRY_MASKED;
        if (i >= n)
            continue;
        if (irq_alloc(irq[i].handler, irq[i].ctx, &m))
            return "no interrupt left";
        *(volatile uint32_t *)(e + ENTRY_ADDR) = (uint32_t)m.addr;
        *(volatile uint32_t *)(e + ENTRY_ADDR_HIGH) = (uint32_t)(m.addr >> 32);
        *(volatile uint32_t *)(e + ENTRY_DATA) = m.data;
        *(volatile uint32_t *)(e + ENTRY_CONTROL) = 0;
    }
    host_pci_write(f, cap + MSIX_CONTROL, 2, (control & MSIX_SIZE) | MSIX_ON);
    return NULL;
}
