/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware does to the PCI bus at power-up, for guests that are started from a kernel:
 * addresses for all BARs, decoding, mastering, interrupt lines. The windows are those that
 * the guest's ACPI tables give to the host bridge (boot/tables/guest_dsdt.c).
 */
#include "pci_priv.h"

/* Room that is left for BARs; ends below 4 GiB, so nothing wraps. */
struct room { uint64_t next, end; };

/* Address of a BAR, naturally aligned; false: no room. */
static bool place(struct room *r, uint64_t size, uint64_t *base)
{
    if (size > r->end || align_up(r->next, size) > r->end - size)
        return false;
    *base = align_up(r->next, size);
    r->next = *base + size;
    return true;
}

static void assign(struct pci_function *f, struct room *io, struct room *mem)
{
    uint16_t on = COMMAND_MASTER, off = 0;
    for (unsigned n = 0; n < PCI_BARS; n++) {
        const uint16_t decode = is_io(f, n) ? COMMAND_IO : COMMAND_MEMORY;
        uint64_t base;
        if (!is_bar(f, n))
            continue;
        if (!place(decode == COMMAND_IO ? io : mem, f->bar[n].size, &base)) {
            off |= decode;
            continue;
        }
        on |= decode;
        const unsigned at = CFG_BAR + 4 * n;
        pci_set32(f->config, at, pci_get32(f->config, at) | (uint32_t)base);
    }
    pci_set16(f->config, CFG_COMMAND, command(f) | (on & ~off & pci_get16(f->wmask, CFG_COMMAND)));
    if (f->config[CFG_INT_PIN])
        f->config[CFG_INT_LINE] = f->gsi;
}

void pci_assign(struct pci *p)
{
    struct room io = { PLAT_PCI_IO_BASE, PLAT_PCI_IO_END };
    struct room mem = { PLAT_PCI_MMIO_BASE, (uint64_t)PLAT_PCI_MMIO_BASE + PLAT_PCI_MMIO_SIZE };
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++)
        if (p->fn[i])
            assign(p->fn[i], &io, &mem);
    /* INTA to INTD of device 0 are PIRQA to PIRQD, and each next device is one further. */
    for (unsigned pin = 1; pin <= 4; pin++)
        p->isa_bridge.config[PIIX_PIRQ + pin - 1] = plat_pci_irq(0, pin);
    pci_decode_all(p);
}
