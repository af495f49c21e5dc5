/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader of Multiboot 1 boot information (Multiboot Specification 0.6.96, section 3.3).
 * Used when `qemu -kernel` or an old loader starts the hypervisor through its Multiboot 1
 * header. The structure is a bunch of pointers, so memory is read through a callback.
 */
#include "socle/bootinfo.h"

#include "bootinfo_priv.h"
#include "socle/bits.h"
#include "socle/le.h"
#include "socle/log.h"

enum { INFO_LEN = 52, INFO_LEN_LOADER = 68, INFO_LEN_FB = 116, MODULE_LEN = 16, MMAP_MIN = 20 };

enum {                          /* bits of flags: which fields are valid */
    HAS_MEM = BIT(0), HAS_CMDLINE = BIT(2), HAS_MODULES = BIT(3), HAS_MMAP = BIT(6),
    HAS_LOADER = BIT(9), HAS_FRAMEBUFFER = BIT(12)
};

/* Bounds against pointers into garbage; far above what any loader writes. */
enum { STRING_MAX = 16 << 10, MMAP_BYTES_MAX = 64 << 10 };

static const uint8_t *map(const struct phys_map *mem, uint64_t at, uint64_t len)
{
    return mem->map(mem->ctx, hpa(at), len);
}

/*
 * Length of the string at `at`, whose end is known only by reading it: page by page, so
 * that a string just below unreadable memory is found. -1: no end, or unreadable.
 */
static int64_t string_len(const struct phys_map *mem, uint64_t at)
{
    uint64_t len = 0;
    while (len < STRING_MAX) {
        uint64_t chunk = PAGE_SIZE - ((at + len) & (PAGE_SIZE - 1));
        const char *p = (const char *)map(mem, at + len, chunk);
        if (!p)
            return -1;
        size_t n = strnlen(p, chunk);
        len += n;
        if (n < chunk)
            return len < STRING_MAX ? (int64_t)len : -1;
    }
    return -1;
}

/* The string at `at`, "" with a note when it cannot be read. 0 is a common "none". */
static const char *string_at(struct boot_info *bi, const struct phys_map *mem, uint32_t at,
                             size_t *len)
{
    *len = 0;
    if (at == 0)
        return "";
    int64_t n = string_len(mem, at);
    const char *s = n > 0 ? (const char *)map(mem, at, (uint64_t)n) : "";
    if (n < 0 || !s) {
        bi_drop(bi, "a string that cannot be read");
        return "";
    }
    *len = (size_t)n;
    return s;
}

/* A string of the structure itself, for the text store. */
static uint32_t copy_string(struct boot_info *bi, const struct phys_map *mem, uint32_t at)
{
    size_t n;
    const char *s = string_at(bi, mem, at, &n);
    return bi_text(bi, s, n);
}

/* 3.3, mods_addr: entries of 16 bytes in one array. */
static void read_modules(struct boot_info *bi, const struct phys_map *mem, uint32_t count,
                         uint32_t at)
{
    if (count > BOOT_MODULES_MAX) {
        bi_drop(bi, "more than 256 modules");
        count = BOOT_MODULES_MAX;
    }
    const uint8_t *p = count ? map(mem, at, (uint64_t)count * MODULE_LEN) : NULL;
    if (!p) {
        if (count)
            bi_drop(bi, "a module list that cannot be read");
        return;
    }
    for (uint32_t i = 0; i < count; i++, p += MODULE_LEN) {
        size_t n;
        const char *s = string_at(bi, mem, get_le32(p + 8), &n);
        bi_add_module(bi, get_le32(p), get_le32(p + 4), s, n);
    }
}

/* Entries of any size, each led by its size without that field. */
static void read_mmap(struct boot_info *bi, const struct phys_map *mem, uint32_t len, uint32_t at)
{
    len = (uint32_t)min_u64(len, MMAP_BYTES_MAX);
    const uint8_t *p = map(mem, at, len);
    if (!p) {
        bi_drop(bi, "a memory map that cannot be read");
        return;
    }
    for (uint32_t pos = 0; len - pos >= 4 + MMAP_MIN;) {
        uint32_t size = get_le32(p + pos);
        if (size < MMAP_MIN || size > len - pos - 4) {
            bi_drop(bi, "a memory map with an entry of odd size");
            return;
        }
        bi_add_mem(bi, get_le64(p + pos + 4), get_le64(p + pos + 12), get_le32(p + pos + 20));
        pos += 4 + size;
    }
}

/* Offsets 88 to 115; the colours follow the type without padding. */
static void read_framebuffer(struct boot_info *bi, const uint8_t *info)
{
    struct boot_framebuffer fb = {
        .addr = hpa(get_le64(info + 88)), .pitch = get_le32(info + 96),
        .width = get_le32(info + 100), .height = get_le32(info + 104), .bpp = info[108],
    };
    bi_set_framebuffer(bi, &fb, info[109], info + 110);
}

hv_status boot_info_parse_mb1(struct boot_info *bi, const struct phys_map *mem, hpa_t at)
{
    bi_reset(bi, 1);
    const uint8_t *p = map(mem, at.v, INFO_LEN);
    if (!p) {
        log_error("boot information: not readable at %#llx", (unsigned long long)at.v);
        bi->protocol = 0;
        return HV_RANGE;
    }
    uint32_t flags = get_le32(p);
    bi->info_start = at.v;
    bi->info_len = INFO_LEN;
    if (flags & HAS_CMDLINE)
        bi->cmdline = copy_string(bi, mem, get_le32(p + 16));
    if (flags & HAS_MODULES)
        read_modules(bi, mem, get_le32(p + 20), get_le32(p + 24));
    if (flags & HAS_MMAP)
        read_mmap(bi, mem, get_le32(p + 44), get_le32(p + 48));
    if (bi->mems == 0 && (flags & HAS_MEM))
        bi_add_basic_mem(bi, get_le32(p + 4), get_le32(p + 8));

    /* Old loaders write a shorter structure, which may end where memory ends. */
    const uint8_t *more = map(mem, at.v, INFO_LEN_LOADER);
    if ((flags & HAS_LOADER) && more)
        bi->loader = copy_string(bi, mem, get_le32(more + 64));
    more = map(mem, at.v, INFO_LEN_FB);
    if ((flags & HAS_FRAMEBUFFER) && more) {
        bi->info_len = INFO_LEN_FB;
        read_framebuffer(bi, more);
    }
    return HV_OK;
}
