/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes a message-signalled interrupt (SDM vol. 3, 11.11). Every device's MSI and MSI-X
 * write ends here. The redirection hint needs no work of its own: the choice among
 * several targets is made by the delivery mode.
 */
#include "socle/bits.h"
#include "socle/device/apic_fabric.h"

#define MSI_BASE            0xfee00000u
#define MSI_LOGICAL         BIT(2)
#define MSI_DEST_SHIFT      12
/* Linux, Documentation/virt/kvm/x86/cpuid.rst, KVM_FEATURE_MSI_EXT_DEST_ID. */
#define MSI_EXT_DEST_SHIFT  5
#define MSI_EXT_DEST_MASK   0x7fu

#define MSI_DATA_LEVEL      BIT(15)
#define MSI_DATA_ASSERT     BIT(14)

bool msi_decode(uint64_t addr, uint32_t data, struct apic_msg *m)
{
    if ((addr & ~0xfffffull) != MSI_BASE)
        return false;
    uint32_t low = (uint32_t)addr >> MSI_DEST_SHIFT & 0xff;
    uint32_t high = (uint32_t)addr >> MSI_EXT_DEST_SHIFT & MSI_EXT_DEST_MASK;
    *m = (struct apic_msg){
        .dest = low == 0xff && !high ? APIC_DEST_ALL : high << 8 | low,
        .vector = (uint8_t)data,
        .mode = (uint8_t)(data >> 8 & 7),
        .logical = addr & MSI_LOGICAL,
        /* A level-triggered message has no line to look at again: only its EOI differs. */
        .level = data & MSI_DATA_LEVEL,
    };
    /* A level de-assert carries nothing to deliver. */
    return (data & (MSI_DATA_LEVEL | MSI_DATA_ASSERT)) != MSI_DATA_LEVEL;
}
