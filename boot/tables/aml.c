/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writer of AML (ACPI 6.5, chapter 20: encodings) and of resource descriptors (6.4).
 * Called by guest_dsdt.c. Lengths precede their contents and are themselves of variable
 * length, so closing a block moves its contents by the bytes its length takes.
 */
#include "socle/aml.h"

#include "socle/le.h"

enum {                          /* opcodes, ACPI 6.5, 20.3 */
    OP_ZERO = 0x00, OP_ONE = 0x01, OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD = 0x0b, OP_DWORD = 0x0c,
    OP_STRING = 0x0d, OP_QWORD = 0x0e, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_PACKAGE = 0x12,
    OP_EXT = 0x5b, OP_EXT_DEVICE = 0x82
};

enum {                          /* resource descriptors, ACPI 6.5, 6.4.2 and 6.4.3 */
    RES_IRQ = 0x22, RES_IO = 0x47, RES_END = 0x79, RES_MEM32_FIXED = 0x86, RES_DWORD = 0x87,
    RES_WORD = 0x88, SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2, PRODUCER_FIXED = 0x0c,
    IO_ENTIRE_RANGE = 3, MEM_READ_WRITE = 1, IO_DECODE_16 = 1
};

/* Once something did not fit, nothing more is written: the output stays a clean prefix. */
static void put(struct aml *a, const void *p, size_t n)
{
    if (a->overflow || n > a->cap - a->len) {
        a->overflow = true;
        return;
    }
    memcpy(a->buf + a->len, p, n);
    a->len += n;
}

static void put8(struct aml *a, unsigned v)
{
    uint8_t b = (uint8_t)v;
    put(a, &b, 1);
}

static void put16(struct aml *a, unsigned v)
{
    uint8_t b[2];
    put_le16(b, (uint16_t)v);
    put(a, b, sizeof(b));
}

static void put32(struct aml *a, uint32_t v)
{
    uint8_t b[4];
    put_le32(b, v);
    put(a, b, sizeof(b));
}

void aml_init(struct aml *a, void *buf, size_t cap)
{
    *a = (struct aml){ .buf = buf, .cap = cap };
}

bool aml_good(const struct aml *a) { return !a->overflow && a->depth == 0; }

/* Contents start here; the length goes in front of them when the block is closed. */
static void open_block(struct aml *a, bool resources)
{
    if (a->depth == AML_DEPTH_MAX) {
        a->overflow = true;
        return;
    }
    a->open[a->depth].at = a->len;
    a->open[a->depth++].resources = resources;
}

/* 20.2.4: the length counts its own bytes; the first byte's top bits count the others. */
static unsigned pkg_length(uint8_t out[4], size_t contents)
{
    unsigned n = contents + 1 < 0x40 ? 1 : contents + 2 < 0x1000 ? 2
               : contents + 3 < 0x100000 ? 3 : 4;
    size_t v = contents + n;
    if (n == 1) {
        out[0] = (uint8_t)v;
        return 1;
    }
    out[0] = (uint8_t)((n - 1) << 6 | (v & 0xf));
    for (unsigned i = 1; i < n; i++)
        out[i] = (uint8_t)(v >> (8 * i - 4));
    return n;
}

void aml_end(struct aml *a)
{
    uint8_t length[4];
    if (a->depth == 0 || a->overflow) {
        a->overflow = true;
        return;
    }
    a->depth--;
    size_t at = a->open[a->depth].at;
    if (a->open[a->depth].resources) {
        put8(a, RES_END);
        put8(a, 0);                             /* no checksum */
        if (!a->overflow)
            put_le16(a->buf + at + 1, (uint16_t)(a->len - at - 3));
    }
    size_t contents = a->len - at;
    unsigned n = pkg_length(length, contents);
    put(a, length, n);                          /* makes the room */
    if (a->overflow)
        return;
    memmove(a->buf + at + n, a->buf + at, contents);
    memcpy(a->buf + at, length, n);
}

/* 20.2.2: a segment has four characters. */
static void put_path(struct aml *a, const char *path)
{
    char seg[4] = { '_', '_', '_', '_' };
    if (*path == '\\')
        put8(a, (uint8_t)*path++);
    memcpy(seg, path, strnlen(path, sizeof(seg)));
    put(a, seg, sizeof(seg));
}

/* 20.2.5.1 */
void aml_scope(struct aml *a, const char *path)
{
    put8(a, OP_SCOPE);
    open_block(a, false);
    put_path(a, path);
}

/* 20.2.5.2 */
void aml_device(struct aml *a, const char *path)
{
    put8(a, OP_EXT);
    put8(a, OP_EXT_DEVICE);
    open_block(a, false);
    put_path(a, path);
}

/* 20.2.5.4 */
void aml_package(struct aml *a, unsigned elements)
{
    put8(a, OP_PACKAGE);
    open_block(a, false);
    put8(a, elements);
}

/* 20.2.5.4: a buffer, its size as a word so that it can be filled in later. */
void aml_resources(struct aml *a)
{
    put8(a, OP_BUFFER);
    open_block(a, true);
    put8(a, OP_WORD);                           /* buffer size, known at the end */
    put16(a, 0);
}

void aml_name(struct aml *a, const char *path)
{
    put8(a, OP_NAME);
    put_path(a, path);
}

/* 20.2.3 */
void aml_int(struct aml *a, uint64_t v)
{
    uint8_t b[8];
    put_le64(b, v);
    if (v <= 1) {
        put8(a, v ? OP_ONE : OP_ZERO);
    } else if (v <= UINT8_MAX) {
        put8(a, OP_BYTE);
        put(a, b, 1);
    } else if (v <= UINT16_MAX) {
        put8(a, OP_WORD);
        put(a, b, 2);
    } else if (v <= UINT32_MAX) {
        put8(a, OP_DWORD);
        put(a, b, 4);
    } else {
        put8(a, OP_QWORD);
        put(a, b, 8);
    }
}

void aml_string(struct aml *a, const char *s)
{
    put8(a, OP_STRING);
    put(a, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10) & 15;
}

/* 19.3.4: three letters in 5 bits each and four hex digits, most significant byte first. */
void aml_eisa_id(struct aml *a, const char *id)
{
    uint32_t v = 0;
    if (strlen(id) != 7) {
        a->overflow = true;
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        v = v << 5 | ((unsigned)id[i] & 0x1f);
    for (unsigned i = 3; i < 7; i++)
        v = v << 4 | hex_digit(id[i]);
    put8(a, OP_DWORD);
    put32(a, __builtin_bswap32(v));
}

void aml_name_int(struct aml *a, const char *path, uint64_t v)
{
    aml_name(a, path);
    aml_int(a, v);
}

void aml_name_eisa(struct aml *a, const char *path, const char *id)
{
    aml_name(a, path);
    aml_eisa_id(a, id);
}

void aml_name_string(struct aml *a, const char *path, const char *s)
{
    aml_name(a, path);
    aml_string(a, s);
}

/* 6.4.2.1, short form. */
void aml_res_irq(struct aml *a, uint16_t mask)
{
    put8(a, RES_IRQ);
    put16(a, mask);
}

/* 6.4.2.5. Lowest and highest base are the same: it cannot be moved. */
void aml_res_io(struct aml *a, uint16_t base, uint8_t len)
{
    put8(a, RES_IO);
    put8(a, IO_DECODE_16);
    put16(a, base);
    put16(a, base);
    put8(a, 1);                                 /* alignment */
    put8(a, len);
}

/* 6.4.3.4 */
void aml_res_mem32(struct aml *a, uint32_t base, uint32_t len, bool writable)
{
    put8(a, RES_MEM32_FIXED);
    put16(a, 9);
    put8(a, writable);
    put32(a, base);
    put32(a, len);
}

/* 6.4.3.5.3: a window the device hands on to those behind it. */
static void word_window(struct aml *a, unsigned space, unsigned flags, unsigned first,
                        unsigned last)
{
    put8(a, RES_WORD);
    put16(a, 13);
    put8(a, space);
    put8(a, PRODUCER_FIXED);
    put8(a, flags);
    put16(a, 0);                                /* granularity */
    put16(a, first);
    put16(a, last);
    put16(a, 0);                                /* translation */
    put16(a, last - first + 1);
}

void aml_res_bus(struct aml *a, uint16_t first, uint16_t last)
{
    word_window(a, SPACE_BUS, 0, first, last);
}

void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last)
{
    word_window(a, SPACE_IO, IO_ENTIRE_RANGE, first, last);
}

/* 6.4.3.5.2; not cacheable. */
void aml_res_mem32_window(struct aml *a, uint32_t base, uint32_t len)
{
    put8(a, RES_DWORD);
    put16(a, 23);
    put8(a, SPACE_MEMORY);
    put8(a, PRODUCER_FIXED);
    put8(a, MEM_READ_WRITE);
    put32(a, 0);
    put32(a, base);
    put32(a, base + len - 1);
    put32(a, 0);
    put32(a, len);
}
