/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries out a load plan in pieces: kernel, initrds, boot parameters, ACPI tables. */
#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/hostmem.h"
#include "socle/vm.h"

enum { PIECE = 256 << 10 };

static struct load_file file_of(const struct vm_file *f)
{
    return (struct load_file){ .name = f->name, .data = f->data, .len = f->len };
}

static hv_status make_plan(struct vm *vm, const struct guest_tables *tables)
{
    struct load_file initrd[VM_FILES];
    for (uint32_t i = 0; i < vm->cfg->initrds; i++)
        initrd[i] = file_of(&vm->initrd[i]);
    uint8_t seed[32];
    host_random(seed, sizeof(seed));
    struct load_request r = {
        .kernel = file_of(&vm->kernel), .file = initrd, .files = vm->cfg->initrds,
        .cmdline = vm->cfg->cmdline.text, .layout = &vm->layout, .rsdp = tables->rsdp,
        .rsdp_copy = vm->bios + (tables->rsdp.v - PLAT_BIOS_BASE),
        .seed = seed, .seed_len = sizeof(seed), .cpu_64bit = true,
    };
    return load_kernel(vm->plan, &r, vm->why, sizeof(vm->why));
}

hv_status vm_load_prepare(struct vm *vm)
{
    struct guest_tables tables;
    vm->load_segment = 0;
    vm->load_offset = 0;
    vm->plan = host_object(sizeof(*vm->plan));
    vm->bios = host_object(PLAT_BIOS_SIZE);
    hv_status s = vm->plan && vm->bios ? guest_tables_build(&vm->machine, vm->bios, &tables) : HV_NOMEM;
    if (s == HV_NOMEM)
        fmt(vm->why, sizeof(vm->why), "out of memory");
    if (!s)
        s = make_plan(vm, &tables);
    if (s)
        vm_load_drop(vm);
    return s;
}

void vm_load_drop(struct vm *vm)
{
    if (vm->plan)
        host_object_free(vm->plan, sizeof(*vm->plan));
    if (vm->bios)
        host_object_free(vm->bios, PLAT_BIOS_SIZE);
    vm->plan = NULL;
    vm->bios = NULL;
}

/* The plan was checked against this very layout, so a refused copy is our own mistake. */
static void copy(struct vm *vm, uint64_t to, const uint8_t *from, uint64_t n)
{
    hv_status s = from ? gmem_write(&vm->mem, gpa(to), from, n) : gmem_fill(&vm->mem, gpa(to), 0, n);
    hv_assert(s == HV_OK);
}

bool vm_load_step(struct vm *vm)
{
    if (vm->load_segment == vm->plan->segments) {
        copy(vm, PLAT_BIOS_BASE, vm->bios, PLAT_BIOS_SIZE);
        return false;
    }
    const struct load_segment *s = &vm->plan->segment[vm->load_segment];
    uint64_t off = vm->load_offset;
    if (off < s->len) {
        uint64_t n = min_u64(PIECE, s->len - off);
        copy(vm, s->gpa.v + off, s->data + off, n);
        vm->load_offset += n;
    } else if (off < s->len + s->zero) {
        uint64_t n = min_u64(PIECE, s->len + s->zero - off);
        copy(vm, s->gpa.v + off, NULL, n);
        vm->load_offset += n;
    } else {
        vm->load_segment++;
        vm->load_offset = 0;
    }
    return true;
}
