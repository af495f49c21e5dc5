/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader of Multiboot 1 kernels (Multiboot Specification 0.6.96): ELF, or a flat image
 * described by the header's address fields. Called by load_kernel(). Command line and
 * module strings begin with the file name, as the specification's loaders pass them.
 */
#include "image_scan.h"
#include "load_priv.h"

#include "socle/bits.h"
#include "socle/bootinfo.h"
#include "socle/le.h"

enum {                          /* header flags, 3.1.2; the low half must be understood */
    WANT_ALIGN = BIT(0), WANT_MEMORY = BIT(1), WANT_VIDEO = BIT(2), HAS_ADDRESSES = BIT(16)
};

enum {                          /* information, 3.3: flags, and places inside the page */
    I_MEM = BIT(0), I_CMDLINE = BIT(2), I_MODULES = BIT(3), I_MMAP = BIT(6), I_LOADER = BIT(9),
    P_MMAP = 0x100, P_MODULES = 0x400, P_LOADER = 0x900, P_END = 0x1000,
    MMAP_LEN = 24, MODULE_LEN = 16
};

_Static_assert(P_MMAP + GUEST_E820_MAX * MMAP_LEN <= P_MODULES, "memory map");
_Static_assert(P_MODULES + LOAD_FILES_MAX * MODULE_LEN <= P_LOADER, "module list");

/* 3.1.3: addresses relative to where the header itself is said to be. Without plan: check only. */
static hv_status add_flat(struct load_plan *p, const struct load_request *r, size_t at,
                          struct load_extent *out, const struct load_error *e)
{
    const uint8_t *h = (const uint8_t *)r->kernel.data + at;
    uint32_t header = get_le32(h + 12), load = get_le32(h + 16), load_end = get_le32(h + 20);
    uint32_t bss_end = get_le32(h + 24);
    if (header < load || header - load > at)
        return load_fail(e, HV_INVALID, "damaged: its Multiboot header is said to be at %#x",
                         header);
    uint64_t from = at - (header - load), room = r->kernel.len - from;
    uint64_t len = load_end ? (uint64_t)load_end - load : room;
    if ((load_end && load_end < load) || len > room)
        return load_fail(e, HV_INVALID, "truncated: its header says %llu bytes, the file has %llu",
                         (unsigned long long)(from + len), (unsigned long long)r->kernel.len);
    uint64_t end = load + len;
    if (bss_end > end)
        end = bss_end;
    *out = (struct load_extent){ get_le32(h + 28), end };
    hv_status s = p ? plan_add(p, r->layout, load, (const uint8_t *)r->kernel.data + from, len,
                               end - load - len) : HV_OK;
    return s == HV_OK ? HV_OK : plan_place_fail(r, load, end - load, s, e);
}

/* The address fields win over ELF headers, as the specification says (3.1.2, bit 16). */
static hv_status add_kernel(struct load_plan *p, const struct load_request *r,
                            struct load_extent *out, const struct load_error *e)
{
    size_t at;
    if (!scan_multiboot1(r->kernel.data, r->kernel.len, &at))
        return load_fail(e, HV_UNSUPPORTED, "without Multiboot header");
    uint32_t flags = get_le32((const uint8_t *)r->kernel.data + at + 4);
    uint32_t unknown = flags & 0xffff & ~(uint32_t)(WANT_ALIGN | WANT_MEMORY | WANT_VIDEO);
    if (unknown)
        return load_fail(e, HV_UNSUPPORTED, "its Multiboot header wants features this loader does "
                         "not know (flags %#x)", unknown);
    hv_status s = flags & HAS_ADDRESSES ? add_flat(p, r, at, out, e) : plan_add_elf(p, r, out, e);
    return s == HV_OK ? plan_check_entry(out, e) : s;
}

/* Strings go one after the other behind LOW_CMDLINE; `at` moves on. */
struct strings {
    struct load_plan *p;
    const struct guest_layout *l;
    uint64_t at;
};

/* "first rest" as one string; its address, 0 when there is no room. */
static uint32_t add_string(struct strings *t, const char *first, const char *rest)
{
    size_t a = strnlen(first, LOAD_CMDLINE_MAX + 1), b = strnlen(rest, LOAD_CMDLINE_MAX + 1);
    size_t len = a + (b ? 1 + b : 0);
    char *to = len <= LOAD_CMDLINE_MAX ? plan_room(t->p, len + 1) : NULL;
    if (!to)
        return 0;
    memcpy(to, first, a);
    if (b) {
        to[a] = ' ';
        memcpy(to + a + 1, rest, b);
    }
    uint64_t at = t->at;
    t->at += len + 1;
    return plan_add(t->p, t->l, at, to, len + 1, 0) == HV_OK ? (uint32_t)at : 0;
}

/* The old pair of sizes, and the map: kernels use either. */
static void fill_memory(uint8_t *info, const struct guest_layout *l)
{
    put_le32(info + 4, PLAT_EBDA >> 10);
    put_le32(info + 8, (uint32_t)((l->low_ram - MIB(1)) >> 10));
    put_le32(info + 44, l->entries * MMAP_LEN);
    put_le32(info + 48, LOW_INFO + P_MMAP);
    for (uint32_t i = 0; i < l->entries; i++) {
        uint8_t *to = info + P_MMAP + i * MMAP_LEN;
        put_le32(to, MMAP_LEN - 4);
        put_le64(to + 4, l->entry[i].base);
        put_le64(to + 12, l->entry[i].len);
        put_le32(to + 20, l->entry[i].type);
    }
}

/* 3.3, mods_addr: start, end, string, zero. */
static hv_status add_modules(struct strings *t, const struct load_request *r,
                             const struct load_extent *k, uint8_t *info,
                             const struct load_error *e)
{
    uint64_t at[LOAD_FILES_MAX];
    hv_status s = plan_add_modules(t->p, r, max_u64(k->end, MIB(1)), at, e);
    for (uint32_t i = 0; s == HV_OK && i < r->files; i++) {
        const struct load_file *f = &r->file[i];
        uint8_t *m = info + P_MODULES + i * MODULE_LEN;
        uint32_t string = add_string(t, f->string ? f->string : f->name, "");
        if (!string)
            return load_fail(e, HV_RANGE, "its modules' strings are too long");
        put_le32(m, (uint32_t)at[i]);
        put_le32(m + 4, (uint32_t)(at[i] + f->len));
        put_le32(m + 8, string);
    }
    put_le32(info + 20, r->files);
    put_le32(info + 24, LOW_INFO + P_MODULES);
    return s;
}

hv_status load_multiboot1(struct load_plan *p, const struct load_request *r, char *error,
                          size_t error_len)
{
    static const char loader[] = "Socle";
    const struct load_error e = { r->kernel.name, error, error_len };
    struct strings strings = { p, r->layout, LOW_CMDLINE };
    struct load_extent k;
    plan_init(p, IMAGE_MULTIBOOT1, "Multiboot 1");
    uint8_t *info = plan_room(p, P_END);
    if (!info)
        return load_fail(&e, HV_NOMEM, "no room for its start information");
    hv_status s = add_kernel(p, r, &k, &e);
    if (s != HV_OK)
        return s;
    uint32_t cmdline = add_string(&strings, r->kernel.name, r->cmdline ? r->cmdline : "");
    if (!cmdline)
        return load_fail(&e, HV_RANGE, "the command line is too long");
    s = add_modules(&strings, r, &k, info, &e);
    if (s != HV_OK)
        return s;
    put_le32(info, I_MEM | I_CMDLINE | I_MODULES | I_MMAP | I_LOADER);
    put_le32(info + 16, cmdline);
    put_le32(info + 64, LOW_INFO + P_LOADER);
    memcpy(info + P_LOADER, loader, sizeof(loader));
    fill_memory(info, r->layout);
    s = plan_add(p, r->layout, LOW_INFO, info, P_END, 0);
    if (s == HV_OK)
        s = plan_enter_32(p, r->layout, k.entry);
    if (s != HV_OK)
        return load_fail(&e, s, "its start information cannot be placed: %s", hv_status_text(s));
    p->entry.gpr[GPR_RAX] = BOOT_MAGIC_MB1;
    p->entry.gpr[GPR_RBX] = LOW_INFO;
    return HV_OK;
}

hv_status load_multiboot1_check(const struct load_file *f, const struct load_error *e)
{
    const struct load_request r = { .kernel = *f };
    struct load_extent k;
    return add_kernel(NULL, &r, &k, e);
}
