/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader of Multiboot 2 kernels (Multiboot2 Specification 2.0): ELF, or a flat image
 * described by an address tag. Called by load_kernel(). A header tag that is not marked
 * optional and asks for what a guest does not have refuses the kernel, as 3.1.3 says.
 */
#include "image_scan.h"
#include "load_priv.h"

#include "socle/bits.h"
#include "socle/bootinfo.h"
#include "socle/le.h"

enum {                          /* header tags, 3.1.4 to 3.1.13 */
    H_END = 0, H_INFO_REQUEST = 1, H_ADDRESS = 2, H_ENTRY = 3, H_CONSOLE = 4, H_FRAMEBUFFER = 5,
    H_ALIGN = 6, H_EFI_BS = 7, H_EFI_ENTRY_32 = 8, H_EFI_ENTRY_64 = 9, H_RELOCATABLE = 10,
    H_OPTIONAL = 1, H_TAGS_MAX = 256
};

enum {                          /* information tags, 3.6 */
    I_END = 0, I_CMDLINE = 1, I_LOADER = 2, I_MODULE = 3, I_BASIC_MEM = 4, I_MMAP = 6,
    I_RSDP_NEW = 15, MMAP_ENTRY_LEN = 24, RSDP_LEN = 36
};

enum { INFO_AT = LOW_CMDLINE, INFO_MAX = 40 << 10 };

/* What the header's tags say. */
struct header {
    size_t   at;                /* offset of the header in the file */
    bool     flat, has_entry;
    uint32_t header_addr, load, load_end, bss_end, entry;
};

/* What fill_info() writes. */
static bool info_offered(uint32_t type, bool rsdp)
{
    return type == I_CMDLINE || type == I_LOADER || type == I_MODULE || type == I_BASIC_MEM
        || type == I_MMAP || (type == I_RSDP_NEW && rsdp);
}

/* 3.1.4: types the kernel cannot do without. */
static hv_status read_requests(const uint8_t *t, uint32_t len, bool rsdp,
                               const struct load_error *e)
{
    for (uint32_t at = 8; len - at >= 4; at += 4)
        if (!info_offered(get_le32(t + at), rsdp))
            return load_fail(e, HV_UNSUPPORTED, "it insists on Multiboot 2 information of type %u, "
                             "which guests do not get", get_le32(t + at));
    return HV_OK;
}

static hv_status read_tag(struct header *h, const uint8_t *t, uint32_t len, bool rsdp,
                          const struct load_error *e)
{
    bool optional = get_le16(t + 2) & H_OPTIONAL;
    switch (get_le16(t)) {
    case H_INFO_REQUEST:
        return optional ? HV_OK : read_requests(t, len, rsdp, e);
    case H_ADDRESS:
        if (len < 24)
            break;
        h->flat = true;
        h->header_addr = get_le32(t + 8);
        h->load = get_le32(t + 12);
        h->load_end = get_le32(t + 16);
        h->bss_end = get_le32(t + 20);
        return HV_OK;
    case H_ENTRY:
        if (len < 12)
            break;
        h->has_entry = true;
        h->entry = get_le32(t + 8);
        return HV_OK;
    case H_CONSOLE: case H_ALIGN: case H_EFI_BS: case H_EFI_ENTRY_32: case H_EFI_ENTRY_64:
    case H_RELOCATABLE:         /* it is loaded where it was linked */
        return HV_OK;
    case H_FRAMEBUFFER:
        if (optional)
            return HV_OK;
        return load_fail(e, HV_UNSUPPORTED, "it insists on a graphics mode, which guests lack");
    default:
        if (optional)
            return HV_OK;
        return load_fail(e, HV_UNSUPPORTED, "it insists on Multiboot 2 feature %u, which this "
                         "loader does not know", get_le16(t));
    }
    return load_fail(e, HV_INVALID, "damaged: a Multiboot 2 header tag is too short");
}

/* 3.1.1 and 3.1.3: magic, length, then tags at multiples of 8 up to the end tag. */
static hv_status read_header(struct header *h, const struct load_file *f, bool rsdp,
                             const struct load_error *e)
{
    *h = (struct header){ 0 };
    if (!scan_multiboot2(f->data, f->len, &h->at))
        return load_fail(e, HV_UNSUPPORTED, "without Multiboot 2 header");
    const uint8_t *p = (const uint8_t *)f->data + h->at;
    uint32_t len = get_le32(p + 8);             /* inside the file: scan_multiboot2() */
    if (get_le32(p + 4) != 0)
        return load_fail(e, HV_UNSUPPORTED, "its Multiboot 2 header is for another processor");
    uint64_t at = 16;
    for (unsigned n = 0; n < H_TAGS_MAX && at + 8 <= len; n++) {
        uint32_t size = get_le32(p + at + 4);
        if (get_le16(p + at) == H_END)
            return HV_OK;
        if (size < 8 || size > len - at)
            break;
        hv_status s = read_tag(h, p + at, size, rsdp, e);
        if (s != HV_OK)
            return s;
        at += align_up(size, 8);
    }
    return load_fail(e, HV_INVALID, "damaged: its Multiboot 2 header has no end");
}

/* 3.1.5. load 0xffffffff: the image starts with the file; load_end 0: to the end of the file. */
static hv_status add_flat(struct load_plan *p, const struct load_request *r,
                          const struct header *h, struct load_extent *out,
                          const struct load_error *e)
{
    uint64_t load = h->load == UINT32_MAX ? h->header_addr - (uint64_t)h->at : h->load;
    if (load > h->header_addr || h->header_addr - load > h->at)
        return load_fail(e, HV_INVALID, "damaged: its Multiboot 2 header is said to be at %#x",
                         h->header_addr);
    if (!h->has_entry)
        return load_fail(e, HV_INVALID, "damaged: a flat Multiboot 2 kernel without entry");
    uint64_t from = h->at - (h->header_addr - load), room = r->kernel.len - from;
    uint64_t len = h->load_end ? h->load_end - load : room;
    if ((h->load_end && h->load_end < load) || len > room)
        return load_fail(e, HV_INVALID, "truncated: its header says %llu bytes, the file has %llu",
                         (unsigned long long)(from + len), (unsigned long long)r->kernel.len);
    uint64_t end = max_u64(load + len, h->bss_end);
    *out = (struct load_extent){ h->entry, end };
    hv_status s = p ? plan_add(p, r->layout, load, (const uint8_t *)r->kernel.data + from, len,
                               end - load - len) : HV_OK;
    return s == HV_OK ? HV_OK : plan_place_fail(r, load, end - load, s, e);
}

/* An address tag wins over ELF headers (3.1.5), an entry tag over either entry. */
static hv_status add_kernel(struct load_plan *p, const struct load_request *r, bool rsdp,
                            struct load_extent *out, const struct load_error *e)
{
    struct header h;
    hv_status s = read_header(&h, &r->kernel, rsdp, e);
    if (s != HV_OK)
        return s;
    if (h.flat)
        return add_flat(p, r, &h, out, e);
    s = plan_add_elf(p, r, out, e);
    if (s == HV_OK && h.has_entry)
        out->entry = h.entry;
    return s == HV_OK ? plan_check_entry(out, e) : s;
}

/* The information under construction. */
struct info {
    uint8_t *p;
    size_t   used;
    bool     full;
};

static uint8_t *add_tag(struct info *i, uint32_t type, size_t len)
{
    size_t whole = align_up(len, 8);
    if (i->full || len > INFO_MAX || whole > INFO_MAX - i->used) {
        i->full = true;
        return NULL;
    }
    uint8_t *t = i->p + i->used;
    put_le32(t, type);
    put_le32(t + 4, (uint32_t)len);
    i->used += whole;
    return t;
}

static void add_text(struct info *i, uint32_t type, const char *text)
{
    size_t len = strnlen(text, INFO_MAX);
    uint8_t *t = add_tag(i, type, 8 + len + 1);
    if (t)
        memcpy(t + 8, text, len);
}

/* 3.6.4 and 3.6.8 */
static void add_memory(struct info *i, const struct guest_layout *l)
{
    uint8_t *t = add_tag(i, I_BASIC_MEM, 16);
    if (t) {
        put_le32(t + 8, PLAT_EBDA >> 10);
        put_le32(t + 12, (uint32_t)((l->low_ram - MIB(1)) >> 10));
    }
    t = add_tag(i, I_MMAP, 16 + l->entries * MMAP_ENTRY_LEN);
    if (!t)
        return;
    put_le32(t + 8, MMAP_ENTRY_LEN);
    for (uint32_t k = 0; k < l->entries; k++) {
        uint8_t *to = t + 16 + k * MMAP_ENTRY_LEN;
        put_le64(to, l->entry[k].base);
        put_le64(to + 8, l->entry[k].len);
        put_le32(to + 16, l->entry[k].type);
    }
}

/* 3.6.6 */
static void add_module(struct info *i, const struct load_file *f, uint64_t at)
{
    const char *string = f->string ? f->string : f->name;
    size_t len = strnlen(string, INFO_MAX);
    uint8_t *t = add_tag(i, I_MODULE, 16 + len + 1);
    if (!t)
        return;
    put_le32(t + 8, (uint32_t)at);
    put_le32(t + 12, (uint32_t)(at + f->len));
    memcpy(t + 16, string, len);
}

/* 3.6: total size, reserved, tags. Strings decide whether it all fits. */
static hv_status fill_info(struct load_plan *p, const struct load_request *r, struct info *i,
                           const struct load_extent *k, const struct load_error *e)
{
    uint64_t at[LOAD_FILES_MAX];
    hv_status s = plan_add_modules(p, r, max_u64(k->end, MIB(1)), at, e);
    if (s != HV_OK)
        return s;
    add_text(i, I_CMDLINE, r->cmdline ? r->cmdline : "");
    add_text(i, I_LOADER, "Socle");
    for (uint32_t n = 0; n < r->files; n++)
        add_module(i, &r->file[n], at[n]);
    add_memory(i, r->layout);
    uint8_t *t = r->rsdp_copy ? add_tag(i, I_RSDP_NEW, 8 + RSDP_LEN) : NULL;
    if (t)
        memcpy(t + 8, r->rsdp_copy, RSDP_LEN);
    add_tag(i, I_END, 8);
    if (i->full)
        return load_fail(e, HV_RANGE, "the command line and the modules' strings are too long");
    put_le32(i->p, (uint32_t)i->used);
    return plan_add(p, r->layout, INFO_AT, i->p, i->used, 0);
}

hv_status load_multiboot2(struct load_plan *p, const struct load_request *r, char *error,
                          size_t error_len)
{
    const struct load_error e = { r->kernel.name, error, error_len };
    struct load_extent k;
    plan_init(p, IMAGE_MULTIBOOT2, "Multiboot 2");
    struct info i = { plan_room(p, INFO_MAX), 8, false };
    if (!i.p)
        return load_fail(&e, HV_NOMEM, "no room for its start information");
    hv_status s = add_kernel(p, r, r->rsdp_copy != NULL, &k, &e);
    if (s == HV_OK)
        s = fill_info(p, r, &i, &k, &e);
    if (s != HV_OK)
        return s;
    s = plan_enter_32(p, r->layout, k.entry);
    if (s != HV_OK)
        return load_fail(&e, s, "its start information cannot be placed: %s", hv_status_text(s));
    p->entry.gpr[GPR_RAX] = BOOT_MAGIC_MB2;
    p->entry.gpr[GPR_RBX] = INFO_AT;
    return HV_OK;
}

hv_status load_multiboot2_check(const struct load_file *f, const struct load_error *e)
{
    const struct load_request r = { .kernel = *f };
    struct load_extent k;
    return add_kernel(NULL, &r, true, &k, e);
}
