/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of the benchmarked Linux boots: powers the machine off. run.py links it at an address
 * that nothing else uses and has the counting plugin watch for its first instruction.
 * Linux: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/linux/reboot.h.
 */
#define SYS_reboot      169
#define MAGIC1          0xfee1dead
#define MAGIC2          0x28121969
#define POWER_OFF       0x4321fedc

        .text
        .globl _start
_start: mov $SYS_reboot, %eax
        mov $MAGIC1, %edi
        mov $MAGIC2, %esi
        mov $POWER_OFF, %edx
        syscall
1:      jmp 1b

        .section .note.GNU-stack, "", @progbits
