/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmx_enter(rdi: guest registers, esi: launched before?, rdx: where HOST_RSP's value is kept).
 * Registers in, VMLAUNCH or VMRESUME, registers out; nothing else. The VMCS switches RSP, RIP,
 * RFLAGS, segments, control registers, descriptor tables and the MSRs it has fields for (SDM
 * vol. 3, 27.3.2 and 28.5); at the exit interrupts are off. HOST_RSP is written only when this
 * is called from another depth than the last time.
 */
#define VMCS_HOST_RSP   0x6c14

        .text
        .balign 64
        .globl vmx_enter
vmx_enter:
        push %rbp
        push %rbx
        push %r12
        push %r13
        push %r14
        push %r15
        push %rdi
        cmp %rsp, (%rdx)
        je 1f
        mov %rsp, (%rdx)
        mov $VMCS_HOST_RSP, %eax
        vmwrite %rsp, %rax
1:      test %esi, %esi
        mov 0*8(%rdi), %rax
        mov 1*8(%rdi), %rcx
        mov 2*8(%rdi), %rdx
        mov 3*8(%rdi), %rbx
        mov 5*8(%rdi), %rbp
        mov 6*8(%rdi), %rsi
        mov 8*8(%rdi), %r8
        mov 9*8(%rdi), %r9
        mov 10*8(%rdi), %r10
        mov 11*8(%rdi), %r11
        mov 12*8(%rdi), %r12
        mov 13*8(%rdi), %r13
        mov 14*8(%rdi), %r14
        mov 15*8(%rdi), %r15
        mov 7*8(%rdi), %rdi
        jz 2f
        vmresume
        jmp 3f
2:      vmlaunch
        /* Still here: CF, no current VMCS; ZF, an error number is in the VMCS. */
3:      mov $1, %eax
        jc 4f
        mov $2, %eax
4:      pop %rdi
        jmp 5f

        .balign 16
        .globl vmx_exit_point
vmx_exit_point:
        push %rdi
        mov 8(%rsp), %rdi
        mov %rax, 0*8(%rdi)
        mov %rcx, 1*8(%rdi)
        mov %rdx, 2*8(%rdi)
        mov %rbx, 3*8(%rdi)
        mov %rbp, 5*8(%rdi)
        mov %rsi, 6*8(%rdi)
        pop 7*8(%rdi)
        mov %r8, 8*8(%rdi)
        mov %r9, 9*8(%rdi)
        mov %r10, 10*8(%rdi)
        mov %r11, 11*8(%rdi)
        mov %r12, 12*8(%rdi)
        mov %r13, 13*8(%rdi)
        mov %r14, 14*8(%rdi)
        mov %r15, 15*8(%rdi)
        pop %rdi
        xor %eax, %eax
5:      pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbx
        pop %rbp
        ret

        .section .note.GNU-stack, "", @progbits
