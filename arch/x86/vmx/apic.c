/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * APIC virtualization (SDM vol. 3, chapter 30): in x2APIC mode, where the CPU has it, reads of
 * the guest's APIC, its EOIs, TPR writes and self-IPIs need no exit, and pending interrupts
 * are delivered without one. In xAPIC mode the registers are emulated as ever: no page of the
 * guest is mapped onto them (a vCPU in the other mode could reach it, XSA-412).
 */
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx_bits.h"
#include "arch/x86/vmx/vmx_priv.h"
#include "socle/bits.h"

enum { STATUS_SERVICING_SHIFT = 8, STATUS_REQUESTING = 0xff };

static uint32_t secondary(const struct vmx_vcpu *s, bool on)
{
    uint32_t c = vmx_caps.proc2 & ~(s->vpid ? 0 : (uint32_t)PROC2_VPID);
    return c | (on ? PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTR : 0);
}

static void hand_over(struct vcpu *v)
{
    uint8_t requesting, servicing;
    lapic_hw_enter(&v->lapic, &requesting, &servicing);
    vmwrite(VMCS_INTERRUPT_STATUS, (uint64_t)servicing << STATUS_SERVICING_SHIFT | requesting);
}

/* Which of the guest's vectors are level-triggered: their EOI exits, for the I/O APIC. */
static void set_eoi_exits(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    for (unsigned i = 0; i < ARRAY_LEN(s->eoi_exits); i++) {
        uint64_t level = lapic_hw_level(&v->lapic, i);
        if (level == s->eoi_exits[i])
            continue;
        s->eoi_exits[i] = level;
        vmwrite((enum vmcs_field)(VMCS_EOI_EXIT0 + 2 * i), level);
    }
}

bool vmx_apic_mode(struct vcpu *v)
{
    struct vmx_vcpu *s = vmx_of(v);
    bool on = vmx_caps.virtual_apic && lapic_is_x2apic(&v->lapic);
    if (on == s->virtual_apic)
        return on;
    vmx_make_current(s);
    s->virtual_apic = on;
    vmwrite(VMCS_PROC_CONTROLS2, secondary(s, on));
    vmwrite(VMCS_MSR_BITMAP, (on ? vmx_msr_bitmap_x2apic : vmx_msr_bitmap).v);
    if (on)
        hand_over(v);
    else
        lapic_hw_leave(&v->lapic);
    return on;
}

/* Only what is above what already waits there changes the hardware's mind. */
void vmx_apic_post(struct vcpu *v)
{
    vmx_make_current(vmx_of(v));
    int vector = lapic_hw_post(&v->lapic);
    if (vector < 0)
        return;
    set_eoi_exits(v);
    uint64_t status = vmread(VMCS_INTERRUPT_STATUS);
    if ((unsigned)vector > (status & STATUS_REQUESTING))
        vmwrite(VMCS_INTERRUPT_STATUS, (status & ~(uint64_t)STATUS_REQUESTING) | (unsigned)vector);
}

/*
 * A write that the CPU put into the page and leaves to us (30.4.3.3): of those that bitmaps.c
 * lets through, only a self-IPI with an illegal vector.
 */
void vmx_apic_write(struct vcpu *v, unsigned offset)
{
    unsigned slot = offset >> 4 & 0x3f;
    if (slot == LAPIC_SELF_IPI && !lapic_msr_write(&v->lapic, MSR_X2APIC + slot, lapic_reg(&v->lapic, slot) & 0xff))
        vcpu_gp(v);
}
