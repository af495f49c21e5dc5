/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware task switches (SDM vol. 3, chapter 8), as 32-bit systems use them: leaves long mode,
 * calls a task, enters it by INT3 through a task gate, both also with PAE paging and a CR3 of
 * its own for the task, comes back to long mode and says what was seen.
 */
#include "toy.h"

struct tss32 {                          /* figure 8-2 */
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt, trap_iomap;
};
_Static_assert(sizeof(struct tss32) == 104, "TSS layout");

enum { CODE32 = 0x08, DATA = 0x10, TSS_MAIN = 0x20, TSS_TASK = 0x28, STACK = 4096 };

extern uint64_t pds[4 * 512];
extern uint8_t task_entry[];
void task_visit(void);

struct tss32 tss_main, tss_task;
uint64_t task_gdt[6], task_idt[4];
uint64_t pae_main[4] __attribute__((aligned(32))), pae_task[4] __attribute__((aligned(32)));
uint32_t visits, links[8], nested[8], cr3s[8];
static uint8_t task_stack[STACK] __attribute__((aligned(16)));

/* task_visit(): from 64 bits down, through the switches, and back. */
__asm__(
    "task_visit:\n"
    "   push %rbx\n   push %rbp\n   push %r12\n   push %r13\n   push %r14\n   push %r15\n"
    "   sgdt old_gdt(%rip)\n"
    "   sidt old_idt(%rip)\n"
    "   lgdt new_gdt(%rip)\n"
    "   push $0x08\n   lea 1f(%rip), %rax\n   push %rax\n   lretq\n"
    "   .code32\n"
    "1: mov %cr0, %eax\n   and $0x7fffffff, %eax\n   mov %eax, %cr0\n"
    "   mov $0xc0000080, %ecx\n   rdmsr\n   and $~0x100, %eax\n   wrmsr\n"
    "   mov $0x10, %eax\n   mov %eax, %ds\n   mov %eax, %es\n   mov %eax, %ss\n"
    "   mov %eax, %fs\n   mov %eax, %gs\n"
    "   lidt new_idt32\n"
    "   mov $0x20, %eax\n   ltr %ax\n"
    "   lcall $0x28, $0\n"
    "   int3\n"
    "   movl $pae_main, %eax\n   mov %eax, %cr3\n   movl $pae_task, tss_task + 28\n"
    "   mov %cr0, %eax\n   or $0x80000000, %eax\n   mov %eax, %cr0\n"
    "   lcall $0x28, $0\n"
    "   int3\n"
    "   mov %cr3, %edi\n"
    "   mov %cr0, %eax\n   and $0x7fffffff, %eax\n   mov %eax, %cr0\n"
    "   movl $pml4, %eax\n   mov %eax, %cr3\n"
    "   mov $0xc0000080, %ecx\n   rdmsr\n   or $0x100, %eax\n   wrmsr\n"
    "   mov %cr0, %eax\n   or $0x80000000, %eax\n   mov %eax, %cr0\n"
    "   ljmp $0x18, $2f\n"
    "   .code64\n"
    "2: lgdt old_gdt(%rip)\n   lidt old_idt(%rip)\n"
    "   mov %edi, cr3s + 28(%rip)\n"
    "   pop %r15\n   pop %r14\n   pop %r13\n   pop %r12\n   pop %rbp\n   pop %rbx\n   ret\n"
    /* The task: notes where it came from, and goes back; the next switch goes on behind IRET. */
    "   .code32\n"
    "task_entry:\n"
    "   mov visits, %ecx\n   incl visits\n"
    "   movl tss_task, %eax\n   mov %eax, links(, %ecx, 4)\n"
    "   pushf\n   pop %eax\n   and $0x4000, %eax\n   mov %eax, nested(, %ecx, 4)\n"
    "   mov %cr3, %eax\n   mov %eax, cr3s(, %ecx, 4)\n"
    "   iret\n   jmp task_entry\n"
    "   .code64\n"
    "   .balign 8\n"
    "old_gdt: .skip 10\nold_idt: .skip 10\n"
    "new_gdt: .word 47\n   .quad task_gdt\n"
    "new_idt32: .word 31\n   .long task_idt\n");

static uint64_t tss_descriptor(const struct tss32 *t)
{
    uint64_t base = (uintptr_t)t;
    return (sizeof(*t) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
}

static void set_up(void)
{
    static const uint64_t flat[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff };
    for (unsigned i = 0; i < 4; i++) {
        task_gdt[i] = flat[i];
        pae_main[i] = pae_task[i] = ((uintptr_t)pds + 4096 * i) | 1;
    }
    task_gdt[TSS_MAIN / 8] = tss_descriptor(&tss_main);
    task_gdt[TSS_TASK / 8] = tss_descriptor(&tss_task);
    task_idt[3] = (uint64_t)TSS_TASK << 16 | 0x85ull << 40;     /* figure 7-2: task gate */
    tss_main.trap_iomap = tss_task.trap_iomap = (uint32_t)sizeof(struct tss32) << 16;
    /* The CPU never writes CR3 into a TSS: ours must be there for the way back (8.2.1). */
    tss_main.cr3 = (uint32_t)(uintptr_t)pae_main;
    tss_task.eip = (uint32_t)(uintptr_t)task_entry;
    tss_task.eflags = 2;
    tss_task.esp = (uint32_t)(uintptr_t)(task_stack + STACK);
    tss_task.cs = CODE32;
    tss_task.ss = tss_task.ds = tss_task.es = tss_task.fs = tss_task.gs = DATA;
}

void toy_main(void)
{
    bool good = true;
    print("TOY task\n");
    set_up();
    task_visit();
    for (unsigned i = 0; i < 4; i++) {
        print("TASK %u: from %x, %s, cr3 %s\n", i, links[i], nested[i] ? "nested" : "alone",
              cr3s[i] == (uintptr_t)pae_task ? "its own" : "as before");
        good = good && links[i] == TSS_MAIN && nested[i] && (cr3s[i] == (uintptr_t)pae_task) == (i >= 2);
    }
    good = good && visits == 4 && cr3s[7] == (uintptr_t)pae_main;
    print("TASK %s\n", good ? "GOOD" : "BAD");
}
