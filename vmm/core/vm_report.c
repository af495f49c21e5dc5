/* SPDX-License-Identifier: BSD-2-Clause */
/* What a crashed guest's vCPUs looked like, for the log and for `info`. */
#include "socle/fmt.h"
#include "socle/log.h"
#include "socle/vm.h"

enum { CODE_BYTES = 15 };

static void report_code(struct vcpu *v)
{
    uint8_t code[CODE_BYTES];
    char text[3 * CODE_BYTES + 1] = "";
    gpa_t at;
    struct gva_fault fault;
    uint64_t linear = v->st.rip + (v->st.efer & EFER_LMA && v->st.seg[SEG_CS].attr & SEG_L ? 0 :
                                   v->st.seg[SEG_CS].base);
    if (gva_to_gpa(&v->walker, &v->st, linear, 0, &at, &fault) != GVA_OK ||
        gmem_read(&v->vm->mem, at, code, sizeof(code)))
        return;
    for (unsigned i = 0; i < CODE_BYTES; i++)
        fmt(text + 3 * i, 4, " %02x", code[i]);
    log_error("  code at rip:%s", text);
}

static void report_vcpu(struct vcpu *v)
{
    const struct vcpu_state *s = &v->st;
    vcpu_need(v, REGS_ALL);
    log_error("guest %s: vcpu %u, cpl %u, registers at the end:", v->vm->name, v->index, s->cpl);
    log_error("  rip %04x:%016lx rflags %08lx", s->seg[SEG_CS].sel, s->rip, s->rflags);
    log_error("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", s->gpr[GPR_RAX], s->gpr[GPR_RBX],
              s->gpr[GPR_RCX], s->gpr[GPR_RDX]);
    log_error("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx", s->gpr[GPR_RSI], s->gpr[GPR_RDI],
              s->gpr[GPR_RBP], s->gpr[GPR_RSP]);
    log_error("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx", s->gpr[GPR_R8], s->gpr[GPR_R9],
              s->gpr[GPR_R10], s->gpr[GPR_R11]);
    log_error("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx", s->gpr[GPR_R12], s->gpr[GPR_R13],
              s->gpr[GPR_R14], s->gpr[GPR_R15]);
    log_error("  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx", s->cr0, s->cr2, s->cr3, s->cr4,
              s->efer);
    log_error("  cs base %lx attr %03x, ss %04x attr %03x, gdtr %lx/%x, idtr %lx/%x", s->seg[SEG_CS].base,
              s->seg[SEG_CS].attr, s->seg[SEG_SS].sel, s->seg[SEG_SS].attr, s->gdtr.base, s->gdtr.limit,
              s->idtr.base, s->idtr.limit);
    report_code(v);
}

void vm_report_crash(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->vcpus; i++)
        if (vm->vcpu[i].mode == VCPU_RUN)
            report_vcpu(&vm->vcpu[i]);
}
