/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder: bytes to struct insn (SDM vol. 2, chapter 2 and appendix
 * A). Called by fetch.c and by backends that were handed the bytes by the CPU. It
 * reads each byte once, through next_byte, which is the only place that looks at the
 * buffer's end and at the 15-byte limit. It does not look at any vCPU state.
 *
 * Near branches with an operand-size prefix differ between vendors in 64-bit mode
 * (APM vol. 3, "Near Branches"); Intel's reading, which ignores the prefix, is taken.
 */
#include "socle/insn.h"

#include "optab.h"
#include "socle/bits.h"
#include "socle/regs.h"

struct cursor {
    const uint8_t *bytes;
    uint8_t *copy;              /* bytes of the result */
    size_t n, pos;
    bool   out_of_bytes;        /* more are needed than were given */
    bool   too_long;            /* a byte beyond the 15th was needed */
};

static uint8_t next_byte(struct cursor *c)
{
    if (c->pos >= INSN_MAX_LEN) {
        c->too_long = true;
        return 0;
    }
    if (c->pos >= c->n) {
        c->out_of_bytes = true;
        return 0;
    }
    uint8_t b = c->bytes[c->pos];
    c->copy[c->pos++] = b;
    return b;
}

static bool failed(const struct cursor *c) { return c->out_of_bytes || c->too_long; }

static uint64_t next_value(struct cursor *c, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)next_byte(c) << (8 * i);
    return v;
}

static uint64_t next_signed(struct cursor *c, unsigned size)
{
    unsigned unused = 64 - 8 * size;
    return (uint64_t)((int64_t)(next_value(c, size) << unused) >> unused);
}

/*
 * A segment override. In 64-bit mode those of ES, CS, SS and DS are ignored (SDM vol. 1,
 * 3.7.4) and leave an earlier one of FS or GS in force.
 */
static void override(struct insn *i, enum seg seg)
{
    if (i->mode == INSN_64 && seg < SEG_FS)
        return;
    i->seg = (uint8_t)seg;
    i->seg_override = true;
}

/* The legacy prefixes, as a set of bytes. */
static bool is_prefix(uint8_t b)
{
    static const uint32_t set[8] = {
        [1] = BIT(0x26 & 31) | BIT(0x2e & 31) | BIT(0x36 & 31) | BIT(0x3e & 31),
        [3] = BIT(0x64 & 31) | BIT(0x65 & 31) | BIT(0x66 & 31) | BIT(0x67 & 31),
        [7] = BIT(0xf0 & 31) | BIT(0xf2 & 31) | BIT(0xf3 & 31),
    };
    return set[b >> 5] >> (b & 31) & 1;
}

/* Takes all prefixes and returns the first byte after them. */
static uint8_t take_prefixes(struct cursor *c, struct insn *i)
{
    for (;;) {
        uint8_t b = next_byte(c);
        if (failed(c))
            return 0;
        if (!is_prefix(b)) {
            if (i->mode != INSN_64 || (b & 0xf0) != 0x40)
                return b;
            i->rex = b;                 /* counts only right before the opcode */
            continue;
        }
        switch (b) {
        case 0x26: override(i, SEG_ES); break;
        case 0x2e: override(i, SEG_CS); break;
        case 0x36: override(i, SEG_SS); break;
        case 0x3e: override(i, SEG_DS); break;
        case 0x64: override(i, SEG_FS); break;
        case 0x65: override(i, SEG_GS); break;
        case 0x66: i->opsize_prefix = true; break;
        case 0x67: i->adsize = i->mode == INSN_32 ? 2 : 4; break;
        case 0xf0: i->lock = true; break;
        default:   i->rep = b; break;   /* f2, f3 */
        }
        i->rex = 0;
    }
}

/* ModRM with 16-bit addressing (SDM vol. 2, table 2-1). */
static void take_address16(struct cursor *c, struct insn *i)
{
    static const uint8_t base[8] = {
        GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX
    };
    static const uint8_t index[4] = { GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI };
    unsigned mod = i->modrm >> 6, rm = i->modrm & 7;

    if (mod == 0 && rm == 6) {
        i->disp = (int64_t)next_value(c, 2);
        return;
    }
    i->base = base[rm];
    if (rm < 4)
        i->index = index[rm];
    if (mod)
        i->disp = (int64_t)next_signed(c, mod);         /* 1 or 2 bytes */
    if (i->base == GPR_RBP && !i->seg_override)
        i->seg = SEG_SS;
}

/* ModRM and SIB with 32- and 64-bit addressing (SDM vol. 2, tables 2-2 and 2-3, 2.2.1). */
static void take_address32(struct cursor *c, struct insn *i)
{
    unsigned mod = i->modrm >> 6, rm = i->modrm & 7;
    unsigned disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;

    if (rm == 4) {
        uint8_t sib = next_byte(c);
        unsigned index = (sib >> 3 & 7) | (i->rex & REX_X ? 8 : 0);
        rm = sib & 7;
        i->scale = sib >> 6;
        i->index = index == GPR_RSP ? INSN_NO_REG : (uint8_t)index;
        if (mod == 0 && rm == 5)
            disp_size = 4;
        else
            i->base = (uint8_t)(rm | (i->rex & REX_B ? 8 : 0));
    } else if (mod == 0 && rm == 5) {
        disp_size = 4;
        i->rip_relative = i->mode == INSN_64;
    } else {
        i->base = (uint8_t)(rm | (i->rex & REX_B ? 8 : 0));
    }
    if (disp_size)
        i->disp = (int64_t)next_signed(c, disp_size);
    if ((i->base == GPR_RSP || i->base == GPR_RBP) && !i->seg_override)
        i->seg = SEG_SS;
}

static void take_modrm(struct cursor *c, struct insn *i, bool always_register)
{
    i->has_modrm = true;
    i->modrm = next_byte(c);
    i->reg = (uint8_t)((i->modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0));
    i->rm = (uint8_t)((i->modrm & 7) | (i->rex & REX_B ? 8 : 0));
    i->is_mem = i->modrm < 0xc0 && !always_register;
    if (!i->is_mem)
        return;
    if (i->adsize == 2)
        take_address16(c, i);
    else
        take_address32(c, i);
}

static void take_imm(struct cursor *c, struct insn *i, enum imm_kind kind)
{
    unsigned z = i->opsize == 2 ? 2 : 4;

    switch (kind) {
    case IMM_NONE:  break;
    case IMM_B:     i->imm = next_signed(c, 1); break;
    case IMM_UB:    i->imm = next_value(c, 1); break;
    case IMM_W:     i->imm = next_value(c, 2); break;
    case IMM_Z:     i->imm = next_signed(c, z); break;
    case IMM_V:     i->imm = next_signed(c, i->opsize); break;
    case IMM_FAR:   i->imm = next_value(c, z); i->imm2 = (uint16_t)next_value(c, 2); break;
    case IMM_MOFFS: i->disp = (int64_t)next_value(c, i->adsize); break;
    case IMM_ENTER: i->imm = next_value(c, 2); i->imm2 = next_byte(c); break;
    case IMM_REL8:  i->disp = (int64_t)next_signed(c, 1); break;
    case IMM_RELZ:  i->disp = (int64_t)next_signed(c, z); break;
    }
}

/*
 * VEX, EVEX or XOP after its first byte: only the length is wanted (SDM vol. 2, 2.3 and
 * 2.7; APM vol. 6, 1.2). False: #UD.
 */
static bool take_vex(struct cursor *c, struct insn *i, uint8_t first)
{
    unsigned map = 1;

    if (i->opsize_prefix || i->rep || i->lock || i->rex)
        return false;
    uint8_t second = next_byte(c);
    if (first != 0xc5) {
        map = second & (first == 0x62 ? 7 : 0x1f);
        (void)next_byte(c);
    }
    if (first == 0x62)
        (void)next_byte(c);
    i->map = INSN_MAP_OTHER;
    i->op = INSN_VEX;
    i->opcode = next_byte(c);
    if (failed(c))
        return true;
    if (first == 0x8f ? map > 10 : !map || map == 4 || map > 6)
        return false;
    if (first != 0x62 && first != 0x8f && map == 1 && i->opcode == 0x77)
        return true;                    /* vzeroupper, vzeroall: no ModRM */
    take_modrm(c, i, false);
    bool shuffles = map == 1 && ((i->opcode >= 0x70 && i->opcode <= 0x73) || i->opcode == 0xc2 ||
                                 (i->opcode >= 0xc4 && i->opcode <= 0xc6));
    if (map == 10)
        i->imm = next_value(c, 4);
    else if (map == 3 || map == 8 || shuffles)
        i->imm = next_byte(c);
    return true;
}

/* Does this opcode byte begin a VEX, EVEX or XOP prefix rather than les, lds, bound or pop? */
static bool is_vex(const struct cursor *c, const struct insn *i, uint8_t b)
{
    if (c->pos >= c->n || c->pos >= INSN_MAX_LEN)
        return false;                   /* whatever it is, its next byte is missing */
    uint8_t next = c->bytes[c->pos];
    if (b == 0x8f)
        return (next & 0x1f) >= 8;
    return (b == 0xc4 || b == 0xc5 || b == 0x62) && (i->mode == INSN_64 || next >= 0xc0);
}

/* Reads the opcode and finds its table entry. */
static struct opcode take_opcode(struct cursor *c, struct insn *i, uint8_t first)
{
    if (first != 0x0f) {
        i->map = INSN_MAP_1;
        i->opcode = first;
        if (first >= 0x40 || (first & 7) >= ARRAY_LEN(optab_alu))
            return optab_1[first];
        struct opcode o = optab_alu[first & 7];
        o.op = (uint8_t)(INSN_ADD + (first >> 3));
        if (o.op == INSN_CMP)
            o.flags = (uint16_t)(o.flags & ~OF_LOCK);
        return o;
    }
    i->map = INSN_MAP_0F;
    i->opcode = next_byte(c);
    if (i->opcode != 0x38 && i->opcode != 0x3a)
        return optab_0f[i->opcode];
    bool is_38 = i->opcode == 0x38;
    i->map = is_38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
    i->opcode = next_byte(c);
    return is_38 ? optab_0f38(i) : (struct opcode){ .imm = IMM_UB, .flags = OF_MODRM };
}

static uint8_t operand_size(const struct insn *i, uint16_t flags)
{
    if (flags & OF_BYTE)
        return 1;
    if (i->mode != INSN_64)
        return (i->mode == INSN_16) != i->opsize_prefix ? 2 : 4;
    if ((flags & OF_F64) || ((i->rex & REX_W) && !(flags & OF_MAX32)))
        return 8;
    if (i->opsize_prefix)
        return 2;
    return flags & OF_D64 ? 8 : 4;
}

/* Sizes that differ between the two operands, or from what the prefixes say. */
static void fix_sizes(struct insn *i, uint16_t flags)
{
    i->srcsize = flags & OF_SRC8 ? 1 : flags & OF_SRC16 ? 2 : i->opsize;
    if (i->map == INSN_MAP_1 && i->op == INSN_MOVSX)
        i->srcsize = i->opsize == 2 ? 2 : 4;            /* movsxd */
    if (i->op == INSN_CMPXCHG8B)
        i->opsize = i->srcsize = i->rex & REX_W ? 16 : 8;
    if (flags & OF_CRDR)
        i->opsize = i->srcsize = i->mode == INSN_64 ? 8 : 4;
    if (i->op == INSN_MOV_FROM_SREG && i->is_mem)
        i->opsize = i->srcsize = 2;
}

/*
 * AMD's way to reach CR8 outside of 64-bit mode is lock mov cr0 (APM vol. 3, "MOV CRn").
 * Where it is undefined it never gets as far as an exit.
 */
static bool is_lock_cr8(const struct insn *i)
{
    return i->lock && (i->op == INSN_MOV_FROM_CR || i->op == INSN_MOV_TO_CR) &&
           (i->modrm >> 3 & 7) == 0;
}

/* Does the CPU refuse this combination with #UD? */
static bool undefined(const struct insn *i, uint16_t flags)
{
    if ((flags & OF_UD) || ((flags & OF_NO64) && i->mode == INSN_64))
        return true;
    if (i->has_modrm && ((flags & OF_MEM && !i->is_mem) || (flags & OF_REG && i->is_mem)))
        return true;
    if (i->op == INSN_MOV_FROM_SREG || i->op == INSN_MOV_TO_SREG) {
        unsigned seg = i->modrm >> 3 & 7;
        if (seg > SEG_GS || (seg == SEG_CS && i->op == INSN_MOV_TO_SREG))
            return true;
    }
    if (i->lock && !is_lock_cr8(i))
        return !(flags & OF_LOCK) || i->dst != OPD_RM || !i->is_mem;
    return false;
}

static hv_status invalid(struct insn *out, uint8_t vector)
{
    out->fault = vector;
    return HV_INVALID;
}

/* Everything between the prefixes and the end; false: #UD. */
static bool take_rest(struct cursor *c, struct insn *i, uint8_t first)
{
    if (is_vex(c, i, first))
        return take_vex(c, i, first);

    struct opcode o = take_opcode(c, i, first);
    if (failed(c))
        return true;
    if (!(o.flags | o.imm | o.dst | o.src) && !i->lock) {
        i->op = o.op;                   /* nothing follows: cpuid, rdmsr, hlt and so on */
        i->opsize = i->srcsize = operand_size(i, 0);
        return true;
    }
    if (o.flags & OF_MODRM)
        take_modrm(c, i, o.flags & OF_CRDR);
    if (o.flags & (OF_GROUP | OF_SPECIAL))
        optab_resolve(i, &o);
    i->opsize = operand_size(i, o.flags);
    if (o.flags & OF_SSE)
        optab_resolve_sse(i, &o);
    take_imm(c, i, o.imm);
    i->op = o.op;
    i->dst = o.dst;
    i->src = o.src;
    fix_sizes(i, o.flags);
    if (is_lock_cr8(i))
        i->reg = 8;
    if (o.dst == OPD_OPREG || o.src == OPD_OPREG)
        i->reg = (uint8_t)((i->opcode & 7) | (i->rex & REX_B ? 8 : 0));
    return failed(c) || !undefined(i, o.flags);
}

hv_status insn_decode(const uint8_t *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
    static const uint8_t address_size[] = { [INSN_16] = 2, [INSN_32] = 4, [INSN_64] = 8 };
    struct cursor c = { .bytes = bytes, .copy = out->bytes, .n = n };

    *out = (struct insn){ .mode = (uint8_t)mode, .seg = SEG_DS, .adsize = address_size[mode],
                          .base = INSN_NO_REG, .index = INSN_NO_REG };
    uint8_t first = take_prefixes(&c, out);
    bool defined = failed(&c) || take_rest(&c, out, first);

    out->len = (uint8_t)c.pos;
    if (c.too_long)
        return invalid(out, VEC_GP);
    if (c.out_of_bytes)
        return HV_RANGE;
    return defined ? HV_OK : invalid(out, VEC_UD);
}
