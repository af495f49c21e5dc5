/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations that guest.c times, one function each: "op NAME, TABLE", instructions
 * that load registers, "loop", the instructions that are timed, "end". Empty ones come first:
 * their cost is taken off the others of their table. The tables tell what an operation
 * needs: nothing, a hypervisor with KVM's interface and the CPU whose instruction calls it,
 * the local APIC in its memory-mapped form, in its x2APIC form, and there with the
 * TSC-deadline timer.
 */
#define ROUNDS          1000
#define VECTOR          0x40
#define ICR_SELF        (0x40000 | VECTOR)      /* shorthand "self", fixed delivery */
#define CR0_WP          0x10000
#define CR4_PGE         0x80
#define MSR_TSC_ADJUST  0x3b
#define MSR_DEADLINE    0x6e0
#define X2APIC_EOI      0x80b
#define X2APIC_ICR      0x830
#define NO_CALL         0x5ec1e         /* the answer is "no such call" */
#define LAPIC           0xfee00000
#define LAPIC_ID        0x20
#define LAPIC_EOI       0xb0
#define LAPIC_ICR       0x300
#define IOAPIC          0xfec00000

        .macro op name, table
        .pushsection .rodata
.Lname\@: .asciz "\name"
        .popsection
        .pushsection .ops.\table, "a"
        .quad .Lname\@, .Lop\@
        .popsection
        .text
        .balign 64
.Lop\@:
        push %rbx
        push %r12
        mov $ROUNDS, %r12d
        .endm

        .macro loop
77:
        .endm

        .macro end
        dec %r12d
        jnz 77b
        pop %r12
        pop %rbx
        ret
        .endm

/* ---- ports ---- */

        op empty, all
        loop
        end

        op port-pic, all
        loop
        in $0x21, %al
        end

        op port-elcr, all
        mov $0x4d0, %edx
        loop
        in %dx, %al
        end

        op port-pit, all
        loop
        in $0x40, %al
        end

        op pit-latch, all
        loop
        xor %eax, %eax
        out %al, $0x43
        in $0x40, %al
        in $0x40, %al
        end

        op port-unclaimed, all
        mov $0xee0, %edx
        loop
        in %dx, %al
        end

        op port-uart, all
        mov $0x3fd, %edx
        loop
        in %dx, %al
        end

        op port-cmos, all
        mov $0x0f, %eax
        out %al, $0x70
        loop
        in $0x71, %al
        end

        op port-pci, all
        mov $0xcf8, %edx
        loop
        in %dx, %eax
        end

        op port-pmtimer, all
        mov $0x608, %edx
        loop
        in %dx, %eax
        end

/* ---- instructions ---- */

        op cpuid-0, all
        loop
        xor %eax, %eax
        cpuid
        end

        op cpuid-1, all
        loop
        mov $1, %eax
        cpuid
        end

        op cpuid-d, all
        loop
        mov $0xd, %eax
        xor %ecx, %ecx
        cpuid
        end

        op rdmsr-tsc-adjust, all
        mov $MSR_TSC_ADJUST, %ecx
        loop
        rdmsr
        end

        op wrmsr-tsc-adjust, all
        mov $MSR_TSC_ADJUST, %ecx
        xor %eax, %eax
        xor %edx, %edx
        loop
        wrmsr
        end

        op wbinvd, all
        loop
        wbinvd
        end

        op cr0-wp-twice, all
        mov %cr0, %rax
        mov %rax, %rcx
        xor $CR0_WP, %rcx
        loop
        mov %rcx, %cr0
        mov %rax, %cr0
        end

        op cr4-pge-twice, all
        mov %cr4, %rax
        mov %rax, %rcx
        xor $CR4_PGE, %rcx
        loop
        mov %rcx, %cr4
        mov %rax, %cr4
        end

        .irp insn, vmmcall, vmcall      /* AMD's and Intel's */
        op hypercall, \insn
        loop
        mov $NO_CALL, %eax
        \insn
        end
        .endr

/* ---- memory-mapped registers ---- */

        op mmio-ioapic, mmio
        mov $IOAPIC, %edx
        loop
        mov 0x10(%rdx), %eax
        end

        op mmio-lapic, mmio
        mov $LAPIC, %edx
        loop
        mov LAPIC_ID(%rdx), %eax
        end

        op eoi-mmio, mmio
        mov $LAPIC, %edx
        xor %eax, %eax
        loop
        mov %eax, LAPIC_EOI(%rdx)
        end

        op icr-self-mmio, mmio
        mov $LAPIC, %edx
        mov $ICR_SELF, %eax
        loop
        mov %eax, LAPIC_ICR(%rdx)
        end

        op self-ipi-nop-mmio, mmio
        mov $LAPIC, %edx
        mov $ICR_SELF, %eax
        loop
        mov %eax, LAPIC_ICR(%rdx)
        sti
        nop
        cli
        end

/* The interrupt is taken behind HLT, which therefore never waits. */
        op self-ipi-hlt-mmio, mmio
        mov $LAPIC, %edx
        mov $ICR_SELF, %eax
        loop
        mov %eax, LAPIC_ICR(%rdx)
        sti
        hlt
        cli
        end

/* ---- x2APIC ---- */

        op eoi-x2apic, x2apic
        mov $X2APIC_EOI, %ecx
        xor %eax, %eax
        xor %edx, %edx
        loop
        wrmsr
        end

        op icr-self-x2apic, x2apic
        mov $X2APIC_ICR, %ecx
        mov $ICR_SELF, %eax
        xor %edx, %edx
        loop
        wrmsr
        end

        op self-ipi-nop, x2apic
        mov $X2APIC_ICR, %ecx
        mov $ICR_SELF, %eax
        xor %edx, %edx
        loop
        wrmsr
        sti
        nop
        cli
        end

        op self-ipi-hlt, x2apic
        mov $X2APIC_ICR, %ecx
        mov $ICR_SELF, %eax
        xor %edx, %edx
        loop
        wrmsr
        sti
        hlt
        cli
        end

        op deadline-past, deadline
        mov $MSR_DEADLINE, %ecx
        mov $1, %eax
        xor %edx, %edx
        loop
        wrmsr
        sti
        nop
        cli
        end

        .section .note.GNU-stack, "", @progbits
