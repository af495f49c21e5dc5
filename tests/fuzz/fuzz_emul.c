/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the emulator: any state, page tables, code and memory, as a hostile guest
 * would set them up, while "another vCPU" rewrites code and tables during accesses.
 * Nothing outside of the guest is touched, every call ends within its budget, and
 * what it reports is consistent.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "socle/bits.h"
#include "socle/emul.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAM = 2u << 20, DEVICE = 0x40000000 };

struct input { const uint8_t *data; size_t left; };

static struct gmem mem;
static hpa_t block;
static struct input in;         /* also feeds devices, ports and the other vCPU */

static void check(bool ok)
{
    if (!ok)
        abort();
}

static uint64_t take(unsigned n)
{
    uint64_t v = 0;
    for (; n && in.left; n--, in.left--)
        v = v << 8 | *in.data++;
    return v;
}

/* Values that lead somewhere: memory, the device, the ends of the address space. */
static uint64_t take_value(void)
{
    unsigned how = (unsigned)take(1);
    switch (how % 6) {
    case 0:  return take(8);
    case 1:  return take(3) & (RAM - 1);
    case 2:  return DEVICE + take(2);
    case 3:  return (uint64_t)(int64_t)(int8_t)take(1);
    case 4:  return take(2) << (how >> 3 & 31);
    default: return take(4);
    }
}

/* Someone else changes a byte of guest memory. */
static void interfere(void)
{
    uint8_t b = (uint8_t)take(1);
    if (b < 0x20)
        check(gmem_write(&mem, gpa(take(3) & (RAM - 1)), &b, 1) != HV_RANGE);
}

static void check_access(gpa_t at, unsigned size)
{
    check(size == 1 || size == 2 || size == 4 || size == 8);
    check((at.v & (PAGE_SIZE - 1)) + size <= PAGE_SIZE);
}

static hv_status status(void)
{
    return take(1) == 0xff ? (hv_status)(take(1) % HV_STATUS_COUNT) : HV_OK;
}

static hv_status op_read(void *ctx, gpa_t at, void *buf, unsigned size)
{
    check_access(at, size);
    interfere();
    if (gmem_read(&mem, at, buf, size) != HV_OK) {
        uint64_t v = take(size);
        memcpy(buf, &v, size);
    }
    return status();
}

static hv_status op_write(void *ctx, gpa_t at, const void *buf, unsigned size)
{
    check_access(at, size);
    interfere();
    hv_status s = gmem_write(&mem, at, buf, size);
    return s == HV_RANGE || s == HV_PERM ? HV_OK : status();
}

static bool op_is_ram(void *ctx, gpa_t at, size_t n)
{
    return gmem_contains(&mem, at, n) && (at.v < 0xa0000 || at.v >= 0xc0000);
}

static hv_status op_io(void *ctx, uint16_t port, bool write, unsigned size, void *buf,
                       uint32_t *count)
{
    volatile uint8_t *bytes = buf;
    check((size == 1 || size == 2 || size == 4) && *count >= 1);
    for (uint32_t i = 0; i < *count * size; i++)
        bytes[i] = write ? bytes[i] : (uint8_t)i;
    interfere();
    if (*count > 1 && take(1) & 1)
        *count = 1;
    return status();
}

static void op_vec_get(void *ctx, unsigned n, uint8_t v[16])
{
    check(n < 16);
    memset(v, (int)n, 16);
}

static void op_vec_set(void *ctx, unsigned n, const uint8_t v[16]) { check(n < 16); }

static const struct emul_ops ops = {
    op_read, op_write, op_is_ram, op_io, op_vec_get, op_vec_set
};

static struct segment take_segment(void)
{
    return (struct segment){ (uint16_t)take(1), (uint16_t)(take(2) & 0xfff), (uint32_t)take_value(),
                             take_value() };
}

static void take_state(struct vcpu_state *s, struct gva_walker *w)
{
    static const uint64_t cr4_bits = CR4_PSE | CR4_PAE | CR4_LA57 | CR4_SMEP | CR4_SMAP | CR4_PKE |
                                     CR4_PKS | CR4_OSFXSR;
    unsigned mode = (unsigned)take(1);

    *s = (struct vcpu_state){ .cpl = (uint8_t)(take(1) & 3), .shadow = (uint8_t)(take(1) & 3) };
    s->cr0 = (mode & 1 ? CR0_PE : 0) | (mode & 2 ? CR0_PG : 0) | (mode & 4 ? CR0_WP | CR0_AM : 0);
    s->cr4 = take(4) & cr4_bits;
    s->efer = (mode & 8 ? EFER_LMA | EFER_LME : 0) | (mode & 16 ? EFER_NXE : 0);
    if (s->efer & EFER_LMA)
        s->cr4 |= CR4_PAE;
    s->cr3 = take(1) << 12;
    s->rflags = take(3) | RFLAGS_FIXED;
    s->debugctl = take(1);
    for (unsigned i = 0; i < SEG_COUNT; i++)
        s->seg[i] = mode & 32 ? take_segment()
                              : (struct segment){ 8, 0xc93, 0xffffffff, 0 };
    if (!(mode & 32))
        s->seg[SEG_CS].attr = mode & 64 ? 0xa9b : 0xc9b;
    s->tr = (struct segment){ 0x28, 0x8b, 0xffff, take(2) };
    for (unsigned i = 0; i < GPR_COUNT; i++)
        s->gpr[i] = take_value();
    s->rip = 0x1000 + take(1) * 16 + 0xf;
    *w = (struct gva_walker){ &mem, (uint32_t)take(1), (uint32_t)take(1),
                              (uint8_t)(32 + take(1) % 21), mode & 128 };
}

/* Code at the place where RIP leads without paging, and eight words anywhere. */
static void take_memory(const struct vcpu_state *s)
{
    uint64_t at = (s->rip + (insn_mode_of(s) == INSN_64 ? 0 : s->seg[SEG_CS].base)) & (RAM - 16);
    for (unsigned i = 0; i < 15; i++) {
        uint8_t b = (uint8_t)take(1);
        check(gmem_write(&mem, gpa(at + (s->rip & 15) % 16 + i), &b, 1) != HV_INVALID);
    }
    for (unsigned i = 0; i < 8; i++) {
        uint64_t where = take(3) & (RAM - 8), v = take_value();
        check(gmem_write(&mem, gpa(where), &v, 8) == HV_OK);
    }
}

static void check_outcome(const struct emul_ctx *c, enum emul_status e, uint64_t rip)
{
    check(c->iterations <= (c->budget ? c->budget : 1));
    if (e != EMUL_DONE)
        check(c->s->rip == rip);
    else if (c->s->rip != rip)
        check((uint32_t)(c->s->rip - rip) == c->insn.len);
    if (e == EMUL_EXCEPTION)
        check(c->exc.vector <= VEC_AC && c->exc.vector != VEC_DB && c->exc.vector != VEC_NMI);
    if (e == EMUL_FAILED)
        check(c->failure != HV_OK && c->failure != HV_BUSY);
    check(e <= EMUL_FAILED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vcpu_state s;
    struct gva_walker w;

    if (!mem.window) {
        mem.window = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(mem.window != MAP_FAILED && gmem_add(&mem, gpa(0), RAM, &block, false) == HV_OK);
    }
    check(madvise(mem.window, RAM, MADV_DONTNEED) == 0);        /* zero again */
    in = (struct input){ data, size };
    take_state(&s, &w);
    take_memory(&s);
    mem.slot[0].readonly = take(1) == 0xff;

    struct emul_ctx c = { .s = &s, .w = &w, .ops = &ops, .budget = (uint32_t)take(1) };
    for (int i = 0; i < 3; i++) {
        uint64_t rip = s.rip;
        enum emul_status e = emul_run(&c);
        check_outcome(&c, e, rip);
        if (e != EMUL_DONE && e != EMUL_PROGRESS)
            break;
    }
    mem.slot[0].readonly = false;
    return 0;
}
