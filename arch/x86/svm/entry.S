/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * svm_enter(rdi: VMCB, rsi: guest registers, rdx: host's VMSAVE area; physical, virtual,
 * physical). Registers in, VMRUN, registers out; nothing else. VMRUN itself switches
 * RAX, RSP, RIP, RFLAGS, CS, SS, DS, ES, the control registers and descriptor tables;
 * VMLOAD/VMSAVE the rest (APM vol. 2, 15.5). Interrupts: GIF is clear around the
 * switch, and the host's IF is set so that a pending interrupt ends the guest's stay
 * at once (15.21.1).
 */
        .text
        .balign 64
        .globl svm_enter
svm_enter:
        push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        push %rdx
        push %rsi
        mov %rdi, %rax
        mov 1*8(%rsi), %rcx
        mov 2*8(%rsi), %rdx
        mov 3*8(%rsi), %rbx
        mov 5*8(%rsi), %rbp
        mov 7*8(%rsi), %rdi
        mov 8*8(%rsi), %r8
        mov 9*8(%rsi), %r9
        mov 10*8(%rsi), %r10
        mov 11*8(%rsi), %r11
        mov 12*8(%rsi), %r12
        mov 13*8(%rsi), %r13
        mov 14*8(%rsi), %r14
        mov 15*8(%rsi), %r15
        mov 6*8(%rsi), %rsi
        clgi
        sti
        vmload %rax
        vmrun %rax
        vmsave %rax
        pop %rax
        mov %rcx, 1*8(%rax)
        mov %rdx, 2*8(%rax)
        mov %rbx, 3*8(%rax)
        mov %rbp, 5*8(%rax)
        mov %rsi, 6*8(%rax)
        mov %rdi, 7*8(%rax)
        mov %r8, 8*8(%rax)
        mov %r9, 9*8(%rax)
        mov %r10, 10*8(%rax)
        mov %r11, 11*8(%rax)
        mov %r12, 12*8(%rax)
        mov %r13, 13*8(%rax)
        mov %r14, 14*8(%rax)
        mov %r15, 15*8(%rax)
        pop %rax
        vmload %rax
        cli
        stgi
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbx
        pop %rbp
        ret

        .section .note.GNU-stack, "", @progbits
