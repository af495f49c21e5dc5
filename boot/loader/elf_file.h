/* SPDX-License-Identifier: BSD-2-Clause */
/* Read access to the program headers of an x86 ELF file; private to boot/loader. */
#ifndef ELF_FILE_H
#define ELF_FILE_H

#include "socle/types.h"

enum { ELF_PT_LOAD = 1, ELF_PT_NOTE = 4, ELF_SEGMENTS_MAX = 64 };

struct elf_file {
    const uint8_t *p;
    uint64_t len;
    bool     wide;              /* ELF64 */
    uint64_t entry;
    uint64_t headers;           /* offset of the program headers, all inside the file */
    uint32_t stride, segments;
};

struct elf_segment {
    uint32_t type;
    uint64_t offset, vaddr, paddr, file_len, mem_len;   /* as the file says, unchecked */
};

/*
 * False when it is not a little-endian x86 ELF file whose program headers, at most
 * ELF_SEGMENTS_MAX, lie inside.
 */
bool elf_open(struct elf_file *f, const uint8_t *p, uint64_t len);

/* Program header i < f->segments. */
void elf_segment(const struct elf_file *f, uint32_t i, struct elf_segment *s);

#endif
