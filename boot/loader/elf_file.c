/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Program headers of ELF32 and ELF64 files (System V gABI, chapters 4 and 5) as one
 * struct. Called by image_scan.c and load_elf.c. Contents of segments are not checked.
 */
#include "elf_file.h"

#include "socle/bits.h"
#include "socle/le.h"

enum {
    EHDR32_LEN = 52, EHDR64_LEN = 64, PHDR32_LEN = 32, PHDR64_LEN = 56,
    CLASS_32 = 1, CLASS_64 = 2, DATA_LE = 1, EM_386 = 3, EM_X86_64 = 62
};

/* Offsets of e_machine, e_entry, e_phoff, e_phentsize and e_phnum in both classes. */
bool elf_open(struct elf_file *f, const uint8_t *p, uint64_t len)
{
    if (len < EHDR32_LEN || memcmp(p, "\x7f" "ELF", 4) != 0 || p[5] != DATA_LE)
        return false;
    *f = (struct elf_file){ .p = p, .len = len, .wide = p[4] == CLASS_64 };
    if ((!f->wide && p[4] != CLASS_32) || (f->wide && len < EHDR64_LEN))
        return false;
    uint16_t machine = get_le16(p + 18);
    if (machine != EM_386 && machine != EM_X86_64)
        return false;
    f->entry = f->wide ? get_le64(p + 24) : get_le32(p + 24);
    f->headers = f->wide ? get_le64(p + 32) : get_le32(p + 28);
    f->stride = get_le16(p + (f->wide ? 54 : 42));
    f->segments = get_le16(p + (f->wide ? 56 : 44));
    return f->segments <= ELF_SEGMENTS_MAX
        && f->stride >= (f->wide ? (unsigned)PHDR64_LEN : (unsigned)PHDR32_LEN)
        && range_inside(f->headers, (uint64_t)f->segments * f->stride, 0, len);
}

/* 64-bit headers have their flags second, which moves everything behind. */
void elf_segment(const struct elf_file *f, uint32_t i, struct elf_segment *s)
{
    const uint8_t *h = f->p + f->headers + (uint64_t)i * f->stride;
    s->type = get_le32(h);
    if (f->wide) {
        s->offset = get_le64(h + 8);
        s->vaddr = get_le64(h + 16);
        s->paddr = get_le64(h + 24);
        s->file_len = get_le64(h + 32);
        s->mem_len = get_le64(h + 40);
    } else {
        s->offset = get_le32(h + 4);
        s->vaddr = get_le32(h + 8);
        s->paddr = get_le32(h + 12);
        s->file_len = get_le32(h + 16);
        s->mem_len = get_le32(h + 20);
    }
}
