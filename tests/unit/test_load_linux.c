/* SPDX-License-Identifier: BSD-2-Clause */
/* The Linux loader against Documentation/arch/x86/boot.rst, on images made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "socle/bits.h"
#include "socle/le.h"
#include "socle/loader.h"

enum { SETUP = 5 * 512, CODE = 64 << 10, IMAGE = SETUP + CODE, ZERO = 0x7000 };

struct fixture {
    struct guest_machine machine;
    struct guest_layout layout;
    struct load_request req;
    struct load_file initrd[LOAD_FILES_MAX + 1];
    uint8_t image[IMAGE];
    char error[LOAD_ERROR_LEN];
    struct load_plan plan;
};

/* A header as Linux 6.1 has it: 2.15, relocatable, both entries. */
static void make_image(uint8_t *p)
{
    memset(p, 0, SETUP);
    for (int i = 0; i < CODE; i++)
        p[SETUP + i] = (uint8_t)(i * 7);
    p[0x1f1] = 4;                               /* setup_sects */
    put_le32(p + 0x1f4, CODE / 16);
    put_le16(p + 0x1fe, 0xaa55);
    p[0x200] = 0xeb;
    p[0x201] = 0x6a;                            /* header ends at 0x26c */
    memcpy(p + 0x202, "HdrS", 4);
    put_le16(p + 0x206, 0x20f);
    p[0x211] = 0xc1;                            /* LOADED_HIGH, KEEP_SEGMENTS, CAN_USE_HEAP */
    put_le32(p + 0x214, 0x100000);
    put_le32(p + 0x22c, 0x7fffffff);
    put_le32(p + 0x230, 0x200000);
    p[0x234] = 1;
    p[0x235] = 21;
    put_le16(p + 0x236, 0x7f);
    put_le32(p + 0x238, 2047);
    put_le64(p + 0x250, 0x1122334455667788);    /* rubbish setup_data must not survive */
    put_le64(p + 0x258, 0x1000000);
    put_le32(p + 0x260, 0x2000000);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->machine = (struct guest_machine){ .vcpus = 1, .memory = MIB(256) };
    guest_layout(&f->layout, &f->machine);
    make_image(f->image);
    f->req = (struct load_request){
        .kernel = { "vmlinuz", f->image, IMAGE, NULL }, .cmdline = "console=ttyS0",
        .layout = &f->layout, .rsdp = gpa(0xe0000), .cpu_64bit = true, .file = f->initrd,
    };
    *state = f;
    return 0;
}

static int teardown(void **state) { free(*state); return 0; }

static hv_status load(struct fixture *f)
{
    strcpy(f->error, "untouched");
    return load_kernel(&f->plan, &f->req, f->error, sizeof(f->error));
}

static void set_memory(struct fixture *f, uint64_t bytes)
{
    f->machine.memory = bytes;
    guest_layout(&f->layout, &f->machine);
}

/* The byte the plan puts at an address; -1: none. */
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

static void check_invariants(const struct fixture *f)
{
    const struct load_plan *p = &f->plan;
    assert_true(p->segments > 0 && p->segments <= LOAD_SEGMENTS_MAX);
    for (uint32_t i = 0; i < p->segments; i++) {
        const struct load_segment *s = &p->segment[i];
        assert_true(guest_layout_is_ram(&f->layout, s->gpa.v, s->len + s->zero));
        for (uint32_t j = 0; j < i; j++)
            assert_false(range_overlaps(s->gpa.v, s->len + s->zero, p->segment[j].gpa.v,
                                        p->segment[j].len + p->segment[j].zero));
    }
}

static void test_entry_64(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f), HV_OK);
    check_invariants(f);
    const struct vcpu_state *s = &f->plan.entry;
    assert_int_equal(f->plan.kind, IMAGE_LINUX);
    assert_int_equal(s->rip, 0x1000200);
    assert_int_equal(s->gpr[GPR_RSI], ZERO);
    assert_int_equal(s->rflags, 2);
    assert_int_equal(s->cr0 & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
    assert_int_equal(s->cr4, CR4_PAE);
    assert_int_equal(s->efer, EFER_LME | EFER_LMA);
    assert_int_equal(s->seg[SEG_CS].sel, 0x10);
    assert_int_equal(s->seg[SEG_CS].attr, 0xa9b);
    assert_int_equal(s->seg[SEG_DS].sel, 0x18);
    assert_int_equal(s->seg[SEG_SS].attr, 0xc93);
    assert_int_equal(s->tr.attr, 0x8b);
    assert_int_equal(s->tr.sel, 0);
    assert_int_equal(s->tr.limit, 0x67);
    assert_int_equal(s->gdtr.limit, 31);
    assert_int_equal(s->idtr.limit, 0);                 /* no vectors: faults stop the guest */
    assert_int_equal(s->dr7, 0x400);
    assert_int_equal(s->pat, 0x0007040600070406);
    assert_int_equal(value_at(&f->plan, s->gdtr.base + 0x10, 8), 0x00af9b000000ffff);
    assert_int_equal(value_at(&f->plan, s->gdtr.base + 0x18, 8), 0x00cf93000000ffff);
    /* the code, unchanged */
    assert_int_equal(byte_at(&f->plan, 0x1000000), f->image[SETUP]);
    assert_int_equal(byte_at(&f->plan, 0x1000000 + CODE - 1), f->image[IMAGE - 1]);
    assert_int_equal(byte_at(&f->plan, 0x1000000 + CODE), -1);
}

static void test_page_tables(void **state)
{
    struct fixture *f = *state;
    static const uint64_t addr[] = { 0, 0x7123, 0x1000200, 0x3fffffff, 0x40000000, 0xfee00000,
                                     0xffffffff };
    assert_int_equal(load(f), HV_OK);
    for (size_t i = 0; i < ARRAY_LEN(addr); i++) {
        uint64_t a = addr[i], t = f->plan.entry.cr3;
        for (int shift = 39; shift >= 30; shift -= 9) {
            t = value_at(&f->plan, t + 8 * (a >> shift & 511), 8);
            assert_int_equal(t & 0xfff, 3);
            t &= ~0xfffull;
        }
        t = value_at(&f->plan, t + 8 * (a >> 21 & 511), 8);
        assert_int_equal(t, (a & ~0x1fffffull) | 0x83);
    }
    assert_int_equal(value_at(&f->plan, f->plan.entry.cr3 + 8, 8), 0);
}

static void test_zero_page(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f), HV_OK);
    const struct load_plan *p = &f->plan;
    for (int i = 0x1f1; i < 0x210; i++)
        assert_int_equal(byte_at(p, ZERO + i), f->image[i]);
    assert_int_equal(byte_at(p, ZERO + 0x210), 0xff);
    assert_int_equal(byte_at(p, ZERO + 0x211), 0x01);           /* no heap */
    assert_int_equal(value_at(p, ZERO + 0x214, 4), 0x1000000);
    assert_int_equal(value_at(p, ZERO + 0x218, 8), 0);          /* no initrd */
    assert_int_equal(value_at(p, ZERO + 0x250, 8), 0);          /* no setup_data */
    assert_int_equal(value_at(p, ZERO + 0x258, 8), 0x1000000);
    assert_int_equal(value_at(p, ZERO + 0x26c, 8), 0);          /* beyond the header */
    assert_int_equal(value_at(p, ZERO + 0x070, 8), 0xe0000);
    assert_int_equal(value_at(p, ZERO + 0x1ef, 1), 0);          /* sentinel */
    assert_int_equal(value_at(p, ZERO + 0x1e0, 4), 255 * 1024);
    uint64_t cmdline = value_at(p, ZERO + 0x228, 4);
    for (unsigned i = 0; i <= strlen("console=ttyS0"); i++)
        assert_int_equal(byte_at(p, cmdline + i), "console=ttyS0"[i]);
    assert_int_equal(byte_at(p, ZERO + 0x1e8), f->layout.entries);
    for (uint32_t i = 0; i < f->layout.entries; i++) {
        uint64_t e = ZERO + 0x2d0 + i * 20;
        assert_int_equal(value_at(p, e, 8), f->layout.entry[i].base);
        assert_int_equal(value_at(p, e + 8, 8), f->layout.entry[i].len);
        assert_int_equal(value_at(p, e + 16, 4), f->layout.entry[i].type);
    }
}

static void check_entry_32(struct fixture *f)
{
    const struct vcpu_state *s = &f->plan.entry;
    assert_int_equal(load(f), HV_OK);
    check_invariants(f);
    assert_int_equal(s->cr0 & (CR0_PE | CR0_PG), CR0_PE);
    assert_int_equal(s->cr4 | s->efer | s->cr3, 0);
    assert_int_equal(s->seg[SEG_CS].attr, 0xc9b);
    assert_int_equal(s->gpr[GPR_RSI], ZERO);
    assert_int_equal(s->gpr[GPR_RBP] | s->gpr[GPR_RDI] | s->gpr[GPR_RBX], 0);
    assert_int_equal(value_at(&f->plan, s->gdtr.base + 0x10, 8), 0x00cf9b000000ffff);
    assert_int_equal(byte_at(&f->plan, s->rip), f->image[SETUP]);
}

static void test_entry_32(void **state)
{
    struct fixture *f = *state;
    put_le16(f->image + 0x236, 0);              /* a 32-bit kernel */
    check_entry_32(f);
    assert_int_equal(f->plan.entry.rip, 0x1000000);
    make_image(f->image);
    f->req.cpu_64bit = false;
    check_entry_32(f);
}

static void test_old_protocols(void **state)
{
    struct fixture *f = *state;
    put_le16(f->image + 0x206, 0x204);
    f->image[0x201] = 0x2e;                     /* header ends at 0x230 */
    check_entry_32(f);
    assert_int_equal(f->plan.entry.rip, 0x100000);
    /* 2.06: relocatable, without preferred address: first aligned place above 1 MiB */
    put_le16(f->image + 0x206, 0x206);
    f->image[0x201] = 0x3a;
    check_entry_32(f);
    assert_int_equal(f->plan.entry.rip, 0x200000);
    put_le16(f->image + 0x206, 0x205);          /* the first that can be relocatable */
    f->image[0x201] = 0x33;
    check_entry_32(f);
    assert_int_equal(f->plan.entry.rip, 0x200000);
    char text[257];                             /* no command line size yet: 255 */
    memset(text, 'x', sizeof(text));
    text[255] = '\0';
    f->req.cmdline = text;
    assert_int_equal(load(f), HV_OK);
    text[255] = 'x';
    text[256] = '\0';
    assert_int_equal(load(f), HV_RANGE);
    f->req.cmdline = NULL;
    put_le16(f->image + 0x206, 0x203);
    assert_int_equal(load(f), HV_UNSUPPORTED);
    assert_non_null(strstr(f->error, "2.04"));
}

static void test_not_relocatable(void **state)
{
    struct fixture *f = *state;
    f->image[0x234] = 0;
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(f->plan.entry.rip, 0x100200);
    put_le64(f->image + 0x258, 0x100000);       /* runs where it is loaded */
    assert_int_equal(load(f), HV_OK);
    put_le64(f->image + 0x258, 0x1000000);
    /* It will move itself: that memory must exist, and the initrd stay out of it. */
    set_memory(f, MIB(40));
    assert_int_equal(load(f), HV_NOMEM);
    assert_non_null(strstr(f->error, "48M"));
}

static uint8_t initrd_data[3][4096];

static void add_initrds(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        memset(initrd_data[i], 'a' + i, sizeof(initrd_data[i]));
    f->initrd[0] = (struct load_file){ "a", initrd_data[0], 5, NULL };
    f->initrd[1] = (struct load_file){ "b", initrd_data[1], 0, NULL };
    f->initrd[2] = (struct load_file){ "c", initrd_data[2], 4096, NULL };
    f->req.files = 3;
}

static void test_initrds(void **state)
{
    struct fixture *f = *state;
    add_initrds(f);
    assert_int_equal(load(f), HV_OK);
    check_invariants(f);
    uint64_t at = value_at(&f->plan, ZERO + 0x218, 4);
    assert_int_equal(value_at(&f->plan, ZERO + 0x21c, 4), 8 + 4096);
    assert_int_equal(at % 4096, 0);
    assert_int_equal(at, MIB(256) - 8192);              /* as high as it goes */
    assert_int_equal(byte_at(&f->plan, at + 4), 'a');
    assert_int_equal(byte_at(&f->plan, at + 5), 0);
    assert_int_equal(byte_at(&f->plan, at + 7), 0);
    assert_int_equal(byte_at(&f->plan, at + 8), 'c');
    assert_int_equal(byte_at(&f->plan, at + 8 + 4095), 'c');
}

static void test_initrd_limits(void **state)
{
    struct fixture *f = *state;
    add_initrds(f);
    put_le32(f->image + 0x22c, 0x37ffffff);
    set_memory(f, GIB(2));
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(value_at(&f->plan, ZERO + 0x218, 4), 0x38000000 - 8192);
    put_le16(f->image + 0x236, 1);                      /* not above 4 GiB */
    put_le32(f->image + 0x22c, 0x2ffffff);
    assert_int_equal(load(f), HV_RANGE);
    assert_non_null(strstr(f->error, "0x3000000"));
    put_le32(f->image + 0x22c, 0x7fffffff);
    set_memory(f, MIB(48) + 4096);                      /* the kernel fits, the initrd does not */
    assert_int_equal(load(f), HV_NOMEM);
    assert_non_null(strstr(f->error, "49M"));
    f->initrd[0].len = UINT64_MAX;
    assert_int_equal(load(f), HV_RANGE);
    f->initrd[0].len = UINT64_MAX / 2 - 8;
    f->initrd[1].len = UINT64_MAX / 2 - 8;
    assert_int_not_equal(load(f), HV_OK);
    f->req.files = LOAD_FILES_MAX + 1;
    assert_int_equal(load(f), HV_RANGE);
}

static void test_initrd_above_4g(void **state)
{
    struct fixture *f = *state;
    set_memory(f, GIB(8));
    f->initrd[0] = (struct load_file){ "big", initrd_data[0], GIB(3), NULL };
    f->req.files = 1;
    assert_int_equal(load(f), HV_OK);
    uint64_t at = value_at(&f->plan, ZERO + 0x218, 4) | value_at(&f->plan, ZERO + 0xc0, 4) << 32;
    assert_int_equal(at, GIB(9) - GIB(3));
    assert_int_equal(value_at(&f->plan, ZERO + 0x21c, 4), GIB(3));
    put_le16(f->image + 0x236, 1);
    assert_int_equal(load(f), HV_RANGE);
}

static void test_cmdline_limit(void **state)
{
    struct fixture *f = *state;
    char text[LOAD_CMDLINE_MAX + 100];
    memset(text, 'x', sizeof(text));
    text[2047] = '\0';
    f->req.cmdline = text;
    assert_int_equal(load(f), HV_OK);
    text[2047] = 'x';
    text[2048] = '\0';
    assert_int_equal(load(f), HV_RANGE);
    assert_non_null(strstr(f->error, "2047"));
    put_le32(f->image + 0x238, UINT32_MAX);             /* we bound it ourselves */
    text[2048] = 'x';
    text[LOAD_CMDLINE_MAX] = '\0';
    assert_int_equal(load(f), HV_OK);
    text[LOAD_CMDLINE_MAX] = 'x';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(load(f), HV_RANGE);
    f->req.cmdline = NULL;
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(value_at(&f->plan, value_at(&f->plan, ZERO + 0x228, 4), 1), 0);
}

static void test_seed(void **state)
{
    struct fixture *f = *state;
    uint8_t seed[32];
    memset(seed, 0x5a, sizeof(seed));
    f->req.seed = seed;
    f->req.seed_len = sizeof(seed);
    assert_int_equal(load(f), HV_OK);
    uint64_t at = value_at(&f->plan, ZERO + 0x250, 8);
    assert_int_equal(value_at(&f->plan, at, 8), 0);
    assert_int_equal(value_at(&f->plan, at + 8, 4), 9);
    assert_int_equal(value_at(&f->plan, at + 12, 4), 32);
    assert_int_equal(byte_at(&f->plan, at + 16 + 31), 0x5a);
    f->req.seed = NULL;
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(value_at(&f->plan, ZERO + 0x250, 8), 0);
    f->req.seed = seed;
    f->req.seed_len = 0;
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(value_at(&f->plan, ZERO + 0x250, 8), 0);
    f->req.seed_len = 32;
    put_le16(f->image + 0x206, 0x208);                  /* setup_data came with 2.09 */
    assert_int_equal(load(f), HV_OK);
}

static void test_truncated(void **state)
{
    struct fixture *f = *state;
    static const uint64_t len[] = { 0, 1, 0x1ff, 0x210, 0x22f, 0x231, 0x26b, SETUP, SETUP + 1,
                                    IMAGE - 16 };
    for (size_t i = 0; i < ARRAY_LEN(len); i++) {
        uint8_t *copy = malloc(len[i] + 1);
        memcpy(copy, f->image, len[i]);
        f->req.kernel.data = realloc(copy, len[i] ? len[i] : 1);
        f->req.kernel.len = len[i];
        assert_int_not_equal(load(f), HV_OK);
        assert_int_equal(strncmp(f->error, "kernel \"vmlinuz\": ", 18), 0);
        free((void *)(uintptr_t)f->req.kernel.data);
    }
    f->req.kernel.data = f->image;
    f->req.kernel.len = 4096;
    assert_int_equal(load(f), HV_INVALID);
    assert_string_equal(f->error, "kernel \"vmlinuz\": truncated: its header says 68096 bytes, "
                        "the file has 4096");
    f->req.kernel.len = IMAGE - 15;                     /* unpadded, as old kernels are */
    assert_int_equal(load(f), HV_OK);
}

static void test_setup_sects(void **state)
{
    struct fixture *f = *state;
    f->image[0x1f1] = 0;                                /* means 4 */
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(byte_at(&f->plan, 0x1000000), f->image[SETUP]);
    f->image[0x1f1] = 255;
    assert_int_equal(load(f), HV_INVALID);
    make_image(f->image);
    put_le32(f->image + 0x1f4, 0);                      /* unknown size: the rest of the file */
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(byte_at(&f->plan, 0x1000000 + CODE - 1), f->image[IMAGE - 1]);
    put_le32(f->image + 0x1f4, UINT32_MAX);
    assert_int_equal(load(f), HV_INVALID);
    put_le32(f->image + 0x1f4, CODE / 16 - 8);          /* a signature follows: not loaded */
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(byte_at(&f->plan, 0x1000000 + CODE - 128), -1);
}

static void test_hostile_fields(void **state)
{
    struct fixture *f = *state;
    put_le32(f->image + 0x260, UINT32_MAX);             /* init_size */
    assert_int_equal(load(f), HV_INVALID);
    make_image(f->image);
    put_le32(f->image + 0x260, 0x40000000);
    assert_int_equal(load(f), HV_NOMEM);
    assert_non_null(strstr(f->error, "1040M"));
    assert_non_null(strstr(f->error, "256M"));
    static const uint64_t pref[] = { UINT64_MAX, UINT64_MAX - 0xfff, 1ull << 63, 0xc0000000,
                                     0xfffff000 };
    for (size_t i = 0; i < ARRAY_LEN(pref); i++) {
        make_image(f->image);
        put_le64(f->image + 0x258, pref[i]);
        assert_int_equal(load(f), HV_INVALID);
        f->image[0x234] = 0;
        assert_int_equal(load(f), HV_INVALID);
    }
    static const uint32_t align[] = { 0, 3, 0x80000000, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(align); i++) {
        make_image(f->image);
        put_le32(f->image + 0x230, align[i]);
        assert_int_not_equal(load(f), HV_OK);
    }
    make_image(f->image);
    f->image[0x201] = 0xff;                             /* header into the memory map */
    assert_int_equal(load(f), HV_INVALID);
    f->image[0x201] = 0;
    assert_int_equal(load(f), HV_INVALID);
}

/* A preferred address below the loader's own small structures is not taken. */
static void test_low_pref_address(void **state)
{
    struct fixture *f = *state;
    put_le64(f->image + 0x258, 0x7000);
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(f->plan.entry.rip, 0x200200);
    check_invariants(f);
    f->image[0x234] = 0;
    assert_int_equal(load(f), HV_INVALID);
}

static void test_other_refusals(void **state)
{
    struct fixture *f = *state;
    f->image[0x211] = 0;
    assert_int_equal(load(f), HV_UNSUPPORTED);
    assert_non_null(strstr(f->error, "zImage"));
    memset(f->image, 0, sizeof(f->image));
    assert_int_equal(load(f), HV_UNSUPPORTED);
    memcpy(f->image, "QFI\xfb", 4);
    assert_int_equal(load(f), HV_UNSUPPORTED);
    assert_non_null(strstr(f->error, "qemu-img convert"));
    /* a short buffer is respected */
    char small[8] = "1234567";
    assert_int_equal(load_kernel(&f->plan, &f->req, small, 4), HV_UNSUPPORTED);
    assert_string_equal(small, "ker");
    assert_int_equal(small[4], '5');
    assert_int_equal(load_kernel(&f->plan, &f->req, small, 0), HV_UNSUPPORTED);
}

static void test_check(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_OK);
    f->req.kernel.len = 5000;
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_INVALID);
    f->req.kernel.len = 0;
    assert_int_equal(load_check(&f->req.kernel, f->error, sizeof(f->error)), HV_UNSUPPORTED);
    assert_string_equal(f->error, "kernel \"vmlinuz\": empty");
}

static void test_total_bytes(void **state)
{
    struct fixture *f = *state;
    add_initrds(f);
    assert_int_equal(load(f), HV_OK);
    assert_int_equal(load_plan_bytes(&f->plan), CODE + 8 + 4096 + 4096 + 6 * 4096 + 32
                     + strlen("console=ttyS0") + 1 + GUEST_LOWMEM_LEN);
}

/* Real-mode vectors and the BIOS data area are where firmware leaves them. */
static void test_low_memory(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f), HV_OK);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(value_at(&f->plan, 4 * i + 2, 2), 0xf000);
    assert_int_equal(value_at(&f->plan, 4 * 0x15, 2), 0xe070);
    assert_int_equal(value_at(&f->plan, 0x40e, 2), 0x9fc0);
    assert_int_equal(value_at(&f->plan, 0x413, 2), 639);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_entry_64), T(test_page_tables), T(test_zero_page), T(test_entry_32),
        T(test_old_protocols), T(test_not_relocatable), T(test_initrds), T(test_initrd_limits),
        T(test_initrd_above_4g), T(test_cmdline_limit), T(test_seed), T(test_truncated),
        T(test_setup_sects), T(test_hostile_fields), T(test_low_pref_address),
        T(test_other_refusals), T(test_check), T(test_total_bytes), T(test_low_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
