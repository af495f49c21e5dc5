/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH and Multiboot loaders, on ELF and flat images made here, good and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/bits.h"
#include "socle/bootinfo.h"
#include "socle/le.h"
#include "socle/loader.h"

enum { IMAGE = 16 << 10, CODE = 0x2000, LOAD = 0x100000, INFO = 0x7000, MB2_INFO = 0x10000 };

struct fixture {
    struct guest_machine machine;
    struct guest_layout layout;
    struct load_request req;
    struct load_file file[LOAD_FILES_MAX + 1];
    uint8_t image[IMAGE];
    char error[LOAD_ERROR_LEN];
    struct load_plan plan;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->machine = (struct guest_machine){ .vcpus = 1, .memory = MIB(64) };
    guest_layout(&f->layout, &f->machine);
    f->req = (struct load_request){
        .kernel = { "kernel", f->image, IMAGE, NULL }, .cmdline = "a=b c",
        .layout = &f->layout, .rsdp = gpa(0xe0000), .cpu_64bit = true, .file = f->file,
    };
    *state = f;
    return 0;
}

static int teardown(void **state) { free(*state); return 0; }

/* Program header i of the image, 64-bit form. */
static uint8_t *phdr(uint8_t *p, unsigned i) { return p + 64 + 56 * i; }

static void set_phdr64(uint8_t *p, unsigned i, uint32_t type, uint64_t off, uint64_t va,
                       uint64_t pa, uint64_t file, uint64_t memory)
{
    uint8_t *h = phdr(p, i);
    put_le32(h, type);
    put_le64(h + 8, off);
    put_le64(h + 16, va);
    put_le64(h + 24, pa);
    put_le64(h + 32, file);
    put_le64(h + 40, memory);
}

/* ELF64: code of 0x1000 bytes and as much bss at LOAD, virtual address in the upper half. */
static void make_elf64(uint8_t *p)
{
    memset(p, 0, IMAGE);
    memcpy(p, "\x7f" "ELF\x02\x01\x01", 7);
    put_le16(p + 16, 2);
    put_le16(p + 18, 62);
    put_le64(p + 24, 0xffffffff80000010);
    put_le64(p + 32, 64);
    put_le16(p + 54, 56);
    put_le16(p + 56, 2);
    set_phdr64(p, 0, 1, CODE, 0xffffffff80000000, LOAD, 0x1000, 0x2000);
    for (int i = 0; i < 0x1000; i++)
        p[CODE + i] = (uint8_t)(i * 13);
}

static void make_elf32(uint8_t *p)
{
    memset(p, 0, IMAGE);
    memcpy(p, "\x7f" "ELF\x01\x01\x01", 7);
    put_le16(p + 16, 2);
    put_le16(p + 18, 3);
    put_le32(p + 24, LOAD + 0x20);
    put_le32(p + 28, 52);
    put_le16(p + 42, 32);
    put_le16(p + 44, 1);
    uint8_t *h = p + 52;
    put_le32(h, 1);
    put_le32(h + 4, CODE);
    put_le32(h + 8, LOAD);
    put_le32(h + 12, LOAD);
    put_le32(h + 16, 0x1000);
    put_le32(h + 20, 0x3000);
    memset(p + CODE, 0x90, 0x1000);
}

/* A note segment: first somebody else's, then Xen's PHYS32_ENTRY. */
static void add_pvh_note(uint8_t *p, uint32_t entry)
{
    set_phdr64(p, 1, 4, 0x1000, 0, 0, 48, 48);
    uint8_t *n = p + 0x1000;
    put_le32(n, 4);
    put_le32(n + 4, 8);
    put_le32(n + 8, 1);
    memcpy(n + 12, "GNU", 4);
    n += 24;
    put_le32(n, 4);
    put_le32(n + 4, 4);
    put_le32(n + 8, 18);
    memcpy(n + 12, "Xen", 4);
    put_le32(n + 16, entry);
}

static void put_mb1(uint8_t *p, uint32_t flags)
{
    put_le32(p, 0x1badb002);
    put_le32(p + 4, flags);
    put_le32(p + 8, 0u - 0x1badb002u - flags);
}

static void seal_mb2(uint8_t *p, uint32_t len)
{
    put_le32(p, 0xe85250d6);
    put_le32(p + 8, len);
    put_le32(p + 12, 0u - 0xe85250d6u - get_le32(p + 4) - len);
}

static hv_status load(struct fixture *f)
{
    strcpy(f->error, "untouched");
    return load_kernel(&f->plan, &f->req, f->error, sizeof(f->error));
}

static int byte_at(const struct load_plan *p, uint64_t at)
{
    for (uint32_t i = 0; i < p->segments; i++) {
        const struct load_segment *s = &p->segment[i];
        if (at >= s->gpa.v && at - s->gpa.v < s->len)
            return s->data[at - s->gpa.v];
        if (at >= s->gpa.v && at - s->gpa.v < s->len + s->zero)
            return 0;
    }
    return -1;
}

static uint64_t value_at(const struct load_plan *p, uint64_t at, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        int b = byte_at(p, at + i);
        assert_true(b >= 0);
        v |= (uint64_t)b << (8 * i);
    }
    return v;
}

static const char *string_at(const struct load_plan *p, uint64_t at)
{
    static char text[256];
    for (unsigned i = 0; i < sizeof(text); i++) {
        int b = byte_at(p, at + i);
        assert_true(b >= 0);
        text[i] = (char)b;
        if (!b)
            return text;
    }
    fail();
    return NULL;
}

static void check_flat_32(const struct fixture *f, uint64_t rip)
{
    const struct vcpu_state *s = &f->plan.entry;
    assert_int_equal(s->rip, rip);
    assert_int_equal(s->cr0 & (CR0_PE | CR0_PG), CR0_PE);
    assert_int_equal(s->cr4 | s->efer, 0);
    assert_int_equal(s->rflags, 2);
    assert_int_equal(s->seg[SEG_CS].attr, 0xc9b);
    assert_int_equal(s->seg[SEG_CS].limit, UINT32_MAX);
    assert_int_equal(s->seg[SEG_ES].attr, 0xc93);
    for (uint32_t i = 0; i < f->plan.segments; i++) {
        const struct load_segment *a = &f->plan.segment[i];
        assert_true(guest_layout_is_ram(&f->layout, a->gpa.v, a->len + a->zero));
    }
}

static void add_files(struct fixture *f)
{
    static uint8_t data[2][5000];
    memset(data[0], 1, sizeof(data[0]));
    memset(data[1], 2, sizeof(data[1]));
    f->file[0] = (struct load_file){ "one", data[0], 4999, "one with=args" };
    f->file[1] = (struct load_file){ "two", data[1], 1, NULL };
    f->req.files = 2;
}

static void test_pvh(void **state)
{
    struct fixture *f = *state;
    make_elf64(f->image);
    add_pvh_note(f->image, LOAD + 0x40);
    add_files(f);
    assert_int_equal(load(f), HV_OK);
    check_flat_32(f, LOAD + 0x40);
    const struct load_plan *p = &f->plan;
    assert_int_equal(p->kind, IMAGE_PVH);
    assert_int_equal(p->entry.gpr[GPR_RBX], INFO);
    assert_int_equal(value_at(p, INFO, 4), 0x336ec578);
    assert_int_equal(value_at(p, INFO + 4, 4), 1);
    assert_int_equal(value_at(p, INFO + 12, 4), 1);
    uint64_t mod = value_at(p, INFO + 16, 8), at = value_at(p, mod, 8);
    assert_int_equal(value_at(p, mod + 8, 8), 5000 + 4);        /* concatenated */
    assert_int_equal(byte_at(p, at), 1);
    assert_int_equal(byte_at(p, at + 5000), 2);
    assert_string_equal(string_at(p, value_at(p, INFO + 24, 8)), "a=b c");
    assert_int_equal(value_at(p, INFO + 32, 8), 0xe0000);
    uint64_t map = value_at(p, INFO + 40, 8);
    assert_int_equal(value_at(p, INFO + 48, 4), f->layout.entries);
    for (uint32_t i = 0; i < f->layout.entries; i++) {
        assert_int_equal(value_at(p, map + 24 * i, 8), f->layout.entry[i].base);
        assert_int_equal(value_at(p, map + 24 * i + 8, 8), f->layout.entry[i].len);
        assert_int_equal(value_at(p, map + 24 * i + 16, 8), f->layout.entry[i].type);
    }
    assert_int_equal(value_at(p, map + 24ull * f->layout.entries, 8), 0);
    assert_int_equal(value_at(p, mod + 16, 8), 0);
    assert_int_equal(byte_at(p, INFO + 0x1000), -1);
    assert_int_equal(byte_at(p, LOAD + 0xfff), f->image[CODE + 0xfff]);
    assert_int_equal(byte_at(p, LOAD + 0x1000), 0);             /* bss */
    assert_int_equal(byte_at(p, LOAD + 0x1fff), 0);
    assert_int_equal(byte_at(p, LOAD + 0x2000), -1);
}

static void test_pvh_refusals(void **state)
{
    struct fixture *f = *state;
    static const uint32_t entries[] = { UINT32_MAX, PLAT_HOLE_START, LOAD + 0x2000 };
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        make_elf64(f->image);
        add_pvh_note(f->image, entries[i]);
        assert_int_equal(load(f), HV_INVALID);
    }
    make_elf64(f->image);
    assert_int_equal(load_pvh(&f->plan, &f->req, f->error, sizeof(f->error)), HV_UNSUPPORTED);
    add_pvh_note(f->image, LOAD);
    static char text[LOAD_CMDLINE_MAX + 2];
    memset(text, 'x', LOAD_CMDLINE_MAX);
    f->req.cmdline = text;
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(byte_at(&f->plan, 0x10000 + LOAD_CMDLINE_MAX), 0);
    text[LOAD_CMDLINE_MAX] = 'x';
    assert_int_equal(load(f), HV_RANGE);
    f->req.cmdline = "x";
    add_files(f);
    f->file[0].len = MIB(64);
    assert_int_equal(load(f), HV_NOMEM);
    assert_non_null(strstr(f->error, "66M"));
}

/* Notes whose sizes wrap, end early or never end are not followed. */
static void test_hostile_notes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t values[] = { 0, 1, 3, 5, 12, 48, 0x7fffffff, UINT32_MAX - 3, UINT32_MAX };
    for (unsigned word = 0; word < 12; word++)
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            make_elf64(f->image);
            add_pvh_note(f->image, LOAD);
            put_le32(f->image + 0x1000 + 4 * word, values[v]);
            hv_status s = load(f);
            assert_true(s == HV_OK || s == HV_UNSUPPORTED || s == HV_INVALID);
        }
    make_elf64(f->image);
    add_pvh_note(f->image, LOAD);
    set_phdr64(f->image, 1, 4, IMAGE - 20, 0, 0, 48, 48);       /* reaches past the file */
    assert_int_equal(load(f), HV_UNSUPPORTED);
    set_phdr64(f->image, 1, 4, UINT64_MAX - 10, 0, 0, 48, 48);
    assert_int_equal(load(f), HV_UNSUPPORTED);
}

static void test_hostile_segments(void **state)
{
    struct fixture *f = *state;
    static const struct { uint64_t off, pa, file, memory; hv_status want; } cases[] = {
        { CODE, LOAD, IMAGE, IMAGE, HV_INVALID },                       /* past the file */
        { UINT64_MAX, LOAD, 2, 2, HV_INVALID },
        { CODE, LOAD, UINT64_MAX, UINT64_MAX, HV_INVALID },
        { CODE, LOAD, 0x1000, 0xfff, HV_INVALID },                      /* memory below file */
        { CODE, UINT64_MAX - 0x1000, 0x1000, 0x2000, HV_INVALID },      /* wraps */
        { CODE, LOAD, 0x1000, UINT64_MAX, HV_INVALID },
        { CODE, 0xa0000, 0x1000, 0x1000, HV_INVALID },                  /* no RAM there */
        { CODE, 0xc0000000, 0x1000, 0x1000, HV_INVALID },
        { CODE, 0xfee00000, 0x1000, 0x1000, HV_INVALID },
        { CODE, LOAD, 0x1000, MIB(100), HV_NOMEM },
        { CODE, MIB(80), 0x1000, 0x1000, HV_NOMEM },
        { CODE, 0x7000, 0x100, 0x100, HV_EXISTS },                      /* our own structures */
        { CODE, LOAD, 0, 0, HV_INVALID },                               /* nothing at all */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_elf64(f->image);
        add_pvh_note(f->image, 0);
        set_phdr64(f->image, 0, 1, cases[i].off, cases[i].pa, cases[i].pa, cases[i].file,
                   cases[i].memory);
        assert_int_equal(load(f), cases[i].want);
        assert_int_equal(strncmp(f->error, "kernel \"kernel\": ", 17), 0);
    }
    make_elf64(f->image);                               /* two segments over each other */
    add_pvh_note(f->image, LOAD);
    set_phdr64(f->image, 2, 1, CODE, LOAD + 0x1fff, LOAD + 0x1fff, 1, 1);
    put_le16(f->image + 56, 3);
    assert_int_equal(load(f), HV_EXISTS);
}

static void test_hostile_elf_headers(void **state)
{
    struct fixture *f = *state;
    static const struct { unsigned at, size; uint64_t v; } cases[] = {
        { 32, 8, UINT64_MAX }, { 32, 8, IMAGE }, { 32, 8, IMAGE - 111 }, { 54, 2, 0 },
        { 54, 2, 55 }, { 54, 2, 0xffff }, { 56, 2, 65 }, { 56, 2, 0xffff }, { 56, 2, 0 },
        { 5, 1, 2 }, { 4, 1, 0 }, { 4, 1, 1 }, { 4, 1, 3 }, { 18, 2, 183 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_elf64(f->image);
        add_pvh_note(f->image, LOAD);
        memcpy(f->image + cases[i].at, &cases[i].v, cases[i].size);
        assert_int_not_equal(load(f), HV_OK);
    }
    make_elf64(f->image);                               /* as many segments as are read */
    memmove(f->image + 0x200, f->image + 64, 112);
    add_pvh_note(f->image, LOAD);
    memmove(f->image + 0x200 + 56, f->image + 120, 56);
    put_le64(f->image + 32, 0x200);
    memmove(f->image + 0x1800, f->image + 0x1000, 48);  /* out of the headers' way */
    put_le64(f->image + 0x200 + 56 + 8, 0x1800);
    memset(f->image + 0x200 + 112, 0, 62 * 56);
    put_le16(f->image + 56, 64);
    assert_int_equal(load(f), HV_OK);
    put_le16(f->image + 56, 65);
    assert_int_not_equal(load(f), HV_OK);
    for (size_t n = 0; n < 300; n++) {                  /* truncated anywhere in the headers */
        make_elf64(f->image);
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, f->image, n);
        f->req.kernel.data = copy;
        f->req.kernel.len = n;
        assert_int_not_equal(load(f), HV_OK);
        assert_int_not_equal(load_pvh(&f->plan, &f->req, f->error, sizeof(f->error)), HV_OK);
        free(copy);
    }
}

static void test_multiboot1_elf(void **state)
{
    struct fixture *f = *state;
    make_elf32(f->image);
    put_mb1(f->image + 0x400, 7);
    add_files(f);
    assert_int_equal(load(f), HV_OK);
    check_flat_32(f, LOAD + 0x20);
    const struct load_plan *p = &f->plan;
    assert_int_equal(p->kind, IMAGE_MULTIBOOT1);
    assert_int_equal(p->entry.gpr[GPR_RAX], BOOT_MAGIC_MB1);
    assert_int_equal(p->entry.gpr[GPR_RBX], INFO);
    assert_int_equal(value_at(p, INFO, 4), 0x24d);
    assert_int_equal(value_at(p, INFO + 4, 4), 639);
    assert_int_equal(value_at(p, INFO + 8, 4), 63 * 1024);
    assert_string_equal(string_at(p, value_at(p, INFO + 16, 4)), "kernel a=b c");
    assert_string_equal(string_at(p, value_at(p, INFO + 64, 4)), "Socle");
    uint64_t mods = value_at(p, INFO + 24, 4);
    assert_int_equal(value_at(p, INFO + 20, 4), 2);
    uint64_t start = value_at(p, mods, 4);
    assert_int_equal(start, LOAD + 0x3000);
    assert_int_equal(value_at(p, mods + 4, 4), start + 4999);
    assert_int_equal(byte_at(p, start + 4998), 1);
    assert_string_equal(string_at(p, value_at(p, mods + 8, 4)), "one with=args");
    assert_int_equal(value_at(p, mods + 16, 4), LOAD + 0x5000);
    assert_string_equal(string_at(p, value_at(p, mods + 24, 4)), "two");
    uint64_t map = value_at(p, INFO + 48, 4);
    assert_int_equal(value_at(p, INFO + 44, 4), f->layout.entries * 24);
    for (uint32_t i = 0; i < f->layout.entries; i++) {
        assert_int_equal(value_at(p, map + 24 * i, 4), 20);
        assert_int_equal(value_at(p, map + 24 * i + 4, 8), f->layout.entry[i].base);
        assert_int_equal(value_at(p, map + 24 * i + 20, 4), f->layout.entry[i].type);
    }
}

/* What the loader writes is what our own reader of boot information understands. */
struct memory { const struct load_plan *p; uint8_t *copies[64]; unsigned n; };

static const void *map_plan(void *ctx, hpa_t at, uint64_t len)
{
    struct memory *m = ctx;
    uint8_t *copy = malloc(len);
    for (uint64_t i = 0; i < len; i++) {
        int b = byte_at(m->p, at.v + i);
        copy[i] = b < 0 ? 0 : (uint8_t)b;
    }
    assert_true(m->n < ARRAY_LEN(m->copies));
    return m->copies[m->n++] = copy;
}

static void test_round_trip(void **state)
{
    static struct boot_info bi;
    struct fixture *f = *state;
    struct memory m = { &f->plan, { NULL }, 0 };
    const struct phys_map mem = { &m, map_plan };
    const struct boot_module *mod;
    const uint8_t rsdp[36] = "RSD PTR test";
    make_elf32(f->image);
    put_mb1(f->image + 0x400, 3);
    add_files(f);
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(boot_info_parse_mb1(&bi, &mem, hpa(INFO)), HV_OK);
    assert_int_equal(bi.dropped, 0);
    assert_int_equal(bi.mems, f->layout.entries);
    assert_int_equal(boot_info_find_module(&bi, "one", &mod), HV_OK);
    assert_int_equal(mod->len, 4999);
    memset(f->image + 0x400, 0, 16);
    seal_mb2(f->image + 0x400, 24);
    put_le32(f->image + 0x414, 8);
    f->req.rsdp_copy = rsdp;
    assert_int_equal(load(f), HV_OK);
    uint32_t len = (uint32_t)value_at(&f->plan, MB2_INFO, 4);
    assert_int_equal(boot_info_parse_mb2(&bi, map_plan(&m, hpa(MB2_INFO), len), len,
                                         hpa(MB2_INFO)), HV_OK);
    assert_int_equal(bi.dropped, 0);
    assert_int_equal(bi.mems, f->layout.entries);
    assert_string_equal(boot_info_cmdline(&bi), "a=b c");
    assert_string_equal(boot_info_loader(&bi), "Socle");
    assert_int_equal(value_at(&f->plan, MB2_INFO + len - 8, 8), 8ull << 32);    /* end tag */
    assert_int_equal(bi.modules, 2);
    assert_int_equal(bi.module[1].len, 1);
    assert_memory_equal(bi.rsdp, rsdp, 36);
    while (m.n)
        free(m.copies[--m.n]);
}

/* A flat image: 0x20 bytes of header page, loaded from 0x100 before the header. */
static uint8_t *make_flat_mb1(struct fixture *f)
{
    memset(f->image, 0x90, IMAGE);
    uint8_t *h = f->image + 0x300;
    put_mb1(h, BIT(16));
    put_le32(h + 12, LOAD + 0x100);             /* header */
    put_le32(h + 16, LOAD);                     /* load */
    put_le32(h + 20, LOAD + 0x1000);            /* load end */
    put_le32(h + 24, LOAD + 0x5000);            /* bss end */
    put_le32(h + 28, LOAD + 0x123);             /* entry */
    f->image[0x200] = 0x42;
    return h;
}

static void test_multiboot1_flat(void **state)
{
    struct fixture *f = *state;
    uint8_t *h = make_flat_mb1(f);
    assert_int_equal(load(f), HV_OK);
    check_flat_32(f, LOAD + 0x123);
    assert_int_equal(byte_at(&f->plan, LOAD), 0x42);
    assert_int_equal(byte_at(&f->plan, LOAD + 0x1000), 0);
    assert_int_equal(byte_at(&f->plan, LOAD + 0x4fff), 0);
    assert_int_equal(byte_at(&f->plan, LOAD + 0x5000), -1);
    put_le32(h + 20, 0);                        /* to the end of the file, no bss */
    put_le32(h + 24, 0);
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE - 0x200 - 1), 0x90);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE - 0x200), -1);
}

static void test_multiboot1_hostile(void **state)
{
    struct fixture *f = *state;
    static const struct { unsigned at; uint32_t v; hv_status want; } cases[] = {
        { 12, LOAD - 1, HV_INVALID },           /* header before the load address */
        { 12, LOAD + 0x301, HV_INVALID },       /* more before it than the file has */
        { 12, UINT32_MAX, HV_INVALID },
        { 20, LOAD - 1, HV_INVALID },           /* ends before it starts */
        { 20, LOAD + IMAGE, HV_INVALID },       /* longer than the file */
        { 20, UINT32_MAX, HV_INVALID },
        { 24, UINT32_MAX, HV_INVALID },         /* bss into the hole */
        { 24, MIB(100), HV_NOMEM },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *h = make_flat_mb1(f);
        put_le32(h + cases[i].at, cases[i].v);
        assert_int_equal(load(f), cases[i].want);
    }
    make_flat_mb1(f);
    put_mb1(f->image + 0x300, BIT(16) | BIT(5));
    assert_int_equal(load(f), HV_UNSUPPORTED);
    assert_non_null(strstr(f->error, "0x20"));
    make_flat_mb1(f);
    f->req.kernel.len = 0x300 + 31;             /* header cut off */
    assert_int_equal(load(f), HV_UNSUPPORTED);
    f->req.kernel.len = IMAGE;
    static char text[LOAD_CMDLINE_MAX * 5];
    memset(text, 'x', sizeof(text) - 1);
    f->req.cmdline = text;
    assert_int_equal(load(f), HV_RANGE);
    f->req.cmdline = NULL;
    add_files(f);
    for (unsigned i = 0; i < LOAD_FILES_MAX; i++)
        f->file[i] = (struct load_file){ "m", "data", 4, text };
    f->req.files = LOAD_FILES_MAX;
    assert_int_equal(load(f), HV_RANGE);
    f->req.files = LOAD_FILES_MAX + 1;
    assert_int_equal(load(f), HV_RANGE);
    f->req.files = 1;
    f->file[0].len = UINT64_MAX;
    assert_int_equal(load(f), HV_RANGE);
    f->file[0].len = MIB(64);
    assert_int_equal(load(f), HV_NOMEM);
}

/* A higher-half entry outside of every segment cannot be an address of 32-bit code. */
static void test_virtual_entry(void **state)
{
    struct fixture *f = *state;
    make_elf64(f->image);
    put_mb1(f->image + 0x400, 0);
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(f->plan.entry.rip, LOAD + 0x10);   /* translated */
    put_le64(f->image + 24, 0xffffffff90000000);
    assert_int_equal(load(f), HV_INVALID);
}

static uint8_t *mb2_header(struct fixture *f)
{
    make_elf32(f->image);
    seal_mb2(f->image + 0x400, 16 + 40);
    return f->image + 0x410;
}

static void put_tag(uint8_t *t, unsigned type, unsigned flags, uint32_t size)
{
    put_le16(t, (uint16_t)type);
    put_le16(t + 2, (uint16_t)flags);
    put_le32(t + 4, size);
}

static void test_multiboot2(void **state)
{
    struct fixture *f = *state;
    uint8_t *t = mb2_header(f);
    put_tag(t, 1, 0, 20);                       /* wants command line, modules, memory map */
    put_le32(t + 8, 1);
    put_le32(t + 12, 3);
    put_le32(t + 16, 6);
    put_tag(t + 24, 3, 0, 12);                  /* own entry */
    put_le32(t + 32, LOAD + 0x77);
    seal_mb2(f->image + 0x400, 16 + 24 + 16 + 8);
    put_tag(t + 40, 0, 0, 8);
    assert_int_equal(load(f), HV_OK);
    check_flat_32(f, LOAD + 0x77);
    assert_int_equal(f->plan.kind, IMAGE_MULTIBOOT2);
    assert_int_equal(f->plan.entry.gpr[GPR_RAX], BOOT_MAGIC_MB2);
    assert_int_equal(f->plan.entry.gpr[GPR_RBX], MB2_INFO);
}

/* Basic memory: all that very simple kernels look at. */
static void test_multiboot2_basic_memory(void **state)
{
    struct fixture *f = *state;
    mb2_header(f);
    assert_int_equal(load(f), HV_OK);
    uint64_t at = MB2_INFO + 8;
    while (value_at(&f->plan, at, 4) != 4) {
        assert_int_not_equal(value_at(&f->plan, at, 4), 0);
        at += align_up(value_at(&f->plan, at + 4, 4), 8);
    }
    assert_int_equal(value_at(&f->plan, at + 8, 4), 639);
    assert_int_equal(value_at(&f->plan, at + 12, 4), 63 * 1024);
}

static void test_multiboot2_flat(void **state)
{
    struct fixture *f = *state;
    memset(f->image, 0x90, IMAGE);
    uint8_t *t = f->image + 0x410;
    put_le32(f->image + 0x404, 0);
    put_tag(t, 2, 0, 24);
    put_le32(t + 8, LOAD + 0x400);
    put_le32(t + 12, UINT32_MAX);               /* from the start of the file */
    put_le32(t + 16, 0);
    put_le32(t + 20, LOAD + IMAGE + 0x100);
    put_tag(t + 24, 3, 0, 12);
    put_le32(t + 32, LOAD + 5);
    put_tag(t + 40, 0, 0, 8);
    seal_mb2(f->image + 0x400, 16 + 48);
    assert_int_equal(load(f), HV_OK);
    check_flat_32(f, LOAD + 5);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE - 1), 0x90);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE), 0);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE + 0xff), 0);
    assert_int_equal(byte_at(&f->plan, LOAD + IMAGE + 0x100), -1);
    put_le32(t + 12, LOAD + 0x401);
    assert_int_equal(load(f), HV_INVALID);
    put_le32(t + 12, LOAD);
    put_le32(t + 16, LOAD - 1);
    assert_int_equal(load(f), HV_INVALID);
    put_le32(t + 16, LOAD + IMAGE + 1);
    assert_int_equal(load(f), HV_INVALID);
    put_le32(t + 8, 0x300);                     /* image would start below 0 */
    put_le32(t + 12, UINT32_MAX);
    assert_int_equal(load(f), HV_INVALID);
    put_le32(t + 8, LOAD + 0x400);
    put_le32(t + 16, 0);
    put_tag(t + 24, 4, 0, 12);                  /* no entry */
    assert_int_equal(load(f), HV_INVALID);
}

static void test_multiboot2_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct { unsigned type, flags; uint32_t size; hv_status want; } cases[] = {
        { 5, 0, 20, HV_UNSUPPORTED }, { 5, 1, 20, HV_OK }, { 42, 0, 8, HV_UNSUPPORTED },
        { 42, 1, 8, HV_OK }, { 4, 0, 12, HV_OK }, { 6, 0, 8, HV_OK }, { 7, 0, 8, HV_OK },
        { 10, 0, 24, HV_OK }, { 2, 0, 23, HV_INVALID }, { 3, 0, 11, HV_INVALID },
        { 6, 0, 7, HV_INVALID }, { 6, 0, 0, HV_INVALID }, { 6, 0, UINT32_MAX, HV_INVALID },
        { 6, 0, 41, HV_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *t = mb2_header(f);
        put_tag(t, cases[i].type, cases[i].flags, cases[i].size);
        put_tag(t + (cases[i].want == HV_OK ? align_up(cases[i].size, 8) : 24), 0, 0, 8);
        assert_int_equal(load(f), cases[i].want);
    }
    uint8_t *t = mb2_header(f);
    put_tag(t, 1, 0, 12);
    put_le32(t + 8, 8);                         /* insists on framebuffer information */
    put_tag(t + 16, 0, 0, 8);
    assert_int_equal(load(f), HV_UNSUPPORTED);
    put_tag(t, 1, 1, 12);
    assert_int_equal(load(f), HV_OK);
    put_tag(t, 1, 0, 12);
    put_le32(t + 8, 15);                        /* the RSDP: only when there is one */
    assert_int_equal(load(f), HV_UNSUPPORTED);
    f->req.rsdp_copy = f->image;
    assert_int_equal(load(f), HV_OK);
    put_le32(t + 8, 14);
    assert_int_equal(load(f), HV_UNSUPPORTED);
    f->req.rsdp_copy = NULL;
    put_tag(t, 1, 1, 12);
    put_le32(f->image + 0x404, 4);              /* MIPS */
    seal_mb2(f->image + 0x400, 56);
    assert_int_equal(load(f), HV_UNSUPPORTED);
    mb2_header(f);                              /* tags of type 0 and size 0: end */
    assert_int_equal(load(f), HV_OK);
    t = mb2_header(f);
    for (unsigned i = 0; i < 5; i++)
        put_tag(t + 8 * i, 6, 0, 8);            /* no end tag */
    assert_int_equal(load(f), HV_INVALID);
    mb2_header(f);
    add_files(f);
    static char text[20000];
    memset(text, 'x', sizeof(text) - 1);
    f->file[0].string = f->file[1].string = f->req.cmdline = text;
    assert_int_equal(load(f), HV_RANGE);
}

static void test_checks(void **state)
{
    struct fixture *f = *state;
    make_elf64(f->image);
    add_pvh_note(f->image, LOAD);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_OK);
    put_le64(phdr(f->image, 0) + 8, IMAGE);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_INVALID);
    assert_non_null(strstr(f->error, "truncated"));
    make_flat_mb1(f);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_OK);
    put_le32(f->image + 0x300 + 20, LOAD + IMAGE);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_INVALID);
    mb2_header(f);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_OK);
    put_tag(f->image + 0x410, 5, 0, 20);
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_UNSUPPORTED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_pvh), T(test_pvh_refusals), T(test_hostile_notes), T(test_hostile_segments),
        T(test_hostile_elf_headers), T(test_multiboot1_elf), T(test_round_trip),
        T(test_multiboot1_flat), T(test_multiboot1_hostile), T(test_virtual_entry),
        T(test_multiboot2), T(test_multiboot2_basic_memory),
        T(test_multiboot2_flat), T(test_multiboot2_refusals), T(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
