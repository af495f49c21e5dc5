/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to C. Multiboot 2 (spec 3.1, 3.3) through GRUB, Multiboot 1
 * (spec 0.6.96, 3.1) for emulators that load a kernel themselves; both enter in
 * 32-bit protected mode without paging. The code runs at whatever address it was
 * loaded at, maps the first 4 GiB (identity and direct map) and the image at its
 * linked address, and calls boot_main(magic, information, load address).
 */

#define MB2_MAGIC       0xe85250d6
#define MB1_MAGIC       0x1badb002
#define MB1_FLAGS       0x00010003      /* page-align modules, memory map, address fields */

#define IMAGE_PHYS      0x200000        /* as in socle.ld */
#define TO_PHYS         0x80200000      /* linked virtual to physical address, modulo 2^64 */

#define COM1            0x3f8
#define STACK_SIZE      16384

        .section .boot.header, "a", @progbits
        .balign 8
mb2_header:
        .long MB2_MAGIC, 0, mb2_end - mb2_header
        .long -(MB2_MAGIC + 0 + (mb2_end - mb2_header))
        /* Information request: memory map, modules, command line, ACPI. */
        .balign 8
        .short 1, 0
        .long 24, 6, 3, 1, 14
        /* Module alignment. */
        .balign 8
        .short 6, 0
        .long 8
        /* Relocatable: anywhere below 4 GiB, on 2 MiB, low preferred. */
        .balign 8
        .short 10, 1
        .long 24, IMAGE_PHYS, 0xffffffff, 0x200000, 1
        .balign 8
        .short 0, 0
        .long 8
mb2_end:
        .balign 4
mb1_header:
        .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
        .long mb1_header                /* header_addr */
        .long IMAGE_PHYS                /* load_addr */
        .long load_end, bss_end, multiboot_entry

        .section .boot.text, "ax", @progbits
        .code32
        .globl multiboot_entry
multiboot_entry:
        cli
        cld
        mov %eax, %edi                  /* magic */
        mov %ebx, %esi                  /* information */
        /* No stack is promised. The information's second word serves for one call. */
        mov 4(%ebx), %ecx
        lea 8(%ebx), %esp
        call 1f
1:      pop %ebp
        mov %ecx, 4(%ebx)
        sub $1b, %ebp                   /* how far from the linked address we are */
        lea boot_stack_top + TO_PHYS(%ebp), %esp

        /* CPUID 8000_0001 EDX: bit 29 long mode, bit 20 NX. */
        mov $0x80000000, %eax
        cpuid
        cmp $0x80000001, %eax
        jb no_long_mode
        mov $0x80000001, %eax
        cpuid
        and $0x20100000, %edx
        cmp $0x20100000, %edx
        jne no_long_mode

        /* Page directories: 4 GiB in 2 MiB pages. */
        lea boot_pd + TO_PHYS(%ebp), %eax
        xor %ecx, %ecx
2:      mov %ecx, %edx
        shl $21, %edx
        or $0x83, %edx
        mov %edx, (%eax,%ecx,8)
        inc %ecx
        cmp $2048, %ecx
        jne 2b
        /* Their page-directory-pointer table, used by the identity and the direct map. */
        lea boot_pdpt + TO_PHYS(%ebp), %ebx
        lea 3(%eax), %edx
        mov %edx, (%ebx)
        add $0x1000, %edx
        mov %edx, 8(%ebx)
        add $0x1000, %edx
        mov %edx, 16(%ebx)
        add $0x1000, %edx
        mov %edx, 24(%ebx)
        /* The image: up to 1 GiB from where we were loaded. */
        lea boot_image_pd + TO_PHYS(%ebp), %eax
        lea IMAGE_PHYS + 0x83(%ebp), %edx
        xor %ecx, %ecx
3:      mov %edx, (%eax,%ecx,8)
        add $0x200000, %edx
        inc %ecx
        cmp $16, %ecx
        jne 3b
        lea boot_image_pdpt + TO_PHYS(%ebp), %ecx
        lea 3(%eax), %edx
        mov %edx, 510*8(%ecx)
        lea boot_pml4 + TO_PHYS(%ebp), %eax
        lea 3(%ebx), %edx
        mov %edx, (%eax)                /* identity */
        mov %edx, 256*8(%eax)           /* direct map at ffff8000_00000000 */
        lea 3(%ecx), %edx
        mov %edx, 511*8(%eax)

        mov %eax, %cr3
        mov $0x20, %eax                 /* CR4.PAE */
        mov %eax, %cr4
        mov $0xc0000080, %ecx           /* EFER: LME, NXE */
        rdmsr
        or $0x900, %eax
        wrmsr
        mov $0x80010033, %eax           /* CR0: PG WP NE ET MP PE */
        mov %eax, %cr0

        lea boot_gdt(%ebp), %eax
        lea boot_gdt_ptr(%ebp), %ebx
        mov %eax, 2(%ebx)
        lgdt (%ebx)
        lea 4f(%ebp), %eax
        push $8
        push %eax
        lret

        .code64
4:      xor %eax, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        movabs $boot_stack_top, %rsp
        /* boot_main(edi: magic, esi: information, edx: load address) */
        lea IMAGE_PHYS(%ebp), %edx
        xor %ebp, %ebp
        movabs $boot_main, %rax
        call *%rax
5:      hlt
        jmp 5b

        /* Says so on COM1 and on a text screen, the only outputs there are here. */
        .code32
no_long_mode:
        lea no_long_mode_text(%ebp), %esi
        mov $0xb8000, %edi
6:      lodsb
        test %al, %al
        jz 8f
        mov %al, (%edi)
        movb $7, 1(%edi)
        add $2, %edi
        mov %al, %bl
        mov $COM1 + 5, %edx
        mov $100000, %ecx
7:      in %dx, %al
        test $0x20, %al
        loopz 7b
        mov $COM1, %edx
        mov %bl, %al
        out %al, %dx
        jmp 6b
8:      hlt
        jmp 8b

no_long_mode_text:
        .asciz "socle: this CPU has no 64-bit mode (or no NX): Socle needs an x86-64 machine\r\n"
        .balign 8
boot_gdt:
        .quad 0, 0x00af9b000000ffff     /* null, 64-bit code */
boot_gdt_ptr:
        .short 15
        .long 0, 0

        .section .bss.boot, "aw", @nobits
        .balign 4096
boot_pml4:       .skip 4096
boot_pdpt:       .skip 4096
boot_pd:         .skip 4 * 4096
boot_image_pdpt: .skip 4096
boot_image_pd:   .skip 4096
boot_stack:      .skip STACK_SIZE
boot_stack_top:

        .section .note.GNU-stack, "", @progbits
