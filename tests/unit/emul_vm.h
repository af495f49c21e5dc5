/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small machine for the emulator's tests: 8 MiB of RAM, a device at MMIO that records
 * every access, ports that record and count, and vCPU states for each mode. Code is
 * placed at CODE, data of the tests at DATA.
 */
#ifndef EMUL_VM_H
#define EMUL_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fake/fake_env.h"
#include "socle/bits.h"
#include "socle/emul.h"

#define CODE    0x1000u
#define DATA    0x2000u
#define STACK   0x4000u
#define TABLES  0x100000ull         /* page tables of paging() */
#define MMIO    0xd0000000ull
enum { MMIO_SIZE = 0x2000, LOG = 64 };

struct event {                      /* one access to the device or to a port */
    bool     write, port;
    uint64_t at, value;
    unsigned size, count;
};

struct vm {
    struct fake_env  *f;
    struct gva_walker w;
    struct vcpu_state s;
    struct emul_ctx   c;
    uint8_t           device[MMIO_SIZE];
    struct event      log[LOG];
    unsigned          events;
    uint8_t           next_in;      /* ports give bytes counting up from here */
    uint32_t          io_limit;     /* most elements the port takes at once */
    hv_status         io_status, read_status, write_status;
    unsigned          ram_reads, ram_writes;
    void            (*on_read)(struct vm *vm, uint64_t at);     /* another vCPU's chance */
    uint8_t           xmm[16][16];
};

static inline void vm_log(struct vm *vm, struct event e)
{
    assert_true(vm->events < LOG);
    vm->log[vm->events++] = e;
}

static inline hv_status vm_read(void *ctx, gpa_t at, void *buf, unsigned size)
{
    struct vm *vm = ctx;
    uint64_t v = 0;
    assert_true(size == 1 || size == 2 || size == 4 || size == 8);
    assert_true((at.v & (PAGE_SIZE - 1)) + size <= PAGE_SIZE);
    if (vm->read_status)
        return vm->read_status;
    if (range_inside(at.v, size, MMIO, MMIO_SIZE)) {
        memcpy(buf, vm->device + (at.v - MMIO), size);
        memcpy(&v, buf, size);
        vm_log(vm, (struct event){ false, false, at.v, v, size, 1 });
    } else if (gmem_read(&vm->f->mem, at, buf, size) == HV_OK) {
        vm->ram_reads++;
    } else {
        memset(buf, 0xff, size);
    }
    if (vm->on_read)
        vm->on_read(vm, at.v);
    return HV_OK;
}

static inline hv_status vm_write(void *ctx, gpa_t at, const void *buf, unsigned size)
{
    struct vm *vm = ctx;
    uint64_t v = 0;
    assert_true(size == 1 || size == 2 || size == 4 || size == 8);
    assert_true((at.v & (PAGE_SIZE - 1)) + size <= PAGE_SIZE);
    if (vm->write_status)
        return vm->write_status;
    memcpy(&v, buf, size);
    if (range_inside(at.v, size, MMIO, MMIO_SIZE)) {
        memcpy(vm->device + (at.v - MMIO), buf, size);
        vm_log(vm, (struct event){ true, false, at.v, v, size, 1 });
    } else if (gmem_write(&vm->f->mem, at, buf, size) == HV_OK) {
        vm->ram_writes++;
    }
    return HV_OK;
}

static inline bool vm_is_ram(void *ctx, gpa_t at, size_t n)
{
    struct vm *vm = ctx;
    return gmem_contains(&vm->f->mem, at, n);
}

static inline hv_status vm_io(void *ctx, uint16_t port, bool write, unsigned size, void *buf,
                              uint32_t *count)
{
    struct vm *vm = ctx;
    uint8_t *bytes = buf;
    uint64_t v = 0;
    if (vm->io_status)
        return vm->io_status;
    *count = vm->io_limit && *count > vm->io_limit ? vm->io_limit : *count;
    if (!write)
        for (unsigned i = 0; i < *count * size; i++)
            bytes[i] = vm->next_in++;
    memcpy(&v, bytes, size);
    vm_log(vm, (struct event){ write, true, port, v, size, *count });
    return HV_OK;
}

static inline void vm_vec_get(void *ctx, unsigned n, uint8_t v[16])
{
    memcpy(v, ((struct vm *)ctx)->xmm[n], 16);
}

static inline void vm_vec_set(void *ctx, unsigned n, const uint8_t v[16])
{
    memcpy(((struct vm *)ctx)->xmm[n], v, 16);
}

static const struct emul_ops vm_ops = {
    vm_read, vm_write, vm_is_ram, vm_io, vm_vec_get, vm_vec_set
};

/* ---- modes ------------------------------------------------------------------------- */

static inline struct segment vm_segment(uint16_t sel, uint16_t attr, uint32_t limit, uint64_t base)
{
    return (struct segment){ sel, attr, limit, base };
}

enum { ATTR_DATA = 0x93, ATTR_CODE = 0x9b, ATTR_USER = SEG_DPL };

/* Segments with base 0 and the given limit; `db` is SEG_DB or 0. */
static inline void vm_flat(struct vm *vm, uint32_t limit, uint16_t db)
{
    for (int i = 0; i < SEG_COUNT; i++)
        vm->s.seg[i] = vm_segment(0x10, (uint16_t)(ATTR_DATA | db), limit, 0);
    vm->s.seg[SEG_CS] = vm_segment(0x8, (uint16_t)(ATTR_CODE | db), limit, 0);
}

static inline void vm_real(struct vm *vm)
{
    vm->s.cr0 = 0;
    vm_flat(vm, 0xffff, 0);
}

static inline void vm_32(struct vm *vm)
{
    vm->s.cr0 = CR0_PE;
    vm_flat(vm, 0xffffffff, SEG_DB);
}

/* Long mode; paging() makes it complete where a test needs pages. */
static inline void vm_64(struct vm *vm)
{
    vm_32(vm);
    vm->s.efer = EFER_LME | EFER_LMA | EFER_NXE;
    vm->s.cr4 = CR4_PAE | CR4_OSFXSR;
    vm->s.seg[SEG_CS].attr = ATTR_CODE | SEG_L;
}

static inline void vm_put(struct vm *vm, uint64_t at, uint64_t v, unsigned size)
{
    assert_int_equal(gmem_write(&vm->f->mem, gpa(at), &v, size), HV_OK);
}

static inline uint64_t vm_get(struct vm *vm, uint64_t at, unsigned size)
{
    uint64_t v = 0;
    assert_int_equal(gmem_read(&vm->f->mem, gpa(at), &v, size), HV_OK);
    return v;
}

/* The leaf entry of 4-level paging for the page at `linear` (below 2 MiB). */
static inline uint64_t vm_pte_at(uint64_t linear) { return TABLES + 0x3000 + (linear >> 12) * 8; }

/* Identity: 4 KiB pages below 2 MiB, a 1 GiB page over the device. All user, writable. */
static inline void vm_paging(struct vm *vm)
{
    vm_put(vm, TABLES, (TABLES + 0x1000) | 7, 8);
    vm_put(vm, TABLES + 0x1000, (TABLES + 0x2000) | 7, 8);
    vm_put(vm, TABLES + 0x1000 + 3 * 8, 0xc0000000 | 0x87, 8);
    vm_put(vm, TABLES + 0x2000, (TABLES + 0x3000) | 7, 8);
    for (uint64_t page = 0; page < 512; page++)
        vm_put(vm, vm_pte_at(page << 12), page << 12 | 7, 8);
    vm->s.cr0 |= CR0_PG | CR0_WP;
    vm->s.cr3 = TABLES;
}

/* ---- running ------------------------------------------------------------------------- */

static inline unsigned vm_code(struct vm *vm, const char *hex)
{
    unsigned v, n = 0;
    int used;
    for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
        vm_put(vm, vm->s.seg[SEG_CS].base + CODE + n++, v, 1);
    return n;
}

/* Runs the bytes at CODE once; checks RIP by the outcome. */
static inline enum emul_status vm_run(struct vm *vm, const char *hex)
{
    unsigned n = vm_code(vm, hex);
    vm->s.rip = CODE;
    vm->events = vm->ram_reads = vm->ram_writes = 0;
    enum emul_status e = emul_run(&vm->c);
    bool stays = e != EMUL_DONE || (vm->c.step_trap && vm->c.insn.rep);
    if (!stays)
        assert_int_equal(vm->s.rip, CODE + n);
    else if (e != EMUL_DONE)
        assert_int_equal(vm->s.rip, CODE);
    return e;
}

static inline void vm_done(struct vm *vm, const char *hex)
{
    enum emul_status e = vm_run(vm, hex);
    if (e != EMUL_DONE)
        fail_msg("%s: status %d, vector %u error %x", hex, e, vm->c.exc.vector, vm->c.exc.error);
}

/* The instruction faults, and nothing was written anywhere. */
static inline void vm_fault(struct vm *vm, const char *hex, unsigned vector, uint32_t error)
{
    struct vcpu_state before = vm->s;
    before.rip = CODE;
    enum emul_status e = vm_run(vm, hex);
    if (e != EMUL_EXCEPTION || vm->c.exc.vector != vector || vm->c.exc.error != error)
        fail_msg("%s: status %d, vector %u error %x", hex, e, vm->c.exc.vector, vm->c.exc.error);
    assert_memory_equal(&before, &vm->s, sizeof(before));
    for (unsigned i = 0; i < vm->events; i++)
        assert_false(vm->log[i].write);
    assert_int_equal(vm->ram_writes, 0);
}

static inline void vm_event(struct vm *vm, unsigned i, bool write, uint64_t at, unsigned size,
                            uint64_t value)
{
    assert_true(i < vm->events);
    assert_int_equal(vm->log[i].write, write);
    assert_int_equal(vm->log[i].at, at);
    assert_int_equal(vm->log[i].size, size);
    assert_int_equal(vm->log[i].value, value);
}

static inline int vm_setup(void **state)
{
    struct vm *vm = test_calloc(1, sizeof(*vm));
    vm->f = fake_env_new();
    vm->w = (struct gva_walker){ .mem = &vm->f->mem, .phys_bits = 40, .gib_pages = true };
    vm->s.rflags = RFLAGS_FIXED;
    vm->s.gpr[GPR_RSP] = STACK;
    vm->c = (struct emul_ctx){ .s = &vm->s, .w = &vm->w, .ops = &vm_ops, .ops_ctx = vm,
                               .budget = 1000 };
    *state = vm;
    return 0;
}

static inline int vm_teardown(void **state)
{
    struct vm *vm = *state;
    fake_env_free(vm->f);
    test_free(vm);
    return 0;
}

#endif
