/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot information: the store both Multiboot readers fill, and the look-up of modules
 * by name. Called by mb1.c and mb2.c while the machine starts, and by the core, which
 * asks for the files the configuration names. Reads nothing of the loader's itself.
 */
#include "socle/bootinfo.h"

#include "bootinfo_priv.h"
#include "socle/bits.h"
#include "socle/log.h"
#include "socle/str.h"

/* Only the fields: clearing 64 KiB of text as well would be wasted on every boot. */
void bi_reset(struct boot_info *bi, uint8_t protocol)
{
    memset(bi, 0, offsetof(struct boot_info, text));
    bi->protocol = protocol;
    bi->text[0] = '\0';         /* offset 0 is the empty string */
    bi->text_len = 1;
}

/* A hostile list can hold thousands of bad entries; the console shall show one line. */
void bi_drop(struct boot_info *bi, const char *why)
{
    if (bi->dropped++ == 0)
        log_warn("boot information: %s; such entries are ignored", why);
}

uint32_t bi_text(struct boot_info *bi, const char *s, size_t n)
{
    n = strnlen(s, n);          /* loaders are not trusted to end their strings */
    if (n == 0)
        return 0;
    if (n >= BOOT_TEXT_SIZE - bi->text_len) {
        bi_drop(bi, "strings of more than 64 KiB in total");
        return 0;
    }
    uint32_t at = bi->text_len;
    memcpy(bi->text + at, s, n);
    bi->text[at + n] = '\0';
    bi->text_len = (uint32_t)(at + n + 1);
    return at;
}

/* What is not known is not used: new firmware types are reserved for us. */
static enum boot_mem_type mem_type(uint32_t type)
{
    switch (type) {
    case 1:  return BOOT_MEM_RAM;
    case 3:  return BOOT_MEM_ACPI;
    case 4:  return BOOT_MEM_NVS;
    case 5:  return BOOT_MEM_BAD;
    default: return BOOT_MEM_RESERVED;
    }
}

void bi_add_mem(struct boot_info *bi, uint64_t base, uint64_t len, uint32_t type)
{
    uint64_t end;
    if (len == 0)
        return;
    if (!add_u64(base, len, &end)) {
        bi_drop(bi, "a memory range that wraps around");
        return;
    }
    if (bi->mems == BOOT_MEM_MAX) {
        bi_drop(bi, "more than 256 memory ranges");
        return;
    }
    bi->mem[bi->mems++] = (struct boot_mem){ base, len, mem_type(type) };
}

/* A module whose string did not fit still counts, so that memory stays accounted for. */
void bi_add_module(struct boot_info *bi, uint64_t start, uint64_t end, const char *s, size_t n)
{
    if (end < start) {
        bi_drop(bi, "a module that ends before it starts");
        return;
    }
    if (bi->modules == BOOT_MODULES_MAX) {
        bi_drop(bi, "more than 256 modules");
        return;
    }
    bi->module[bi->modules++] = (struct boot_module){ hpa(start), end - start, bi_text(bi, s, n) };
}

void bi_add_basic_mem(struct boot_info *bi, uint32_t lower_kib, uint32_t upper_kib)
{
    bi_add_mem(bi, 0, KIB(lower_kib), BOOT_MEM_RAM);
    bi_add_mem(bi, MIB(1), KIB(upper_kib), BOOT_MEM_RAM);
}

/* Multiboot2 3.6.12, Multiboot 0.6.96 3.3: 0 indexed, 1 direct RGB, 2 text. */
void bi_set_framebuffer(struct boot_info *bi, const struct boot_framebuffer *fb, uint8_t mb_type,
                        const uint8_t *colors)
{
    static const enum boot_fb_type types[] = { BOOT_FB_INDEXED, BOOT_FB_RGB, BOOT_FB_TEXT };
    uint64_t bytes, end;
    if (fb->addr.v == 0 || fb->width == 0 || fb->height == 0)
        return;
    if (mb_type >= ARRAY_LEN(types) || (types[mb_type] == BOOT_FB_RGB && !colors)
        || __builtin_mul_overflow((uint64_t)fb->pitch, fb->height, &bytes)
        || !add_u64(fb->addr.v, bytes, &end)
        || ((uint64_t)fb->width * (mb_type == 2 ? 16 : fb->bpp) + 7) / 8 > fb->pitch) {
        bi_drop(bi, "a framebuffer that makes no sense");
        return;
    }
    bi->fb = *fb;
    bi->fb.type = types[mb_type];
    if (bi->fb.type == BOOT_FB_RGB) {
        bi->fb.red_pos = colors[0];
        bi->fb.red_size = colors[1];
        bi->fb.green_pos = colors[2];
        bi->fb.green_size = colors[3];
        bi->fb.blue_pos = colors[4];
        bi->fb.blue_size = colors[5];
    }
}

const char *boot_info_text(const struct boot_info *bi, uint32_t offset)
{
    return offset < bi->text_len ? bi->text + offset : "";
}

/* GRUB and QEMU pass arguments on with these between them. */
static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Whole words only: "initrd" must not answer for "initrd.img". */
static bool has_word(const char *s, const char *word, size_t word_len)
{
    while (*s) {
        while (is_blank(*s))
            s++;
        size_t n = 0;
        while (s[n] && !is_blank(s[n]))
            n++;
        if (n == word_len && n && memcmp(s, word, n) == 0)
            return true;
        s += n;
    }
    return false;
}

hv_status boot_info_find_module(const struct boot_info *bi, const char *name,
                                const struct boot_module **module)
{
    size_t len = strlen(name);
    *module = NULL;
    /* The list is walked to its end: a second answer means the user must rename one. */
    for (uint32_t i = 0; i < bi->modules; i++) {
        if (!has_word(boot_module_string(bi, &bi->module[i]), name, len))
            continue;
        if (*module)
            return HV_EXISTS;
        *module = &bi->module[i];
    }
    return *module ? HV_OK : HV_NOT_FOUND;
}
