/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loader of Linux bzImages by the Linux/x86 boot protocol (kernel documentation,
 * arch/x86/boot.rst and zero-page.rst): its 64-bit entry when the kernel offers it, else
 * the 32-bit one; the kernel's real-mode code is never run. Called by load_kernel()
 * when a guest starts; everything in the image is hostile. Does not decompress.
 */
#include "load_priv.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/le.h"

enum {                          /* setup header, offsets in the image and in the zero page */
    H_START = 0x1f1, H_SETUP_SECTS = 0x1f1, H_SYSSIZE = 0x1f4, H_BOOT_FLAG = 0x1fe,
    H_JUMP_OFFSET = 0x201, H_MAGIC = 0x202, H_VERSION = 0x206, H_LOADER = 0x210,
    H_LOADFLAGS = 0x211, H_CODE32_START = 0x214, H_RAMDISK = 0x218, H_RAMDISK_SIZE = 0x21c,
    H_CMDLINE = 0x228, H_INITRD_MAX = 0x22c, H_ALIGNMENT = 0x230, H_RELOCATABLE = 0x234,
    H_XLOADFLAGS = 0x236, H_CMDLINE_SIZE = 0x238, H_SETUP_DATA = 0x250, H_PREF_ADDRESS = 0x258,
    H_INIT_SIZE = 0x260, H_END_MIN = 0x230, H_END_MAX = 0x290
};

enum {                          /* the rest of the zero page */
    Z_RSDP = 0x070, Z_EXT_RAMDISK = 0x0c0, Z_EXT_RAMDISK_SIZE = 0x0c4, Z_ALT_MEM_K = 0x1e0,
    Z_E820_ENTRIES = 0x1e8, Z_E820_TABLE = 0x2d0, Z_E820_LEN = 20, Z_E820_MAX = 128
};

enum {
    HDRS_MAGIC = 0x53726448, BOOT_FLAG_MAGIC = 0xaa55, LOADED_HIGH = BIT(0),
    KEEP_SEGMENTS = BIT(6), CAN_USE_HEAP = BIT(7), XLF_KERNEL_64 = BIT(0),
    XLF_ABOVE_4G = BIT(1), LOADER_UNDEFINED = 0xff, ENTRY_64 = 0x200, SECTOR = 512,
    DEFAULT_LOAD = 0x100000, DEFAULT_CMDLINE = 255, SETUP_RNG_SEED = 9, SEED_MAX = 64
};

_Static_assert((int)H_END_MAX <= (int)Z_E820_TABLE && (int)H_START > (int)Z_E820_ENTRIES,
               "zero page fields");
_Static_assert(Z_E820_TABLE + Z_E820_MAX * Z_E820_LEN <= (int)PAGE_SIZE, "zero page size");
_Static_assert((int)GUEST_E820_MAX <= (int)Z_E820_MAX, "memory map fits the zero page");

struct linux_image {
    const uint8_t *file;
    uint64_t file_len;
    uint32_t version;           /* 0x20c: 2.12 */
    uint32_t header_end;
    uint64_t code;              /* offset of the protected-mode code in the file */
    uint64_t code_len;
    bool     entry_64, above_4g, relocatable;
    uint64_t load;              /* where the code goes */
    uint64_t run, run_end;      /* memory the kernel uses before it reads the memory map */
    uint64_t initrd_max;        /* an initrd ends at or below this address */
    uint32_t cmdline_max;       /* without the NUL */
};

/* Fields that later protocol versions added; 0 in older images. */
static uint64_t field(const struct linux_image *k, uint32_t since, uint32_t at, unsigned size)
{
    if (k->version < since || at + size > k->header_end)
        return 0;
    switch (size) {
    case 1:  return k->file[at];
    case 2:  return get_le16(k->file + at);
    case 4:  return get_le32(k->file + at);
    default: return get_le64(k->file + at);
    }
}

/* boot.rst, real-mode header: what identifies an image and what we refuse of the old ones. */
static hv_status check_header(struct linux_image *k, const struct load_error *e)
{
    if (k->file_len < H_END_MIN)
        return load_fail(e, HV_INVALID, "truncated: only %llu bytes",
                         (unsigned long long)k->file_len);
    if (get_le16(k->file + H_BOOT_FLAG) != BOOT_FLAG_MAGIC
        || get_le32(k->file + H_MAGIC) != HDRS_MAGIC)
        return load_fail(e, HV_UNSUPPORTED, "not a Linux kernel image (no setup header)");
    k->version = get_le16(k->file + H_VERSION);
    if (k->version < 0x204)
        return load_fail(e, HV_UNSUPPORTED, "boot protocol %u.%02u is too old: 2.04 or newer "
                         "(Linux 2.6.14, 2005) is needed", k->version >> 8, k->version & 255);
    if (!(k->file[H_LOADFLAGS] & LOADED_HIGH))
        return load_fail(e, HV_UNSUPPORTED, "a zImage, which loads below 1 MiB: build a bzImage");
    /* The jump over the header says where it ends; its fields reach that far and no further. */
    k->header_end = H_MAGIC + k->file[H_JUMP_OFFSET];
    if (k->header_end < H_END_MIN || k->header_end > H_END_MAX || k->header_end > k->file_len)
        return load_fail(e, HV_INVALID, "damaged: its setup header ends at %#x", k->header_end);
    return HV_OK;
}

/* setup_sects and syssize: where the protected-mode code starts and how long it is. */
static hv_status check_length(struct linux_image *k, const struct load_error *e)
{
    uint32_t sects = k->file[H_SETUP_SECTS] ? k->file[H_SETUP_SECTS] : 4;
    uint64_t paragraphs = get_le32(k->file + H_SYSSIZE);
    k->code = (sects + 1) * SECTOR;
    uint64_t whole = k->code + paragraphs * 16;
    /* Old kernels round the size up to 16 without padding the file. */
    if (k->file_len <= k->code || whole > k->file_len + 15)
        return load_fail(e, HV_INVALID, "truncated: its header says %llu bytes, the file has %llu",
                         (unsigned long long)max_u64(whole, k->code + 1),
                         (unsigned long long)k->file_len);
    k->code_len = paragraphs ? min_u64(whole, k->file_len) - k->code : k->file_len - k->code;
    return HV_OK;
}

/* Load address, and the memory the decompressor and the kernel need (boot.rst, init_size). */
static hv_status place_kernel(struct linux_image *k, const struct load_error *e)
{
    uint64_t align = k->version >= 0x205 ? field(k, 0x205, H_ALIGNMENT, 4) : 1;
    uint64_t pref = field(k, 0x20a, H_PREF_ADDRESS, 8);
    uint64_t init_size = field(k, 0x20a, H_INIT_SIZE, 4);
    k->relocatable = field(k, 0x205, H_RELOCATABLE, 1);
    if (k->relocatable && !is_pow2(align))
        return load_fail(e, HV_INVALID, "damaged: alignment %#llx is no power of two",
                         (unsigned long long)align);
    if (pref >= PLAT_HOLE_START || align >= PLAT_HOLE_START
        || (!k->relocatable && pref && pref < DEFAULT_LOAD))
        return load_fail(e, HV_INVALID, "damaged: it wants to run at %#llx",
                         (unsigned long long)max_u64(pref, align));
    /* A relocatable kernel loaded below its preferred address would move there anyway. */
    k->load = DEFAULT_LOAD;
    if (k->relocatable)
        k->load = align_up(max_u64(pref, DEFAULT_LOAD), align);
    k->run = k->relocatable || !pref ? k->load : pref;
    k->run_end = max_u64(k->run + max_u64(init_size, k->code_len), k->load + k->code_len);
    return HV_OK;
}

/* Reads and checks all that does not depend on the guest. */
static hv_status read_image(struct linux_image *k, const struct load_file *f, bool cpu_64bit,
                            const struct load_error *e)
{
    *k = (struct linux_image){ .file = f->data, .file_len = f->len };
    hv_status s = check_header(k, e);
    if (s == HV_OK)
        s = check_length(k, e);
    if (s == HV_OK)
        s = place_kernel(k, e);
    if (s != HV_OK)
        return s;
    uint64_t xlf = field(k, 0x20c, H_XLOADFLAGS, 2);
    k->entry_64 = (xlf & XLF_KERNEL_64) && cpu_64bit;
    k->above_4g = (xlf & XLF_ABOVE_4G) && k->entry_64;
    if (k->entry_64 && k->code_len <= ENTRY_64)
        return load_fail(e, HV_INVALID, "truncated: no code at its 64-bit entry");
    /* The field is the highest address an initrd may occupy. */
    k->initrd_max = (uint64_t)get_le32(k->file + H_INITRD_MAX) + 1;
    uint64_t size = field(k, 0x206, H_CMDLINE_SIZE, 4);
    k->cmdline_max = (uint32_t)min_u64(size ? size : DEFAULT_CMDLINE, LOAD_CMDLINE_MAX);
    return HV_OK;
}

/* The kernel's code, and that the guest has the memory it runs in. */
static hv_status add_kernel(struct load_plan *p, const struct linux_image *k,
                            const struct load_request *r, const struct load_error *e)
{
    char need[FMT_SIZE_LEN], has[FMT_SIZE_LEN];
    uint64_t low = min_u64(k->load, k->run);
    if (k->run_end > PLAT_HOLE_START)
        return load_fail(e, HV_INVALID, "damaged: it wants memory up to %#llx to unpack itself",
                         (unsigned long long)k->run_end);
    if (!guest_layout_is_ram(r->layout, low, k->run_end - low))
        return load_fail(e, HV_NOMEM, "it needs at least %s of memory to unpack itself, "
                         "the guest has %s", fmt_size(need, align_up(k->run_end, MIB(1))),
                         fmt_size(has, r->layout->low_ram + r->layout->high_ram));
    hv_status s = plan_add(p, r->layout, k->load, k->file + k->code, k->code_len, 0);
    if (s != HV_OK)
        return load_fail(e, s, "cannot be placed at %#llx: %s", (unsigned long long)k->load,
                         hv_status_text(s));
    return HV_OK;
}

/* Below 4 GiB if possible, since every kernel can take it there. */
static hv_status add_initrd(struct load_plan *p, const struct linux_image *k,
                            const struct load_request *r, uint8_t *zero,
                            const struct load_error *e)
{
    uint64_t at, len, max = k->initrd_max;
    uint64_t sum = 0, spare;
    for (uint32_t i = 0; i < r->files && i < LOAD_FILES_MAX; i++)
        sum += align_up(min_u64(r->file[i].len, UINT32_MAX * 16ull), 4);
    if (k->above_4g && !guest_layout_top(r->layout, sum, PAGE_SIZE, k->run_end, max, &spare))
        max = UINT64_MAX;
    hv_status s = plan_add_initrds(p, r, k->run_end, max, &at, &len, e);
    if (s != HV_OK)
        return s;
    if (len > UINT32_MAX && !k->above_4g)
        return load_fail(e, HV_RANGE, "its initrd is larger than 4 GiB");
    put_le32(zero + H_RAMDISK, (uint32_t)at);
    put_le32(zero + H_RAMDISK_SIZE, (uint32_t)len);
    if (k->above_4g) {
        put_le32(zero + Z_EXT_RAMDISK, (uint32_t)(at >> 32));
        put_le32(zero + Z_EXT_RAMDISK_SIZE, (uint32_t)(len >> 32));
    }
    return HV_OK;
}

/* A cut command line would boot something else than asked for, so it is an error. */
static hv_status add_cmdline(struct load_plan *p, const struct linux_image *k,
                             const struct load_request *r, uint8_t *zero,
                             const struct load_error *e)
{
    const char *text = r->cmdline ? r->cmdline : "";
    size_t len = strnlen(text, LOAD_CMDLINE_MAX + 1);
    if (len > k->cmdline_max)
        return load_fail(e, HV_RANGE, "the command line is too long: this kernel takes %u "
                         "characters", k->cmdline_max);
    put_le32(zero + H_CMDLINE, LOW_CMDLINE);
    return plan_add_blob(p, r->layout, LOW_CMDLINE, text, len + 1);
}

/* boot.rst, setup_data: random bytes, so that the kernel's generator starts unpredictable. */
static hv_status add_seed(struct load_plan *p, const struct linux_image *k,
                          const struct load_request *r, uint8_t *zero)
{
    uint8_t node[16 + SEED_MAX] = { 0 };        /* next, type, length, data */
    uint32_t len = (uint32_t)min_u64(r->seed_len, SEED_MAX);
    if (!r->seed || !len || k->version < 0x209)
        return HV_OK;
    put_le32(node + 8, SETUP_RNG_SEED);
    put_le32(node + 12, len);
    memcpy(node + 16, r->seed, len);
    put_le64(zero + H_SETUP_DATA, LOW_DATA);
    return plan_add_blob(p, r->layout, LOW_DATA, node, 16 + len);
}

/*
 * zero-page.rst. Everything but the copied header starts as zero, which also clears the
 * sentinel that tells the kernel whether the rest can be trusted.
 */
static void fill_zero_page(uint8_t *zero, const struct linux_image *k,
                           const struct load_request *r)
{
    const struct guest_layout *l = r->layout;
    memcpy(zero + H_START, k->file + H_START, k->header_end - H_START);
    zero[H_LOADER] = LOADER_UNDEFINED;
    zero[H_LOADFLAGS] &= (uint8_t)~(CAN_USE_HEAP | KEEP_SEGMENTS);
    put_le32(zero + H_CODE32_START, (uint32_t)k->load);
    /* A pointer left in the file would make the kernel follow it. */
    if (k->header_end >= H_SETUP_DATA + 8)
        put_le64(zero + H_SETUP_DATA, 0);
    put_le64(zero + Z_RSDP, r->rsdp.v);
    put_le32(zero + Z_ALT_MEM_K, (uint32_t)((l->low_ram - MIB(1)) >> 10));
    zero[Z_E820_ENTRIES] = (uint8_t)l->entries;
    for (uint32_t i = 0; i < l->entries; i++) {
        uint8_t *to = zero + Z_E820_TABLE + i * Z_E820_LEN;
        put_le64(to, l->entry[i].base);
        put_le64(to + 8, l->entry[i].len);
        put_le32(to + 16, l->entry[i].type);
    }
}

/* All that goes below 1 MiB, and the entry state. RSI: the zero page, in both protocols. */
static hv_status add_small_parts(struct load_plan *p, const struct linux_image *k,
                                 const struct load_request *r, uint8_t *zero,
                                 const struct load_error *e)
{
    hv_status s = add_cmdline(p, k, r, zero, e);
    if (s != HV_OK)
        return s;
    s = add_seed(p, k, r, zero);
    if (s == HV_OK)
        s = plan_add(p, r->layout, LOW_INFO, zero, PAGE_SIZE, 0);
    if (s == HV_OK)
        s = k->entry_64 ? plan_enter_64(p, r->layout, k->load + ENTRY_64)
                        : plan_enter_32(p, r->layout, k->load);
    if (s != HV_OK)
        return load_fail(e, s, "its boot parameters cannot be placed: %s", hv_status_text(s));
    p->entry.gpr[GPR_RSI] = LOW_INFO;
    return HV_OK;
}

hv_status load_linux(struct load_plan *p, const struct load_request *r, char *error,
                     size_t error_len)
{
    const struct load_error e = { r->kernel.name, error, error_len };
    struct linux_image k;
    hv_status s = read_image(&k, &r->kernel, r->cpu_64bit, &e);
    if (s != HV_OK)
        return s;
    plan_init(p, IMAGE_LINUX, k.entry_64 ? "Linux, 64-bit entry" : "Linux, 32-bit entry");
    uint8_t *zero = plan_room(p, PAGE_SIZE);
    if (!zero)
        return load_fail(&e, HV_NOMEM, "no room for its boot parameters");
    fill_zero_page(zero, &k, r);
    s = add_kernel(p, &k, r, &e);
    if (s == HV_OK)
        s = add_initrd(p, &k, r, zero, &e);
    if (s == HV_OK)
        s = add_small_parts(p, &k, r, zero, &e);
    return s;
}

hv_status load_linux_check(const struct load_file *f, const struct load_error *e)
{
    struct linux_image k;
    return read_image(&k, f, true, e);
}
