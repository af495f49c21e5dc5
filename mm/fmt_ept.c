/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of Intel's extended page tables, four levels (SDM vol. 3, 29.3.2, tables 29-1
 * to 29-7). The memory type is in the leaf itself (29.3.7); with the ignore-PAT bit the
 * guest's own PAT has no say. Execute-only, mode-based execute control and the other
 * optional bits stay zero. Used by the builder in ptab.c only.
 */
#include "socle/bits.h"
#include "socle/ptab.h"

#define EPT_R           BIT64(0)
#define EPT_W           BIT64(1)
#define EPT_X           BIT64(2)
#define EPT_TYPE_SHIFT  3               /* 5:3, leaves only */
#define EPT_TYPE        MASK64(5, 3)
#define EPT_IGNORE_PAT  BIT64(6)
#define EPT_PS          BIT64(7)
#define EPT_A           BIT64(8)
#define EPT_D           BIT64(9)
#define EPT_ADDR        MASK64(51, 12)

/* Encodings of memory types (SDM vol. 3, table 12-2). EPT has no UC-. */
static const uint8_t type_code[PT_TYPES] = {
    [PT_WB] = 6, [PT_WT] = 4, [PT_WC] = 1, [PT_WP] = 5, [PT_UC_MINUS] = 0, [PT_UC] = 0,
};
static const enum pt_type code_type[8] = {
    PT_UC, PT_WC, PT_UC, PT_UC, PT_WT, PT_WP, PT_WB, PT_UC,
};

static uint64_t ept_leaf(unsigned level, hpa_t at, uint32_t prot, enum pt_type type)
{
    return at.v | EPT_R | (prot & PT_W ? EPT_W : 0) | (prot & PT_X ? EPT_X : 0) |
           (uint64_t)type_code[type] << EPT_TYPE_SHIFT | (prot & PT_FORCE ? EPT_IGNORE_PAT : 0) |
           (level > 1 ? EPT_PS : 0);
}

static uint64_t ept_table(hpa_t at) { return at.v | EPT_R | EPT_W | EPT_X; }

static bool ept_present(uint64_t e) { return e & (EPT_R | EPT_W | EPT_X); }

static bool ept_is_leaf(uint64_t e, unsigned level)
{
    return level == 1 || (level <= 3 && (e & EPT_PS));
}

static void ept_decode(uint64_t e, unsigned level, struct pt_entry *out)
{
    uint64_t size = 1ull << (PAGE_SHIFT + 9 * (level - 1));

    out->at = hpa(align_down(e & EPT_ADDR, size));
    out->prot = PT_R | (e & EPT_W ? PT_W : 0) | (e & EPT_X ? PT_X : 0) |
                (e & EPT_IGNORE_PAT ? PT_FORCE : 0);
    out->type = code_type[(e & EPT_TYPE) >> EPT_TYPE_SHIFT];
    out->accessed = e & EPT_A;
    out->dirty = e & EPT_D;
}

const struct pt_format pt_format_ept = {
    .name = "EPT", .canonical = false, .accessed = EPT_A, .dirty = EPT_D,
    .leaf = ept_leaf, .table = ept_table, .present = ept_present, .is_leaf = ept_is_leaf,
    .decode = ept_decode,
};
