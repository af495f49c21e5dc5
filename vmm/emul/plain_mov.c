/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognizes the moves by which drivers reach device registers: MOV and MOVZX between memory and a
 * general register, and MOV of an immediate to memory, in 64-bit code (SDM vol. 2, MOV,
 * MOVZX; 2.2.1 for REX). Prefixes other than 66 and REX, and whatever else is rare, are left
 * to the emulator. It is on the way of each access to a device's memory, hence its own
 * small decoder.
 */
#include "socle/emul.h"

#include "socle/bits.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

struct at { const uint8_t *p; };        /* the rest of the instruction's bytes */

static uint32_t take32(struct at *k)
{
    uint32_t v = (uint32_t)k->p[0] | (uint32_t)k->p[1] << 8 | (uint32_t)k->p[2] << 16 | (uint32_t)k->p[3] << 24;
    k->p += 4;
    return v;
}

/* SDM vol. 2, table 2-2 with 2.2.1.2: the address without RIP, which *rip asks to add. */
static uint64_t address(const struct vcpu_state *s, struct at *k, uint8_t modrm, uint8_t rex, bool *rip)
{
    unsigned mod = modrm >> 6, base = (modrm & 7u) | (rex & REX_B ? 8 : 0);
    uint64_t a = 0;
    if ((modrm & 7) == 4) {
        uint8_t sib = *k->p++;
        unsigned index = (sib >> 3 & 7u) | (rex & REX_X ? 8 : 0);
        base = (sib & 7u) | (rex & REX_B ? 8 : 0);
        if (index != GPR_RSP)
            a = s->gpr[index] << (sib >> 6);
        if ((sib & 7) == 5 && mod == 0)
            return a + (uint64_t)(int32_t)take32(k);
    } else if ((modrm & 7) == 5 && mod == 0) {
        *rip = true;
        return (uint64_t)(int32_t)take32(k);
    }
    a += s->gpr[base];
    if (mod == 1)
        a += (uint64_t)(int8_t)*k->p++;
    else if (mod == 2)
        a += (uint64_t)(int32_t)take32(k);
    return a;
}

/* What the opcode says of direction and width; size 0: not one of these moves. */
static void opcode(struct at *k, uint8_t rex, bool opsize, struct plain_mov *m, bool *immediate)
{
    uint8_t full = rex & REX_W ? 8 : opsize ? 2 : 4, op = *k->p++;
    m->to_size = full;
    switch (op) {
    case 0x88:
    case 0x8a:
    case 0xc6:
        m->size = m->to_size = 1;
        break;
    case 0x89:
    case 0x8b:
    case 0xc7:
        m->size = full;
        break;
    case 0x0f:
        op = *k->p++;
        m->size = op == 0xb6 ? 1 : op == 0xb7 ? 2 : 0;
        break;
    default:
        break;
    }
    *immediate = (op & 0xfe) == 0xc6;
    m->store = *immediate || (op & 0xfe) == 0x88;
}

static uint64_t take_immediate(struct at *k, unsigned size)
{
    if (size == 1)
        return *k->p++;
    if (size == 2) {
        k->p += 2;
        return (uint64_t)(k->p[-2] | k->p[-1] << 8);
    }
    return (uint64_t)(int32_t)take32(k);
}

/* AH to BH, without REX, are none of gpr[]'s low bytes. */
static bool high_byte(const struct plain_mov *m, uint8_t rex)
{
    return !rex && m->reg >= 4 && (m->store ? m->size : m->to_size) == 1;
}

bool insn_plain_mov(const uint8_t bytes[16], const struct vcpu_state *s, struct plain_mov *m)
{
    struct at k = { bytes };
    uint8_t rex = 0;
    bool opsize = false, immediate = false, rip = false;
    *m = (struct plain_mov){ 0 };
    if (*k.p == 0x66) {
        opsize = true;
        k.p++;
    }
    if ((*k.p & 0xf0) == 0x40)
        rex = *k.p++;
    opcode(&k, rex, opsize, m, &immediate);
    if (!m->size)
        return false;
    uint8_t modrm = *k.p++;
    m->reg = (uint8_t)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0));
    if (modrm >> 6 == 3 || (immediate ? modrm >> 3 & 7 : high_byte(m, rex)))
        return false;
    m->address = address(s, &k, modrm, rex, &rip);
    if (m->store)
        m->value = immediate ? take_immediate(&k, m->size) : s->gpr[m->reg];
    m->value &= ones_of_size(m->size);
    m->len = (uint8_t)(k.p - bytes);
    if (rip)
        m->address += s->rip + m->len;
    return true;
}

/* A 32-bit destination clears the upper half, narrower ones leave the rest (SDM vol. 1, 3.4.1.1). */
void insn_plain_load(const struct plain_mov *m, struct vcpu_state *s, uint64_t value)
{
    uint64_t keep = m->to_size >= 4 ? 0 : ~ones_of_size(m->to_size);
    s->gpr[m->reg] = (s->gpr[m->reg] & keep) | (value & ones_of_size(m->size));
}
