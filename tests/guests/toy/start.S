/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front of every toy guest: a minimal Linux bzImage (kernel documentation,
 * arch/x86/boot.rst, protocol 2.12), so that whatever starts Linux starts it. It has all
 * three entries: real mode (a BIOS, or QEMU's -kernel), 32 bit and 64 bit. All lead to
 * main(zero page) in 64-bit mode with the low 4 GiB mapped one to one.
 */
        .set    LOAD, 0x100000          /* where the protected-mode part is linked, toy.ld */
        .set    CODE32, 0x08
        .set    CODE64, 0x18
        .set    DATA, 0x10

/* ---- the setup sectors; the header doubles as part of the zero page ---- */

        .section .setup, "awx"
        .code16
setup:
        .org    0x1f1
        .byte   1                       /* setup_sects */
        .word   0
        .long   syssize                 /* in paragraphs, toy.ld */
        .word   0, 0, 0
        .word   0xaa55
        .byte   0xeb, real - 1f         /* 0x200: jump */
1:      .ascii  "HdrS"
        .word   0x020c                  /* protocol 2.12 */
        .org    0x211
        .byte   1                       /* loadflags: LOADED_HIGH */
        .word   0
        .long   LOAD                    /* code32_start */
        .org    0x22c
        .long   0x7fffffff              /* initrd_addr_max */
        .long   0x1000                  /* kernel_alignment */
        .byte   0, 0                    /* not relocatable */
        .word   1                       /* xloadflags: XLF_KERNEL_64 */
        .long   1023                    /* cmdline_size */
        .org    0x258
        .quad   LOAD                    /* pref_address */
        .long   init_size
        .org    0x268
real:                                   /* boot.rst: %ds is the segment of `setup` */
        cli
        xorl    %esi, %esi
        movw    %ds, %si
        shll    $4, %esi                /* the zero page, as far as we read it */
        leal    gdt - setup(%esi), %eax
        movl    %eax, gdt_pointer - setup + 2
        lgdtl   gdt_pointer - setup
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $CODE32, $LOAD

        .balign 8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_pointer:
        .word   31
        .long   0
        .org    0x400

/* ---- the protected-mode part ---- */

        .section .head, "ax"
        .code32
        .globl  entry32
entry32:                                /* %esi: zero page; flat segments */
        movw    $DATA, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        cld                             /* no loader promises a clear .bss */
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        movl    $stack_top, %esp
        movl    $pml4, %eax
        call    map_4g
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $0x20, %eax             /* PAE */
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx       /* EFER.LME */
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax       /* PG, PE */
        movl    %eax, %cr0
        lgdt    gdt64_pointer
        ljmp    $CODE64, $long_mode

/* Fills the tables; plain 32-bit code that keeps %eax and %esi. */
map_4g:
        movl    $pdpt + 3, pml4
        movl    $pds + 3, %edx
        xorl    %ecx, %ecx
1:      movl    %edx, pdpt(, %ecx, 8)
        addl    $4096, %edx
        incl    %ecx
        cmpl    $4, %ecx
        jne     1b
        movl    $0x83, %edx             /* present, writable, 2 MiB */
        xorl    %ecx, %ecx
2:      movl    %edx, pds(, %ecx, 8)
        addl    $0x200000, %edx
        incl    %ecx
        cmpl    $2048, %ecx
        jne     2b
        ret

        .org    0x200
        .code64
entry64:                                /* %rsi: zero page; paging by the loader */
        cli
        movl    $stack_top, %esp
        leaq    to_32(%rip), %rax       /* our own tables want a moment without paging */
        lgdt    gdt64_pointer
        pushq   $CODE32
        pushq   %rax
        lretq
        .code32
to_32:  movl    %cr0, %eax
        andl    $0x7fffffff, %eax
        movl    %eax, %cr0
        jmp     entry32

        .code64
long_mode:
        movl    $stack_top, %esp
        xorl    %ebp, %ebp
        movl    %esi, %edi
        call    main
1:      cli
        hlt
        jmp     1b

        .balign 8
gdt64:  .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt64_pointer:
        .word   31
        .quad   gdt64

        .section .tables, "aw", @nobits
        .balign 4096
        .globl  pml4, pds
pml4:   .skip   4096
pdpt:   .skip   4096
pds:    .skip   4 * 4096
        .skip   16384
stack_top:

        .section .note.GNU-stack, "", @progbits
