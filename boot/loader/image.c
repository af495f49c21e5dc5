/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tells files apart by their contents, for `socle check` and for the start of a guest:
 * which loader can take one, or what it is instead and what to do about it. Magic
 * numbers come from each format's specification, named beside them. Checks no more than
 * it needs to tell kinds apart.
 */
#include "socle/image.h"

#include "image_scan.h"
#include "socle/bits.h"
#include "socle/le.h"

struct kind_text {
    const char *name;           /* what it is */
    const char *why;            /* what to do about it; for kernels: nothing to do */
};

static const struct kind_text texts[IMAGE_KIND_COUNT] = {
    [IMAGE_LINUX] = { "a Linux kernel (bzImage)", "a Linux kernel (bzImage)" },
    [IMAGE_PVH] = { "an ELF kernel with PVH entry", "an ELF kernel with PVH entry" },
    [IMAGE_MULTIBOOT2] = { "a Multiboot 2 kernel", "a Multiboot 2 kernel" },
    [IMAGE_MULTIBOOT1] = { "a Multiboot 1 kernel", "a Multiboot 1 kernel" },
    [IMAGE_LINUX_OLD] = { "an old Linux kernel",
        "a Linux kernel with a boot protocol before 2.04, or a zImage: a bzImage of Linux "
        "2.6.14 or newer is needed" },
    [IMAGE_LINUX_OTHER] = { "a Linux kernel for another processor",
        "a Linux kernel for another processor: one for x86-64 is needed" },
    [IMAGE_ELF_OTHER] = { "an ELF file for another processor",
        "an ELF file for another processor: one for x86 is needed" },
    [IMAGE_ELF_PLAIN] = { "an ELF file without boot header",
        "an ELF file without PVH note or Multiboot header: for Linux name the bzImage "
        "(vmlinuz), not vmlinux" },
    [IMAGE_EFI] = { "an EFI program",
        "an EFI program that is no Linux kernel: start it from firmware (firmware = \"OVMF.fd\")" },
    [IMAGE_GZIP] = { "a gzip file", "compressed with gzip: unpack it first (gunzip)" },
    [IMAGE_XZ] = { "an xz file", "compressed with xz: unpack it first (unxz)" },
    [IMAGE_ZSTD] = { "a zstd file", "compressed with zstd: unpack it first (unzstd)" },
    [IMAGE_BZIP2] = { "a bzip2 file", "compressed with bzip2: unpack it first (bunzip2)" },
    [IMAGE_LZ4] = { "an lz4 file", "compressed with lz4: unpack it first (unlz4)" },
    [IMAGE_LZMA] = { "an lzma file", "compressed with lzma: unpack it first (unlzma)" },
    [IMAGE_LZOP] = { "an lzop file", "compressed with lzop: unpack it first (lzop -d)" },
    [IMAGE_QCOW2] = { "a qcow2 disk image",
        "a qcow2 disk image: convert it (qemu-img convert -O raw IN OUT) and use it as a disk" },
    [IMAGE_VMDK] = { "a VMDK disk image",
        "a VMDK disk image: convert it (qemu-img convert -O raw IN OUT) and use it as a disk" },
    [IMAGE_VHDX] = { "a VHDX disk image",
        "a VHDX disk image: convert it (qemu-img convert -O raw IN OUT) and use it as a disk" },
    [IMAGE_VHD] = { "a VHD disk image",
        "a VHD disk image: convert it (qemu-img convert -f vpc -O raw IN OUT) and use it as a "
        "disk" },
    [IMAGE_VDI] = { "a VDI disk image",
        "a VDI disk image: convert it (qemu-img convert -O raw IN OUT) and use it as a disk" },
    [IMAGE_ISO9660] = { "an ISO 9660 CD image",
        "a CD image: name it as a disk with cdrom = true, or take the kernel out of it" },
    [IMAGE_DISK] = { "a raw disk image",
        "a raw disk image: name it in [[guest.disk]], not as kernel" },
    [IMAGE_CPIO] = { "a cpio archive", "a cpio archive: name it as initrd, not as kernel" },
    [IMAGE_TAR] = { "a tar archive", "a tar archive: take the kernel out of it (tar -xf)" },
    [IMAGE_ZIP] = { "a zip archive", "a zip archive: take the kernel out of it (unzip)" },
    [IMAGE_FIRMWARE] = { "a firmware image",
        "a firmware image: name it with the key firmware, not kernel" },
    [IMAGE_TEXT] = { "a text file", "a text file, not a kernel" },
    [IMAGE_EMPTY] = { "an empty file", "empty" },
    [IMAGE_UNKNOWN] = { "a file of unknown kind",
        "not a kernel: a Linux bzImage, an ELF file with PVH note or a Multiboot kernel is "
        "needed" },
};

struct magic {
    uint32_t at;
    uint8_t  len;
    char     bytes[12];
    enum image_kind kind;
};

/* Checked in this order, after kernels. */
static const struct magic magics[] = {
    { 0, 2, "\x1f\x8b", IMAGE_GZIP },                       /* RFC 1952, 2.3.1 */
    { 0, 6, "\xfd" "7zXZ\0", IMAGE_XZ },                    /* .xz format, 2.1.1.1 */
    { 0, 4, "\x28\xb5\x2f\xfd", IMAGE_ZSTD },               /* RFC 8878, 3.1.1 */
    { 0, 3, "BZh", IMAGE_BZIP2 },
    { 0, 4, "\x04\x22\x4d\x18", IMAGE_LZ4 },                /* LZ4 frame format */
    { 0, 4, "\x02\x21\x4c\x18", IMAGE_LZ4 },                /* its legacy form, as Linux uses */
    { 0, 9, "\x89LZO\0\r\n\x1a\n", IMAGE_LZOP },
    { 0, 5, "\x5d\0\0\x80\0", IMAGE_LZMA },                 /* usual properties, 8 MiB window */
    { 0, 5, "\x5d\0\0\0\x04", IMAGE_LZMA },                 /* 64 MiB window */
    { 0, 4, "QFI\xfb", IMAGE_QCOW2 },
    { 0, 4, "KDMV", IMAGE_VMDK },
    { 0, 4, "COWD", IMAGE_VMDK },
    { 0, 12, "# Disk Descr", IMAGE_VMDK },
    { 0, 8, "vhdxfile", IMAGE_VHDX },
    { 0, 8, "conectix", IMAGE_VHD },                        /* dynamic: copy of the footer */
    { 64, 4, "\x7f\x10\xda\xbe", IMAGE_VDI },
    { 32769, 5, "CD001", IMAGE_ISO9660 },                   /* ECMA-119, 8.1 */
    { 0, 5, "07070", IMAGE_CPIO },
    { 0, 2, "\xc7\x71", IMAGE_CPIO },                       /* old binary form */
    { 257, 5, "ustar", IMAGE_TAR },                         /* POSIX pax, header block */
    { 0, 4, "PK\3\4", IMAGE_ZIP },
    { 40, 4, "_FVH", IMAGE_FIRMWARE },                      /* UEFI PI vol. 3, 3.2.1 */
    { 56, 4, "ARMd", IMAGE_LINUX_OTHER },                   /* arm64 booting.rst (bytes ARM\x64) */
    { 36, 4, "\x18\x28\x6f\x01", IMAGE_LINUX_OTHER },       /* 32-bit ARM zImage */
    { 56, 4, "RSC\x05", IMAGE_LINUX_OTHER },                /* RISC-V boot image header */
    { 0, 4, "\x27\x05\x19\x56", IMAGE_LINUX_OTHER },        /* U-Boot uImage */
};

static bool has(const uint8_t *p, size_t len, size_t at, const void *bytes, size_t n)
{
    return at <= len && len - at >= n && memcmp(p + at, bytes, n) == 0;
}

/* boot.rst: "HdrS" at 0x202, version at 0x206, bit 0 of loadflags: loads high. */
static bool identify_linux(const uint8_t *p, size_t len, enum image_kind *kind)
{
    if (len < 0x212 || !has(p, len, 0x1fe, "\x55\xaa", 2) || !has(p, len, 0x202, "HdrS", 4))
        return false;
    bool usable = get_le16(p + 0x206) >= 0x204 && (p[0x211] & 1);
    *kind = usable ? IMAGE_LINUX : IMAGE_LINUX_OLD;
    return true;
}

/* ELF gABI; machine 3 is the 386, 62 x86-64. */
static bool identify_elf(const uint8_t *p, size_t len, enum image_kind *kind)
{
    if (!has(p, len, 0, "\x7f" "ELF", 4))
        return false;
    if (len < 20 || p[5] != 1 || (get_le16(p + 18) != 3 && get_le16(p + 18) != 62)) {
        *kind = IMAGE_ELF_OTHER;
        return true;
    }
    uint32_t entry;
    size_t at;
    /*
     * Of several headers the one the kernel's own users rely on: 64-bit kernels with both
     * (NetBSD) are started by PVH, 32-bit ones (Xen) by Multiboot, the older version first
     * as other loaders do.
     */
    bool pvh = scan_pvh_note(p, len, &entry);
    if (pvh && p[4] == 2)
        *kind = IMAGE_PVH;
    else if (scan_multiboot1(p, len, &at))
        *kind = IMAGE_MULTIBOOT1;
    else if (scan_multiboot2(p, len, &at))
        *kind = IMAGE_MULTIBOOT2;
    else
        *kind = pvh ? IMAGE_PVH : IMAGE_ELF_PLAIN;
    return true;
}

/* PE/COFF 2-4: "MZ", the offset of "PE\0\0" at 0x3c. A zboot kernel says "zimg" (Linux, EFI). */
static bool identify_pe(const uint8_t *p, size_t len, enum image_kind *kind)
{
    if (len < 64 || !has(p, len, 0, "MZ", 2))
        return false;
    if (has(p, len, 56, "ARMd", 4) || has(p, len, 56, "RSC\x05", 4) || has(p, len, 4, "zimg", 4)) {
        *kind = IMAGE_LINUX_OTHER;
        return true;
    }
    *kind = IMAGE_EFI;
    return has(p, len, get_le32(p + 60), "PE\0\0", 4);
}

/* A ROM ends in its reset vector: some jump 16 bytes before the end of a 64 KiB multiple. */
static bool identify_rom(const uint8_t *p, size_t len)
{
    if (len < KIB(64) || len > MIB(16) || len % KIB(64))
        return false;
    const uint8_t *reset = p + len - 16;
    return reset[0] == 0xea || reset[0] == 0xe9 || (reset[0] == 0xeb && reset[1] >= 0x80)
        || has(reset, 16, 0, "\x90\x90\xe9", 3) || has(reset, 16, 0, "\x0f\x09\xe9", 3);
}

/* Boot sector signature and a plausible partition entry, or a GPT header in sector 1. */
static bool identify_disk(const uint8_t *p, size_t len)
{
    return len >= 512 && (has(p, len, 510, "\x55\xaa", 2) || has(p, len, 512, "EFI PART", 8));
}

/* Length of the UTF-8 character at p, 0: none starts there (RFC 3629, 4, less exact). */
static size_t utf8_len(const uint8_t *p, size_t len)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
             : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : 0;
    for (size_t i = 1; i < n; i++)
        if (i >= len || (p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Four KiB without control characters, in UTF-8. */
static bool identify_text(const uint8_t *p, size_t len)
{
    for (size_t i = 0, n; i < len && i < 4096; i += n) {
        bool control = p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r';
        n = utf8_len(p + i, len - i);
        if (control || p[i] == 0x7f || n == 0)
            return false;
    }
    return true;
}

static enum image_kind identify(const uint8_t *p, size_t len)
{
    enum image_kind kind;
    size_t at;
    if (len == 0)
        return IMAGE_EMPTY;
    if (identify_linux(p, len, &kind) || identify_elf(p, len, &kind))
        return kind;
    if (identify_pe(p, len, &kind))
        return kind;
    if (scan_multiboot2(p, len, &at))
        return IMAGE_MULTIBOOT2;
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (has(p, len, magics[i].at, magics[i].bytes, magics[i].len))
            return magics[i].kind;
    if (scan_multiboot1(p, len, &at))
        return IMAGE_MULTIBOOT1;
    if (identify_rom(p, len))
        return IMAGE_FIRMWARE;
    if (identify_disk(p, len))
        return IMAGE_DISK;
    return identify_text(p, len) ? IMAGE_TEXT : IMAGE_UNKNOWN;
}

enum image_kind image_identify(const void *data, size_t len, const char **why)
{
    enum image_kind kind = identify(data, len);
    if (why)
        *why = texts[kind].why;
    return kind;
}

const char *image_kind_name(enum image_kind kind)
{
    return (unsigned)kind < IMAGE_KIND_COUNT ? texts[kind].name : texts[IMAGE_UNKNOWN].name;
}
