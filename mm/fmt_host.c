/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of the host's own four-level page tables (SDM vol. 3, 4.5, tables 4-15 to
 * 4-20; APM vol. 2, 5.3), and, sharing their layout, of AMD's nested tables: these are
 * walked as user accesses (APM vol. 2, 15.25.5), so their user bit is always set.
 * Memory types refer to PT_HOST_PAT. Used by the builder in ptab.c only.
 */
#include "socle/bits.h"
#include "socle/ptab.h"

#define PTE_P           BIT64(0)
#define PTE_W           BIT64(1)
#define PTE_U           BIT64(2)
#define PTE_PWT         BIT64(3)
#define PTE_PCD         BIT64(4)
#define PTE_A           BIT64(5)
#define PTE_D           BIT64(6)
#define PTE_PS          BIT64(7)        /* levels 2 and 3: a leaf */
#define PTE_PAT_SMALL   BIT64(7)        /* level 1 */
#define PTE_G           BIT64(8)
#define PTE_PAT_LARGE   BIT64(12)       /* levels 2 and 3 */
#define PTE_NX          BIT64(63)
#define PTE_ADDR        MASK64(51, 12)

/* Index into PT_HOST_PAT for each type, and back. */
static const uint8_t pat_index[PT_TYPES] = {
    [PT_WB] = 0, [PT_WC] = 1, [PT_UC_MINUS] = 2, [PT_UC] = 3, [PT_WP] = 5, [PT_WT] = 7,
};
static const enum pt_type pat_type[8] = {
    PT_WB, PT_WC, PT_UC_MINUS, PT_UC, PT_WB, PT_WP, PT_UC_MINUS, PT_WT,
};

static uint64_t type_bits(unsigned level, enum pt_type type)
{
    unsigned i = pat_index[type];

    return (i & 1 ? PTE_PWT : 0) | (i & 2 ? PTE_PCD : 0) |
           (i & 4 ? (level == 1 ? PTE_PAT_SMALL : PTE_PAT_LARGE) : 0);
}

static enum pt_type type_of(unsigned level, uint64_t e)
{
    bool pat = e & (level == 1 ? PTE_PAT_SMALL : PTE_PAT_LARGE);

    return pat_type[(e & PTE_PWT ? 1 : 0) | (e & PTE_PCD ? 2 : 0) | (pat ? 4 : 0)];
}

static uint64_t common_leaf(unsigned level, hpa_t at, uint32_t prot, enum pt_type type)
{
    return at.v | PTE_P | (prot & PT_W ? PTE_W : 0) | (prot & PT_X ? 0 : PTE_NX) |
           (level > 1 ? PTE_PS : 0) | type_bits(level, type);
}

static uint64_t host_leaf(unsigned level, hpa_t at, uint32_t prot, enum pt_type type)
{
    return common_leaf(level, at, prot, type) | (prot & PT_U ? PTE_U : 0) |
           (prot & PT_GLOBAL ? PTE_G : 0);
}

static uint64_t npt_leaf(unsigned level, hpa_t at, uint32_t prot, enum pt_type type)
{
    return common_leaf(level, at, prot, type) | PTE_U;
}

/* Rights are decided at the leaf: tables allow everything. */
static uint64_t table(hpa_t at) { return at.v | PTE_P | PTE_W | PTE_U; }

static bool present(uint64_t e) { return e & PTE_P; }

static bool is_leaf(uint64_t e, unsigned level)
{
    return level == 1 || (level <= 3 && (e & PTE_PS));
}

static void decode(uint64_t e, unsigned level, struct pt_entry *out)
{
    uint64_t size = 1ull << (PAGE_SHIFT + 9 * (level - 1));

    out->at = hpa(align_down(e & PTE_ADDR, size));
    out->prot = PT_R | (e & PTE_W ? PT_W : 0) | (e & PTE_NX ? 0 : PT_X) |
                (e & PTE_U ? PT_U : 0) | (e & PTE_G ? PT_GLOBAL : 0);
    out->type = type_of(level, e);
    out->accessed = e & PTE_A;
    out->dirty = e & PTE_D;
}

const struct pt_format pt_format_host = {
    .name = "host", .canonical = true, .accessed = PTE_A, .dirty = PTE_D,
    .leaf = host_leaf, .table = table, .present = present, .is_leaf = is_leaf, .decode = decode,
};

const struct pt_format pt_format_npt = {
    .name = "NPT", .canonical = false, .accessed = PTE_A, .dirty = PTE_D,
    .leaf = npt_leaf, .table = table, .present = present, .is_leaf = is_leaf, .decode = decode,
};
