/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that are not plain RAM: the instruction is emulated, its memory operands go
 * to the local APIC, to a device, or to nobody. Also string I/O, by the same emulator.
 */
#include "socle/bits.h"
#include "socle/cpu.h"
#include "socle/emul.h"
#include "socle/fmt.h"
#include "socle/log.h"
#include "socle/run.h"
#include "socle/str.h"
#include "socle/vm.h"

enum { REP_BUDGET = 4096 };             /* iterations of a rep per call */

static bool is_ram(void *ctx, gpa_t at, size_t n)
{
    struct vcpu *v = ctx;
    return gmem_contains(&v->vm->mem, at, n) && !lapic_covers(&v->lapic, at);
}

/* One access to the local APIC or to a device. */
static void device_access(struct vcpu *v, gpa_t at, struct bus_access *a)
{
    if (lapic_covers(&v->lapic, at)) {
        a->offset = at.v & (PAGE_SIZE - 1);
        lapic_mmio(&v->lapic, a);
    } else {
        mmio_access(&v->vm->pc->mmio, at, a);
    }
}

static hv_status emul_read(void *ctx, gpa_t at, void *buf, unsigned size)
{
    struct vcpu *v = ctx;
    if (is_ram(ctx, at, size))
        return gmem_read(&v->vm->mem, at, buf, size);
    struct bus_access a = { .value = ones_of_size(size), .size = (uint8_t)size };
    device_access(v, at, &a);
    memcpy(buf, &a.value, size);
    return HV_OK;
}

static hv_status emul_write(void *ctx, gpa_t at, const void *buf, unsigned size)
{
    struct vcpu *v = ctx;
    if (is_ram(ctx, at, size)) {
        hv_status s = gmem_write(&v->vm->mem, at, buf, size);
        return s == HV_PERM ? HV_OK : s;        /* writes to ROM vanish */
    }
    struct bus_access a = { .size = (uint8_t)size, .write = true };
    memcpy(&a.value, buf, size);
    device_access(v, at, &a);
    return HV_OK;
}

static hv_status emul_io(void *ctx, uint16_t port, bool write, unsigned size, void *buf,
                         uint32_t *count)
{
    struct vcpu *v = ctx;
    uint8_t *p = buf;
    for (uint32_t i = 0; i < *count; i++, p += size) {
        struct bus_access a = { .value = ones_of_size(size), .size = (uint8_t)size, .write = write };
        if (write) {
            a.value = 0;
            memcpy(&a.value, p, size);
        }
        pio_access(&v->vm->pc->pio, port, &a);
        if (!write)
            memcpy(p, &a.value, size);
    }
    return HV_OK;
}

static void vec_get(void *ctx, unsigned n, uint8_t out[16]) { cpu_vector_get(n, out); }
static void vec_set(void *ctx, unsigned n, const uint8_t in[16]) { cpu_vector_set(n, in); }

const struct emul_ops exit_emul_ops = {
    .read = emul_read, .write = emul_write, .is_ram = is_ram, .io = emul_io,
    .vec_get = vec_get, .vec_set = vec_set,
};

static void crash_unsupported(struct vcpu *v, const struct insn *insn, const char *what, uint64_t where)
{
    char bytes[3 * INSN_MAX_LEN + 1] = "";
    for (unsigned i = 0; i < insn->len && i < INSN_MAX_LEN; i++)
        fmt(bytes + 3 * i, 4, " %02x", insn->bytes[i]);
    vm_end(v->vm, END_CRASH, "instruction%s at rip %lx cannot be emulated (%s 0x%lx)", bytes, v->st.rip,
           what, where);
}

void exit_emulate(struct vcpu *v, const char *what, uint64_t where)
{
    vcpu_need(v, REGS_GPR | REGS_RIP | REGS_SEG | REGS_CR);
    bool steps = v->st.rflags & RFLAGS_TF;      /* then DR6 and DEBUGCTL matter too */
    if (steps)
        vcpu_need(v, REGS_DR | REGS_MSR);
    if (v->st.rflags & RFLAGS_VM || v->st.cpl)  /* then a port access asks the TSS */
        vcpu_need(v, REGS_SYS);
    v->walker.pkru = v->st.cr4 & CR4_PKE ? cpu_guest_pkru() : 0;
    struct emul_ctx c = {
        .s = &v->st, .w = &v->walker, .ops = &exit_emul_ops, .ops_ctx = v, .budget = REP_BUDGET,
    };
    enum emul_status s = emul_run(&c);
    v->dirty |= REGS_GPR | REGS_RIP | (steps ? REGS_DR : 0);
    switch (s) {
    case EMUL_DONE:
        if (c.step_trap && inject_debug(&v->inject, 0) == INJECT_TRIPLE)
            vm_end(v->vm, END_CRASH, "triple fault");
        break;
    case EMUL_PROGRESS:
    case EMUL_RETRY:
        break;
    case EMUL_EXCEPTION:
        exit_exception_of(v, &c.exc);
        break;
    case EMUL_UNSUPPORTED:
    case EMUL_FAILED:
        vcpu_need(v, REGS_ALL);
        crash_unsupported(v, &c.insn, what, where);
        break;
    }
}

/*
 * The common case, and short: a driver's plain move to or from a device. The hardware has
 * translated its address, so the guest's tables need not be walked; that the instruction, read
 * again, goes in the same direction to the same place of a page shows it is the one that
 * exited, or one that this vCPU could as well have executed there. False: nothing was done.
 */
static bool plain_access(struct vcpu *v, const struct vm_exit *x, gpa_t at)
{
    uint8_t bytes[16];
    struct plain_mov m;
    vcpu_need(v, REGS_GPR | REGS_RIP | REGS_CODE | REGS_CR);
    if (v->st.cpl || !insn_peek_bytes(&v->walker, &v->st, bytes, &v->peek) ||
        !insn_plain_mov(bytes, &v->st, &m) || m.store != x->u.fault.write ||
        (m.address ^ at.v) & (PAGE_SIZE - 1) || (at.v & (PAGE_SIZE - 1)) + m.size > PAGE_SIZE)
        return false;
    struct bus_access a = {
        .value = m.store ? m.value : ones_of_size(m.size), .size = m.size, .write = m.store,
    };
    device_access(v, at, &a);
    if (!m.store) {
        insn_plain_load(&m, &v->st, a.value);
        v->dirty |= REGS_GPR;
    }
    exit_advance(v, m.len);
    return true;
}

void exit_fault(struct vcpu *v, const struct vm_exit *x)
{
    gpa_t at = gpa(x->u.fault.gpa);
    if (v->inject.interrupted.kind != EVENT_NONE) {
        /* Its IDT, TSS or stack is not in memory: delivery would never end. */
        vm_end(v->vm, END_CRASH, "event %u cannot be delivered: its tables or stack are at guest-physical %lx",
               v->inject.interrupted.vector, at.v);
        return;
    }
    if (x->u.fault.fetch && !gmem_contains(&v->vm->mem, at, 1)) {
        vcpu_ud(v);             /* nobody answers there: the bus gives ff ff, which is #UD */
        return;
    }
    if (!x->u.fault.fetch && !x->u.fault.walk && !gmem_peek(&v->vm->mem, at) && plain_access(v, x, at))
        return;
    exit_emulate(v, "access to guest-physical", at.v);
}
