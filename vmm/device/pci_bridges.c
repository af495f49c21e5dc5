/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two functions that every guest's PCI bus has: host bridge and ISA bridge. Registers
 * that firmware and old kernels look at keep what is written; nothing moves by them.
 */
#include "pci_priv.h"

#include "socle/str.h"

#define VENDOR_INTEL    0x8086

/*
 * 82441FX PMC, section 3.2. Memory and mastering are always on. The DRAM row boundaries,
 * PAM and SMRAM registers keep what firmware writes; memory does not move yet by them.
 */
static void reset_host_bridge(struct pci_function *f)
{
    memset(&f->config[0x40], 0, PCI_CONFIG_SIZE - 0x40);
    pci_set16(f->config, CFG_COMMAND, 0x0006);
    pci_set16(f->config, CFG_STATUS, 0x0280);
    memset(&f->config[0x60], 0x01, 8);      /* DRB */
    f->config[0x72] = 0x02;                 /* SMRAM: the fixed base segment */
}

void pci_host_bridge_init(struct pci_function *f)
{
    static const struct pci_ops ops = { .reset = reset_host_bridge };
    pci_function_init(f, VENDOR_INTEL, 0x1237, 0x060000, 0x02);
    f->ops = &ops;
    pci_set16(f->w1c, CFG_STATUS, 0xf900);  /* error bits; none is ever set */
    f->wmask[0x59] = 0x30;                  /* PAM0 has one segment, the others two */
    memset(&f->wmask[0x5a], 0x33, 6);
    memset(&f->wmask[0x60], 0xff, 8);
    f->wmask[0x72] = 0x78;
    reset_host_bridge(f);
}

/*
 * 82371SB (PIIX3), section 2.2, function 0. Its IDE and USB functions are not there. The
 * wiring of PCI interrupts is fixed (plat_pci_irq); the routes here only tell of it.
 */
static void reset_isa_bridge(struct pci_function *f)
{
    memset(&f->config[0x40], 0, PCI_CONFIG_SIZE - 0x40);
    pci_set16(f->config, CFG_COMMAND, 0x0007);
    pci_set16(f->config, CFG_STATUS, 0x0200);
    f->config[0x4c] = 0x4d;                 /* I/O recovery times */
    f->config[0x4e] = 0x03;                 /* XBCS: chip selects */
    memset(&f->config[PIIX_PIRQ], PIIX_PIRQ_OFF, 4);
    f->config[0x69] = 0x02;                 /* top of memory */
}

void pci_isa_bridge_init(struct pci_function *f)
{
    static const struct pci_ops ops = { .reset = reset_isa_bridge };
    pci_function_init(f, VENDOR_INTEL, 0x7000, 0x060100, 0x00);
    f->ops = &ops;
    pci_set16(f->w1c, CFG_STATUS, 0x7800);
    f->wmask[0x4c] = 0x7f;
    pci_set16(f->wmask, 0x4e, 0x01ff);
    memset(&f->wmask[PIIX_PIRQ], 0x8f, 4);
    f->wmask[0x69] = 0xfe;
    f->wmask[0x82] = 0x0f;                  /* DLC: passive release and its like */
    reset_isa_bridge(f);
}
