/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points of all 256 vectors, 16 bytes each: push the vector (and a zero where
 * the CPU pushes no error code), save the registers, call trap_entry(frame).
 */
        .text
        .balign 16
        .globl trap_stubs
trap_stubs:
        .set i, 0
        .rept 256
        .balign 16
        /* Vectors with an error code: 8, 10-14, 17, 21, 29, 30 (SDM vol. 3, table 6-1; APM 8.2). */
        .if !((i == 8) || ((i >= 10) && (i <= 14)) || (i == 17) || (i == 21) || (i == 29) || (i == 30))
        pushq $0
        .endif
        pushq $i
        jmp trap_common
        .set i, i + 1
        .endr

trap_common:
        push %rax
        push %rbx
        push %rcx
        push %rdx
        push %rsi
        push %rdi
        push %rbp
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        mov %rsp, %rbp
        and $-16, %rsp
        call trap_entry
        mov %rbp, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rbp
        pop %rdi
        pop %rsi
        pop %rdx
        pop %rcx
        pop %rbx
        pop %rax
        add $16, %rsp
        iretq

        .section .note.GNU-stack, "", @progbits
