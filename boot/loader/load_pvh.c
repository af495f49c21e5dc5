/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader of ELF kernels with a PVH entry: Linux's vmlinux, FreeBSD, NetBSD, unikernels.
 * The entry and hvm_start_info are those of Xen's x86/HVM direct boot ABI
 * (docs/misc/pvh.pandoc, include/public/arch-x86/hvm/start_info.h). Called by
 * load_kernel(). Initrds become one module, as Linux expects.
 */
#include "image_scan.h"
#include "load_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

enum {                          /* inside the page at LOW_INFO */
    S_MODULES = 0x100, S_MEMMAP = 0xa00, S_END = 0x1000, START_INFO_LEN = 56, MODULE_LEN = 32,
    MEMMAP_LEN = 24, START_INFO_VERSION = 1
};
#define START_INFO_MAGIC 0x336ec578u

_Static_assert(S_MODULES + LOAD_FILES_MAX * MODULE_LEN <= S_MEMMAP, "module list");
_Static_assert(S_MEMMAP + GUEST_E820_MAX * MEMMAP_LEN <= S_END, "memory map");

/* hvm_modlist_entry; the list grows by one. */
static void put_module(uint8_t *info, uint32_t i, uint64_t at, uint64_t len, uint64_t string)
{
    uint8_t *m = info + S_MODULES + i * MODULE_LEN;
    put_le64(m, at);
    put_le64(m + 8, len);
    put_le64(m + 16, string);
    put_le32(info + 12, i + 1);
    put_le64(info + 16, LOW_INFO + S_MODULES);
}

static hv_status add_modules(struct load_plan *p, const struct load_request *r,
                             const struct load_extent *k, uint8_t *info,
                             const struct load_error *e)
{
    uint64_t at, len;
    hv_status s = plan_add_initrds(p, r, k->end, PLAT_HOLE_START, &at, &len, e);
    if (s == HV_OK && len)
        put_module(info, 0, at, len, 0);
    return s;
}

/* hvm_start_info, and hvm_memmap_table_entry with E820's own type numbers. */
static void fill_start_info(uint8_t *info, const struct load_request *r)
{
    const struct guest_layout *l = r->layout;
    put_le32(info, START_INFO_MAGIC);
    put_le32(info + 4, START_INFO_VERSION);
    put_le64(info + 24, LOW_CMDLINE);
    put_le64(info + 32, r->rsdp.v);
    put_le64(info + 40, LOW_INFO + S_MEMMAP);
    put_le32(info + 48, l->entries);
    for (uint32_t i = 0; i < l->entries; i++) {
        uint8_t *to = info + S_MEMMAP + i * MEMMAP_LEN;
        put_le64(to, l->entry[i].base);
        put_le64(to + 8, l->entry[i].len);
        put_le32(to + 16, l->entry[i].type);
    }
}

static hv_status add_small_parts(struct load_plan *p, const struct load_request *r, uint8_t *info,
                                 uint32_t entry, const struct load_error *e)
{
    const char *text = r->cmdline ? r->cmdline : "";
    size_t len = strnlen(text, LOAD_CMDLINE_MAX + 1);
    if (len > LOAD_CMDLINE_MAX)
        return load_fail(e, HV_RANGE, "the command line is longer than %u characters",
                         (unsigned)LOAD_CMDLINE_MAX);
    hv_status s = plan_add_blob(p, r->layout, LOW_CMDLINE, text, len + 1);
    if (s == HV_OK)
        s = plan_add(p, r->layout, LOW_INFO, info, S_END, 0);
    if (s == HV_OK)
        s = plan_enter_32(p, r->layout, entry);
    if (s != HV_OK)
        return load_fail(e, s, "its start information cannot be placed: %s", hv_status_text(s));
    p->entry.gpr[GPR_RBX] = LOW_INFO;
    return HV_OK;
}

hv_status load_pvh(struct load_plan *p, const struct load_request *r, char *error,
                   size_t error_len)
{
    const struct load_error e = { r->kernel.name, error, error_len };
    struct load_extent k;
    uint32_t entry;
    if (!scan_pvh_note(r->kernel.data, r->kernel.len, &entry))
        return load_fail(&e, HV_UNSUPPORTED, "an ELF file without PVH note");
    plan_init(p, IMAGE_PVH, "PVH");
    uint8_t *info = plan_room(p, S_END);
    if (!info)
        return load_fail(&e, HV_NOMEM, "no room for its start information");
    hv_status s = plan_add_elf(p, r, &k, &e);
    if (s != HV_OK)
        return s;
    /* Not an attack on us, but a guest that dies without a word: say it here. */
    if (entry >= PLAT_HOLE_START || entry >= k.end)
        return load_fail(&e, HV_INVALID, "damaged: its PVH entry %#x is outside of it", entry);
    fill_start_info(info, r);
    s = add_modules(p, r, &k, info, &e);
    if (s == HV_OK)
        s = add_small_parts(p, r, info, entry, &e);
    return s;
}

hv_status load_pvh_check(const struct load_file *f, const struct load_error *e)
{
    const struct load_request r = { .kernel = *f };
    struct load_extent k;
    return plan_add_elf(NULL, &r, &k, e);
}
