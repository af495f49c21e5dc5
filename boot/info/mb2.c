/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader of Multiboot2 boot information (Multiboot2 Specification 2.0, section 3.6),
 * the list of tags GRUB leaves in memory. Called once by the start-up code, before the
 * memory allocator exists; copies everything out. Looks at no tag it has no use for.
 */
#include "socle/bootinfo.h"

#include "bootinfo_priv.h"
#include "socle/bits.h"
#include "socle/le.h"
#include "socle/log.h"

enum mb2_tag {
    TAG_END = 0, TAG_CMDLINE = 1, TAG_LOADER = 2, TAG_MODULE = 3, TAG_BASIC_MEM = 4, TAG_MMAP = 6,
    TAG_FRAMEBUFFER = 8, TAG_EFI32 = 11, TAG_EFI64 = 12, TAG_RSDP_OLD = 14, TAG_RSDP_NEW = 15,
    TAG_EFI_MMAP = 17, TAG_EFI_BS = 18, TAG_LOAD_BASE = 21
};

enum { HEADER_LEN = 8, TAG_LEN = 8, TAGS_MAX = 4096, MMAP_ENTRY_LEN = 24, EFI_DESC_LEN = 40 };

/* One tag: `p` are its first byte and `len` its size, both including the header. */
struct tag {
    uint32_t type, len;
    const uint8_t *p;
};

struct reader {
    struct boot_info *bi;
    struct tag efi_mmap, basic_mem;     /* kept for a machine without a usable memory map */
};

/* 3.6.6: start, end, string. The string may be empty; the tag then ends behind its NUL. */
static void read_module(struct boot_info *bi, const struct tag *t)
{
    if (t->len < 16)
        bi_drop(bi, "a short module tag");
    else
        bi_add_module(bi, get_le32(t->p + 8), get_le32(t->p + 12), (const char *)t->p + 16,
                      t->len - 16);
}

/* 3.6.8. The entry size may grow in later versions of the specification. */
static void read_mmap(struct boot_info *bi, const struct tag *t)
{
    uint32_t size = t->len >= 16 ? get_le32(t->p + 8) : 0;
    if (size < MMAP_ENTRY_LEN) {
        bi_drop(bi, "a memory map whose entries are too small");
        return;
    }
    for (uint32_t at = 16; t->len - at >= size; at += size)
        bi_add_mem(bi, get_le64(t->p + at), get_le64(t->p + at + 8), get_le32(t->p + at + 16));
}

/* UEFI 2.10, 7.2.3: what each memory type is once boot services are gone. */
static uint32_t efi_mem_type(uint32_t type)
{
    switch (type) {
    case 1: case 2: case 3: case 4: case 7:     /* loader, boot services, conventional */
        return BOOT_MEM_RAM;
    case 8:
        return BOOT_MEM_BAD;
    case 9:
        return BOOT_MEM_ACPI;
    case 10:
        return BOOT_MEM_NVS;
    default:
        return BOOT_MEM_RESERVED;
    }
}

/* 3.6.18. Firmware may use longer descriptors than the one we know, hence the stride. */
static void read_efi_mmap(struct boot_info *bi, const struct tag *t)
{
    uint32_t size = t->len >= 16 ? get_le32(t->p + 8) : 0;
    if (size < EFI_DESC_LEN) {
        bi_drop(bi, "an EFI memory map whose entries are too small");
        return;
    }
    for (uint32_t at = 16; t->len - at >= size; at += size) {
        const uint8_t *d = t->p + at;
        uint64_t pages = get_le64(d + 24);
        if (pages > UINT64_MAX >> PAGE_SHIFT)
            bi_drop(bi, "a memory range that wraps around");
        else
            bi_add_mem(bi, get_le64(d + 8), pages << PAGE_SHIFT, efi_mem_type(get_le32(d)));
    }
}

/* 3.6.12, with the 16-bit reserved field that loaders write. */
static void read_framebuffer(struct boot_info *bi, const struct tag *t)
{
    if (t->len < 32) {
        bi_drop(bi, "a short framebuffer tag");
        return;
    }
    struct boot_framebuffer fb = {
        .addr = hpa(get_le64(t->p + 8)), .pitch = get_le32(t->p + 16),
        .width = get_le32(t->p + 20), .height = get_le32(t->p + 24), .bpp = t->p[28],
    };
    bi_set_framebuffer(bi, &fb, t->p[29], t->len >= 38 ? t->p + 32 : NULL);
}

/* 3.6.16, 3.6.17: the tag holds a copy of the RSDP itself. The new form wins. */
static void read_rsdp(struct boot_info *bi, const struct tag *t)
{
    uint32_t len = t->len - TAG_LEN;
    if (t->type == TAG_RSDP_OLD && bi->rsdp_len)
        return;
    if (len < 20) {
        bi_drop(bi, "a short ACPI tag");
        return;
    }
    bi->rsdp_len = (uint32_t)min_u64(len, BOOT_RSDP_MAX);
    memcpy(bi->rsdp, t->p + TAG_LEN, bi->rsdp_len);
}

/* 3.6.9, 3.6.10: on 32-bit firmware the pointer is short. */
static void read_efi_table(struct boot_info *bi, const struct tag *t)
{
    bool wide = t->type == TAG_EFI64;
    if (t->len < (wide ? 16u : 12u)) {
        bi_drop(bi, "a short EFI tag");
        return;
    }
    bi->efi_64bit = wide;
    bi->efi_system_table = wide ? get_le64(t->p + 8) : get_le32(t->p + 8);
}

/* 3.6.22: only loaders that moved us say so. */
static void read_load_base(struct boot_info *bi, const struct tag *t)
{
    bi->load_base_valid = t->len >= 12;
    if (bi->load_base_valid)
        bi->load_base = hpa(get_le32(t->p + 8));
}

static void read_tag(struct reader *r, const struct tag *t)
{
    struct boot_info *bi = r->bi;
    const char *text = (const char *)t->p + TAG_LEN;
    switch (t->type) {
    case TAG_CMDLINE:     bi->cmdline = bi_text(bi, text, t->len - TAG_LEN); break;
    case TAG_LOADER:      bi->loader = bi_text(bi, text, t->len - TAG_LEN); break;
    case TAG_MODULE:      read_module(bi, t); break;
    case TAG_BASIC_MEM:   r->basic_mem = *t; break;
    case TAG_MMAP:        read_mmap(bi, t); break;
    case TAG_FRAMEBUFFER: read_framebuffer(bi, t); break;
    case TAG_EFI32:
    case TAG_EFI64:       read_efi_table(bi, t); break;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:    read_rsdp(bi, t); break;
    case TAG_EFI_MMAP:    r->efi_mmap = *t; bi->efi_mmap = true; break;
    case TAG_EFI_BS:      bi->efi_boot_services = true; break;
    case TAG_LOAD_BASE:   read_load_base(bi, t); break;
    default:              break;
    }
}

/* Tags start at multiples of 8; one that lies about its size ends the list (3.6.1). */
static void read_tags(struct reader *r, const uint8_t *p, uint32_t total)
{
    uint64_t at = HEADER_LEN;
    for (unsigned n = 0; n < TAGS_MAX && total - at >= TAG_LEN; n++) {
        struct tag t = { get_le32(p + at), get_le32(p + at + 4), p + at };
        if (t.type == TAG_END)
            return;
        if (t.len < TAG_LEN || t.len > total - at) {
            bi_drop(r->bi, "a tag that reaches past the end");
            return;
        }
        read_tag(r, &t);
        at += align_up(t.len, 8);
        if (at > total)
            break;
    }
    bi_drop(r->bi, "no end tag");
}

hv_status boot_info_parse_mb2(struct boot_info *bi, const void *info, size_t limit, hpa_t at)
{
    bi_reset(bi, 2);
    uint32_t total = limit >= HEADER_LEN ? get_le32(info) : 0;
    if (total < HEADER_LEN || total > limit) {
        log_error("boot information: the loader's list says %u bytes, %zu are readable", total,
                  limit);
        bi->protocol = 0;
        return HV_INVALID;
    }
    bi->info_start = at.v;
    bi->info_len = total;
    struct reader r = { .bi = bi };
    /* Whatever could be read is kept: a machine that starts can tell what was wrong. */
    read_tags(&r, info, total);
    /* From best to worst; GRUB gives the first on every machine, other loaders may not. */
    if (bi->mems == 0 && r.efi_mmap.p)
        read_efi_mmap(bi, &r.efi_mmap);
    if (bi->mems == 0 && r.basic_mem.len >= 16)
        bi_add_basic_mem(bi, get_le32(r.basic_mem.p + 8), get_le32(r.basic_mem.p + 12));
    return HV_OK;
}
