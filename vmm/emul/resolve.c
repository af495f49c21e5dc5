/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an opcode means when its table entry is not the whole answer: groups, mandatory
 * prefixes, the few of map 0F 38 that are named (SDM vol. 2, tables; APM
 * vol. 3, appendix A). Called by decode.c once ModRM is known; reads no more bytes.
 */
#include "optab.h"

struct opcode optab_0f38(const struct insn *i)
{
    struct opcode o = { .flags = OF_MODRM };
    bool plain = !i->rep;

    if ((i->opcode == 0xf0 || i->opcode == 0xf1) && plain) {
        bool load = i->opcode == 0xf0;
        o = (struct opcode){ INSN_MOVBE, load ? OPD_REG : OPD_RM, load ? OPD_RM : OPD_REG,
                             IMM_NONE, OF_MODRM | OF_MEM };
    } else if (i->opcode == 0xf9 && plain && !i->opsize_prefix) {       /* movdiri */
        o = (struct opcode){ INSN_MOV, OPD_RM, OPD_REG, IMM_NONE, OF_MODRM | OF_MEM };
    } else if ((i->opcode == 0x80 || i->opcode == 0x81) && i->opsize_prefix) {
        o.op = INSN_VMX;                                                /* invept, invvpid */
    } else if (i->opcode == 0x82 && i->opsize_prefix) {
        o = (struct opcode){ INSN_INVPCID, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM | OF_MEM };
    } else if (i->opcode == 0x2a && i->opsize_prefix) {
        o.flags |= OF_SSE;                                              /* movntdqa */
    }
    return o;
}

/* An SSE move between memory and register, or one of the many others that are not named. */
void optab_resolve_sse(struct insn *i, struct opcode *o)
{
    uint8_t prefix = i->rep ? i->rep : i->opsize_prefix ? 0x66 : 0;

    for (unsigned k = 0; k < optab_sse_count && i->is_mem; k++) {
        const struct sse_move *m = &optab_sse[k];
        if (m->map != i->map || m->opcode != i->opcode || m->prefix != prefix)
            continue;
        o->op = m->op;
        o->dst = m->store ? OPD_RM : OPD_REG;
        o->src = m->store ? OPD_REG : OPD_RM;
        i->opsize = m->size ? m->size : i->rex & REX_W ? 8 : 4;
        return;
    }
}

/* clflush is 0F AE /7, clflushopt the same and clwb /6 with 66, all with memory. */
static bool is_flush(const struct insn *i)
{
    unsigned reg = i->modrm >> 3 & 7;
    return i->is_mem && !i->rep && (reg == 7 || (reg == 6 && i->opsize_prefix));
}

static void resolve_group(const struct insn *i, struct opcode *o)
{
    const struct opcode *g = &optab_group[o->op][i->modrm >> 3 & 7];

    o->op = g->op;
    o->dst = g->dst ? g->dst : o->dst;
    o->src = g->src ? g->src : o->src;
    o->imm = g->imm ? g->imm : o->imm;
    o->flags |= g->flags;
}

/* Meanings that a prefix, the mode or ModRM change, where the tables cannot say it. */
static void resolve_special(const struct insn *i, struct opcode *o)
{
    switch (i->map << 8 | i->opcode) {
    case 0x63:
        if (i->mode == INSN_64)
            *o = (struct opcode){ INSN_MOVSX, OPD_REG, OPD_RM, IMM_NONE, OF_MODRM };
        break;
    case 0x90:
        if (i->rep == INSN_REP)
            *o = (struct opcode){ .op = INSN_PAUSE };
        else if (!(i->rex & REX_B))
            *o = (struct opcode){ .op = INSN_NOP };
        break;
    case 0xc7:
        if (i->modrm == 0xf8)
            o->op = INSN_OTHER;                         /* xbegin */
        break;
    case 0xf6:
        if (o->imm == IMM_Z)
            o->imm = IMM_B;
        break;
    case INSN_MAP_0F << 8 | 0x01:
        if (!i->is_mem)
            o->op = optab_group7_reg(i->modrm);
        break;
    case INSN_MAP_0F << 8 | 0x78:                       /* SSE4a extrq and insertq */
        if (i->opsize_prefix || i->rep == INSN_REPNE)
            *o = (struct opcode){ .imm = IMM_W, .flags = OF_MODRM | OF_REG };
        break;
    case INSN_MAP_0F << 8 | 0x79:
        if (i->opsize_prefix || i->rep == INSN_REPNE)
            *o = (struct opcode){ .flags = OF_MODRM | OF_REG };
        break;
    case INSN_MAP_0F << 8 | 0xae:
        if (is_flush(i))
            *o = (struct opcode){ INSN_CLFLUSH, OPD_RM, 0, IMM_NONE, OF_MODRM };
        break;
    case INSN_MAP_0F << 8 | 0xb8:
        if (i->rep != INSN_REP)
            o->flags |= OF_UD;
        break;
    case INSN_MAP_0F << 8 | 0xbc:
    case INSN_MAP_0F << 8 | 0xbd:
        if (i->rep == INSN_REP)
            o->op = i->opcode == 0xbc ? INSN_TZCNT : INSN_LZCNT;
        break;
    case INSN_MAP_0F << 8 | 0xc7:
        if (!i->is_mem && o->op == INSN_VMX)
            o->op = INSN_OTHER;                         /* rdrand, rdseed, rdpid */
        break;
    default:
        break;
    }
}

void optab_resolve(const struct insn *i, struct opcode *o)
{
    if (o->flags & OF_GROUP)
        resolve_group(i, o);
    if (o->flags & OF_SPECIAL)
        resolve_special(i, o);
}
