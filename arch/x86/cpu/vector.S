/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu_vector_get(n, out), cpu_vector_set(n, in): one XMM register by number, jumping
 * into a table of 16-byte entries. The hypervisor's own code uses no vector register.
 */
        .text
        .macro entry_get n
        .balign 16
        movups %xmm\n, (%rsi)
        ret
        .endm
        .macro entry_set n
        .balign 16
        movups (%rsi), %xmm\n
        ret
        .endm

        .globl cpu_vector_get
cpu_vector_get:
        lea get_table(%rip), %rax
        jmp 1f
        .globl cpu_vector_set
cpu_vector_set:
        lea set_table(%rip), %rax
1:      and $15, %edi
        shl $4, %edi
        add %rdi, %rax
        jmp *%rax

        .balign 16
get_table:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        entry_get \n
        .endr
        .balign 16
set_table:
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        entry_set \n
        .endr

        .section .note.GNU-stack, "", @progbits
