/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start of the benchmark guest, a Multiboot 1 kernel: from the 32-bit entry to 64-bit
 * code that sees the first 4 GiB at their physical addresses; interrupt handlers that
 * only acknowledge. Runs alike in Socle, under another hypervisor and on a bare machine.
 * Multiboot Specification 0.6.96, 3.1 and 3.2; SDM vol. 3, 10.8.5 (entering IA-32e mode).
 */
#define MB_MAGIC        0x1badb002
#define MB_FLAGS        0x2             /* memory information */
#define PAGE_BITS       0x83            /* present, writable, 2 MiB */
#define TABLE_BITS      0x3
#define EFER            0xc0000080
#define X2APIC_EOI      0x80b
#define LAPIC_EOI       0xfee000b0

        .section .header, "a"
        .balign 4
        .long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

        .text
        .code32
        .globl start
start:
        mov $stack_top, %esp
        mov %ebx, %ebp                  /* the boot information */
        mov $page_dirs, %edi
        mov $PAGE_BITS, %eax
1:      mov %eax, (%edi)
        movl $0, 4(%edi)
        add $0x200000, %eax
        add $8, %edi
        cmp $page_dirs + 4 * 4096, %edi
        jb 1b
        movl $page_dirs + TABLE_BITS, pdpt
        movl $page_dirs + 0x1000 + TABLE_BITS, pdpt + 8
        movl $page_dirs + 0x2000 + TABLE_BITS, pdpt + 16
        movl $page_dirs + 0x3000 + TABLE_BITS, pdpt + 24
        movl $pdpt + TABLE_BITS, pml4
        mov $pml4, %eax
        mov %eax, %cr3
        mov %cr4, %eax
        or $0x20, %eax                  /* PAE */
        mov %eax, %cr4
        mov $EFER, %ecx
        rdmsr
        or $0x100, %eax                 /* LME */
        wrmsr
        mov %cr0, %eax
        or $0x80000001, %eax            /* PG, PE */
        mov %eax, %cr0
        lgdt gdt_pointer
        ljmp $8, $start64

        .code64
start64:
        mov $16, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov %ebp, %edi
        call bench_main
        .globl power_off
power_off:
        mov $0x604, %edx                /* PM1a_CNT of QEMU's PCs and of Socle's: SLP_EN, type 0 */
        mov $0x2000, %eax
        out %ax, %dx
1:      cli
        hlt
        jmp 1b

/* Interrupts of the benchmark: counted and acknowledged, in both forms of the local APIC. */
        .globl irq_mmio, irq_x2apic
irq_mmio:
        incq irqs
        push %rax
        mov $LAPIC_EOI, %eax
        movl $0, (%rax)
        pop %rax
        iretq
irq_x2apic:
        incq irqs
        push %rax
        push %rcx
        push %rdx
        xor %eax, %eax
        xor %edx, %edx
        mov $X2APIC_EOI, %ecx
        wrmsr
        pop %rdx
        pop %rcx
        pop %rax
        iretq

        .section .rodata
        .balign 8
gdt:    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word gdt_pointer - gdt - 1
        .long gdt

        .bss
        .balign 4096
pml4:   .skip 4096
pdpt:   .skip 4096
page_dirs:
        .skip 4 * 4096
        .skip 16384
stack_top:

        .section .note.GNU-stack, "", @progbits
