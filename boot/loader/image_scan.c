/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searches kernel images for boot headers: Multiboot 0.6.96 section 3.1, Multiboot2 2.0
 * section 3.1, and the PVH note of ELF files (xen/include/public/elfnote.h; Linux
 * arch/x86/platform/pvh). Called by image.c and the ELF loaders. Every read is checked.
 */
#include "image_scan.h"

#include "elf_file.h"
#include "socle/bits.h"
#include "socle/le.h"

enum {
    MB1_MAGIC = 0x1badb002, MB1_SEARCH = 8192, MB1_LEN = 12, MB1_ADDRESSES = BIT(16),
    MB1_LEN_ADDRESSES = 32, MB2_SEARCH = 32768, MB2_LEN = 16,
    XEN_ELFNOTE_PHYS32_ENTRY = 18, NOTES_MAX = 1024
};
#define MB2_MAGIC 0xe85250d6u

bool scan_multiboot1(const uint8_t *p, size_t len, size_t *at)
{
    size_t end = min_u64(len, MB1_SEARCH);
    for (size_t i = 0; end >= MB1_LEN && i <= end - MB1_LEN; i += 4) {
        uint32_t flags = get_le32(p + i + 4);
        if (get_le32(p + i) != MB1_MAGIC || MB1_MAGIC + flags + get_le32(p + i + 8) != 0)
            continue;
        if ((flags & MB1_ADDRESSES) && end - i < MB1_LEN_ADDRESSES)
            continue;
        *at = i;
        return true;
    }
    return false;
}

bool scan_multiboot2(const uint8_t *p, size_t len, size_t *at)
{
    size_t end = min_u64(len, MB2_SEARCH);
    for (size_t i = 0; end >= MB2_LEN && i <= end - MB2_LEN; i += 8) {
        uint32_t arch = get_le32(p + i + 4), size = get_le32(p + i + 8);
        if (get_le32(p + i) != MB2_MAGIC || MB2_MAGIC + arch + size + get_le32(p + i + 12) != 0)
            continue;
        if (size < MB2_LEN || size > end - i)
            continue;
        *at = i;
        return true;
    }
    return false;
}

/* One PT_NOTE segment: {name size, type size, type, name, contents}, each padded to 4. */
static bool notes_have_entry(const uint8_t *p, uint64_t len, uint32_t *entry)
{
    uint64_t at = 0;
    for (unsigned n = 0; n < NOTES_MAX && len - at >= 12; n++) {
        uint64_t name = at + 12;
        uint64_t name_len = get_le32(p + at), desc_len = get_le32(p + at + 4);
        uint64_t desc = name + align_up(name_len, 4);
        if (desc > len || desc_len > len - desc)
            return false;
        if (get_le32(p + at + 8) == XEN_ELFNOTE_PHYS32_ENTRY && name_len == 4
            && memcmp(p + name, "Xen", 4) == 0 && desc_len >= 4) {
            *entry = get_le32(p + desc);
            return true;
        }
        at = desc + align_up(desc_len, 4);
        if (at > len)
            return false;
    }
    return false;
}

bool scan_pvh_note(const uint8_t *p, size_t len, uint32_t *entry)
{
    struct elf_file f;
    if (!elf_open(&f, p, len))
        return false;
    for (uint32_t i = 0; i < f.segments; i++) {
        struct elf_segment s;
        elf_segment(&f, i, &s);
        if (s.type == ELF_PT_NOTE && range_inside(s.offset, s.file_len, 0, len)
            && notes_have_entry(p + s.offset, s.file_len, entry))
            return true;
    }
    return false;
}
