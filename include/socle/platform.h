/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things are in a guest's PC: fixed addresses, ports and interrupt lines that
 * device models, ACPI tables, loaders and the VM builder must agree on.
 */
#ifndef SOCLE_PLATFORM_H
#define SOCLE_PLATFORM_H

#include "socle/types.h"

/* RAM: from 0 up to the hole, and from 4 GiB on. 0xa0000-0xfffff is reserved for VGA and ROM. */
#define PLAT_LOWMEM_END         0xa0000u        /* end of conventional memory in the memory map */
#define PLAT_EBDA               0x9fc00u        /* one KiB, reserved */
#define PLAT_BIOS_BASE          0xe0000u        /* ACPI tables and RSDP live here */
#define PLAT_BIOS_SIZE          0x20000u
#define PLAT_HOLE_START         0xc0000000u     /* RAM below 3 GiB */
#define PLAT_HOLE_END           0x100000000ull

#define PLAT_PCI_MMIO_BASE      0xc0000000u     /* 32-bit window for BARs */
#define PLAT_PCI_MMIO_SIZE      0x20000000u
#define PLAT_PCI_IO_BASE        0xc000u         /* where firmware puts port BARs, */
#define PLAT_PCI_IO_END         0x10000u        /* and where these end */
#define PLAT_ECAM_BASE          0xe0000000u     /* 256 MiB, reserved for configuration space */
#define PLAT_IOAPIC_BASE        0xfec00000u
#define PLAT_HPET_BASE          0xfed00000u
#define PLAT_LAPIC_BASE         0xfee00000u

/* Ports */
#define PLAT_COM1               0x3f8
#define PLAT_COM2               0x2f8
#define PLAT_PM_BASE            0x600           /* PM1a_EVT 0x600 (4), PM1a_CNT 0x604 (2), */
#define PLAT_PM_TIMER           0x608           /* PM_TMR (4) */
#define PLAT_GPE0               0x620           /* GPE0 status and enable, 4 bytes */
#define PLAT_RESET_PORT         0xcf9
#define PLAT_PCI_ADDR           0xcf8
#define PLAT_PCI_DATA           0xcfc

/* Interrupt lines (ISA IRQ = GSI, except the PIT's: GSI 2) */
#define PLAT_IRQ_PIT            0
#define PLAT_GSI_PIT            2
#define PLAT_IRQ_COM2           3
#define PLAT_IRQ_COM1           4
#define PLAT_IRQ_RTC            8
#define PLAT_IRQ_SCI            9               /* level, active high */
#define PLAT_IOAPIC_PINS        24
/* Lines that PCI interrupts use, as a mask of IRQs: what firmware sets in the ELCR. */
#define PLAT_PCI_IRQ_MASK       ((1u << 10) | (1u << 11))
#define PLAT_IOAPIC_ID          0

/* Sleep types written to PM1a_CNT.SLP_TYP, as the DSDT's \_S5 announces them. */
#define PLAT_SLP_TYP_S5         0

/* Vectors up to 64 vCPUs: APIC ID = index. */
#define PLAT_MAX_VCPUS          64

/*
 * The line a PCI function's interrupt pin is wired to: GSI and, seen by the PICs, IRQ of
 * the same number (10 or 11), level triggered; pin 1 = INTA to 4 = INTD, device 0 to 31.
 * Also what firmware would have left in the function's Interrupt Line register. Slots
 * alternate, so that two devices that do not use MSI seldom share a line.
 */
static inline uint8_t plat_pci_irq(unsigned device, unsigned pin)
{
    return (device + pin - 1) & 1 ? 11 : 10;
}

#endif
