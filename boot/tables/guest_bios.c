/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few BIOS services a directly loaded kernel may still call on its way through real
 * mode (Xen's start-up does): memory size, and a polite "not supported" for the rest.
 * Interface: RBIL INT 11h, 12h, 15h, 16h; ACPI 6.5, 15.1 for E820. Built into the BIOS
 * area; the interrupt vectors that lead here are part of every load plan. This is no
 * firmware: it boots nothing and drives no device.
 */
#include "tables_priv.h"

#include "socle/bits.h"
#include "socle/le.h"

enum { SEGMENT = 0xf000, CODE_AT = 0xe000, RESET_AT = 0xfff0 };

enum {                          /* entry points, offsets in the segment */
    HALT = CODE_AT, RESET = 0xe008, IGNORE = 0xe010, IRQ_MASTER = 0xe018, IRQ_SLAVE = 0xe020,
    FAIL = 0xe030, EQUIPMENT = 0xe050, BASE_MEMORY = 0xe058, KEYBOARD = 0xe060, SYSTEM = 0xe070,
    DATA_AT = 0xe0e0
};

enum {                          /* what the code reads, offsets from DATA_AT */
    D_BELOW_16M = 0, D_ABOVE_16M = 2, D_EXTENDED = 4, D_EQUIPMENT = 6, D_COUNT = 8, D_E820 = 12,
    E820_LEN = 20
};

enum { HAS_FPU = BIT(1), EBDA_SEGMENT = PLAT_EBDA >> 4, BASE_KIB = PLAT_EBDA >> 10 };

enum {                          /* the BIOS data area (RBIL, MEMORY.LST) */
    BDA_EBDA = 0x40e, BDA_EQUIPMENT = 0x410, BDA_BASE_KIB = 0x413
};

/* 16-bit code for F000:E000. Handlers change flags in the frame that IRET restores. */
static const uint8_t code[DATA_AT - CODE_AT] = {
    /* HALT: a fault nobody handles */
    0xfa,                               /* cli */
    0xf4,                               /* 1: hlt */
    0xeb, 0xfd,                         /* jmp 1b */
    [RESET - CODE_AT] =
    0xea, 0xf0, 0xff, 0x00, 0xf0,       /* ljmp F000:FFF0 */
    [IGNORE - CODE_AT] =
    0xcf,                               /* iret */
    [IRQ_MASTER - CODE_AT] =
    0x50,                               /* push ax */
    0xb0, 0x20,                         /* mov al, 20h: non-specific EOI */
    0xe6, 0x20,                         /* out 20h, al */
    0x58,                               /* pop ax */
    0xcf,                               /* iret */
    [IRQ_SLAVE - CODE_AT] =
    0x50,                               /* push ax */
    0xb0, 0x20,                         /* mov al, 20h */
    0xe6, 0xa0,                         /* out A0h, al */
    0xe6, 0x20,                         /* out 20h, al */
    0x58,                               /* pop ax */
    0xcf,                               /* iret */
    [FAIL - CODE_AT] =                  /* function not supported: AH = 86h, carry set */
    0xb4, 0x86,                         /* mov ah, 86h */
    0x55,                               /* push bp */
    0x89, 0xe5,                         /* mov bp, sp */
    0x80, 0x4e, 0x06, 0x01,             /* or byte [bp+6], 1 */
    0x5d,                               /* pop bp */
    0xcf,                               /* iret */
    [0xe040 - CODE_AT] =                /* good: carry clear */
    0x55,                               /* push bp */
    0x89, 0xe5,                         /* mov bp, sp */
    0x80, 0x66, 0x06, 0xfe,             /* and byte [bp+6], FEh */
    0x5d,                               /* pop bp */
    0xcf,                               /* iret */
    [EQUIPMENT - CODE_AT] =
    0x2e, 0xa1, 0xe6, 0xe0,             /* mov ax, cs:[D_EQUIPMENT] */
    0xcf,                               /* iret */
    [BASE_MEMORY - CODE_AT] =
    0xb8, BASE_KIB & 0xff, BASE_KIB >> 8,       /* mov ax, BASE_KIB */
    0xcf,                               /* iret */
    [KEYBOARD - CODE_AT] =              /* no key waits: AX = 0, zero flag set */
    0x31, 0xc0,                         /* xor ax, ax */
    0x55,                               /* push bp */
    0x89, 0xe5,                         /* mov bp, sp */
    0x80, 0x4e, 0x06, 0x40,             /* or byte [bp+6], 40h */
    0x5d,                               /* pop bp */
    0xcf,                               /* iret */
    [SYSTEM - CODE_AT] =
    0x3d, 0x20, 0xe8,                   /* cmp ax, E820h */
    0x74, 0x1f,                         /* je e820 */
    0x3d, 0x01, 0xe8,                   /* cmp ax, E801h */
    0x74, 0x0b,                         /* je e801 */
    0x80, 0xfc, 0x88,                   /* cmp ah, 88h */
    0x75, 0xb1,                         /* jne fail */
    0x2e, 0xa1, 0xe4, 0xe0,             /* mov ax, cs:[D_EXTENDED] */
    0xeb, 0xbb,                         /* jmp good */
    /* e801: KiB to 16 MiB in AX and CX, 64 KiB blocks above in BX and DX */
    0x2e, 0xa1, 0xe0, 0xe0,             /* mov ax, cs:[D_BELOW_16M] */
    0x89, 0xc1,                         /* mov cx, ax */
    0x2e, 0x8b, 0x1e, 0xe2, 0xe0,       /* mov bx, cs:[D_ABOVE_16M] */
    0x89, 0xda,                         /* mov dx, bx */
    0xeb, 0xac,                         /* jmp good */
    /* e820: entry EBX to ES:DI; EBX becomes the next one's number, 0 after the last */
    0x66, 0x81, 0xfa, 0x50, 0x41, 0x4d, 0x53,   /* cmp edx, "SMAP" */
    0x75, 0x93,                         /* jne fail */
    0x66, 0x83, 0xf9, E820_LEN,         /* cmp ecx, 20 */
    0x72, 0x8d,                         /* jb fail */
    0x2e, 0x66, 0x3b, 0x1e, 0xe8, 0xe0, /* cmp ebx, cs:[D_COUNT] */
    0x73, 0x85,                         /* jae fail */
    0x1e, 0x56, 0x57,                   /* push ds; push si; push di */
    0x0e, 0x1f,                         /* push cs; pop ds */
    0x6b, 0xf3, E820_LEN,               /* imul si, bx, 20 */
    0x81, 0xc6, 0xec, 0xe0,             /* add si, D_E820 */
    0xb9, E820_LEN / 2, 0x00,           /* mov cx, 10 */
    0xfc,                               /* cld */
    0xf3, 0xa5,                         /* rep movsw */
    0x5f, 0x5e, 0x1f,                   /* pop di; pop si; pop ds */
    0x66, 0xb9, E820_LEN, 0, 0, 0,      /* mov ecx, 20 */
    0x66, 0x89, 0xd0,                   /* mov eax, edx */
    0x66, 0x43,                         /* inc ebx */
    0x2e, 0x66, 0x3b, 0x1e, 0xe8, 0xe0, /* cmp ebx, cs:[D_COUNT] */
    0x0f, 0x82, 0x6b, 0xff,             /* jb good */
    0x66, 0x31, 0xdb,                   /* xor ebx, ebx */
    0xe9, 0x65, 0xff,                   /* jmp good */
};

/* Real-mode code at F000:FFF0, where old kernels jump to restart a PC: a full reset. */
static const uint8_t reset_stub[] = {
    0xb0, 0x06,                                             /* mov al, 6 */
    0xba, PLAT_RESET_PORT & 0xff, PLAT_RESET_PORT >> 8,     /* mov dx, 0xcf9 */
    0xee,                                                   /* out dx, al */
    0xfa, 0xf4, 0xeb, 0xfd                                  /* cli; hlt; jmp to hlt */
};

static void fill_data(uint8_t *d, const struct guest_layout *l)
{
    uint64_t low = l->low_ram;
    put_le16(d + D_BELOW_16M, (uint16_t)((min_u64(low, MIB(16)) - MIB(1)) >> 10));
    put_le16(d + D_ABOVE_16M, low > MIB(16) ? (uint16_t)((low - MIB(16)) >> 16) : 0);
    put_le16(d + D_EXTENDED, (uint16_t)((min_u64(low, MIB(64)) - MIB(1)) >> 10));
    put_le16(d + D_EQUIPMENT, HAS_FPU);
    put_le32(d + D_COUNT, l->entries);
    for (uint32_t i = 0; i < l->entries; i++) {
        put_le64(d + D_E820 + i * E820_LEN, l->entry[i].base);
        put_le64(d + D_E820 + i * E820_LEN + 8, l->entry[i].len);
        put_le32(d + D_E820 + i * E820_LEN + 16, l->entry[i].type);
    }
}

void guest_bios_build(const struct guest_machine *m, uint8_t *segment)
{
    struct guest_layout l;
    guest_layout(&l, m);
    memcpy(segment + CODE_AT, code, sizeof(code));
    fill_data(segment + DATA_AT, &l);
    memcpy(segment + RESET_AT, reset_stub, sizeof(reset_stub));
}

/* Which handler serves an interrupt vector. The PICs' are where a PC's firmware puts them. */
static uint16_t handler(unsigned vector)
{
    switch (vector) {
    case 0x00: case 0x06: case 0x07:                        /* #DE, #UD, #NM */
        return HALT;
    case 0x01: case 0x02: case 0x03: case 0x04: case 0x05: case 0x1b: case 0x1c: case 0x4a:
        return IGNORE;
    case 0x11:
        return EQUIPMENT;
    case 0x12:
        return BASE_MEMORY;
    case 0x15:
        return SYSTEM;
    case 0x16:
        return KEYBOARD;
    case 0x18: case 0x19:                                   /* boot: there is nothing else */
        return RESET;
    default:
        if (vector >= 0x08 && vector < 0x10)
            return IRQ_MASTER;
        return vector >= 0x70 && vector < 0x78 ? IRQ_SLAVE : FAIL;
    }
}

void guest_lowmem_build(uint8_t *page)
{
    memset(page, 0, GUEST_LOWMEM_LEN);
    for (unsigned i = 0; i < 256; i++) {
        put_le16(page + 4 * i, handler(i));
        put_le16(page + 4 * i + 2, SEGMENT);
    }
    put_le16(page + BDA_EBDA, EBDA_SEGMENT);
    put_le16(page + BDA_EQUIPMENT, HAS_FPU);
    put_le16(page + BDA_BASE_KIB, BASE_KIB);
}
