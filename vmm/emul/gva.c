/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's page walk: no paging, 32-bit, PAE, 4-level and 5-level (SDM vol. 3,
 * 4.3 to 4.7; APM vol. 2, 5.2 to 5.6). Called for every operand the emulator touches
 * and every instruction it fetches. A walk first reads all entries, then checks
 * rights, then sets accessed and dirty bits with compare-and-exchange; when an entry
 * changed in between it starts again. Mappings in use, that is almost all, are done by
 * walk_fast(): 4-level tables, everything marked accessed and in order. PAE's top
 * entries are read from memory on each walk, as under nested paging on AMD-V (APM
 * vol. 2, 15.25.10). It does not know canonical addresses or LAM.
 */
#include "socle/gva.h"

#include "socle/bits.h"

#define PTE_P           (1ull << 0)
#define PTE_W           (1ull << 1)
#define PTE_U           (1ull << 2)
#define PTE_A           (1ull << 5)
#define PTE_D           (1ull << 6)
#define PTE_PS          (1ull << 7)
#define PTE_KEY_SHIFT   59
#define PTE_NX          (1ull << 63)

/* SDM vol. 3, table 4-8: reserved in a PAE page-directory-pointer entry besides the address. */
#define PDPTE_RSVD      (MASK64(2, 1) | MASK64(8, 5))

enum {
    MAX_LEVELS = 5,
    MAX_TRIES  = 8,             /* walks before GVA_RETRY; a loser has to lose this often */
    PSE36_BITS = 40,            /* the most that a 4 MiB page of 32-bit paging can address */
};

enum walk_end { WALK_OK, WALK_NOT_PRESENT, WALK_RSVD };

struct walk {
    unsigned depth;             /* entries read */
    unsigned entry_size;
    uint64_t at[MAX_LEVELS];    /* guest-physical address of each entry */
    uint64_t entry[MAX_LEVELS];
    uint64_t rights;            /* W and U: of all entries together; NX: of any */
    uint64_t gpa;
    bool     keys;              /* protection keys apply */
    bool     top_has_no_flags;  /* PAE: the first entry has neither rights nor A */
};

static uint64_t load_entry8(const struct gmem *m, uint64_t at)
{
    uint64_t v;
    return gmem_load64(m, gpa(at), &v) ? v : ~0ull;
}

static uint32_t load_entry4(const struct gmem *m, uint64_t at)
{
    uint32_t v;
    return gmem_read(m, gpa(at), &v, sizeof(v)) == HV_OK ? v : ~0u;
}

/* The reserved bits of a PAE page-directory-pointer entry. */
static uint64_t pae_top_reserved(const struct gva_walker *w)
{
    return PDPTE_RSVD | MASK64(63, 52) | (MASK64(51, 12) & ~((1ull << w->phys_bits) - 1));
}

/* Is a set PS bit at `level` (0: page table) a large page? Elsewhere it is reserved. */
static bool large_allowed(const struct gva_walker *w, unsigned level, bool pae)
{
    return level == 1 || (level == 2 && w->gib_pages && !pae);
}

/* PAE, 4-level and 5-level: reads the entries down to the page. */
static enum walk_end walk8(const struct gva_walker *w, const struct vcpu_state *s,
                           uint64_t linear, struct walk *k)
{
    bool pae = !(s->efer & EFER_LMA);
    unsigned level = pae ? 2 : s->cr4 & CR4_LA57 ? 4 : 3;
    uint64_t address = MASK64(51, 12) & ((1ull << w->phys_bits) - 1);
    uint64_t rsvd = MASK64(51, 12) & ~address;
    uint64_t table = s->cr3 & (pae ? MASK64(31, 5) : address);
    uint64_t all = PTE_W | PTE_U, any = 0, e;

    if (!(s->efer & EFER_NXE))
        rsvd |= PTE_NX;
    k->entry_size = 8;
    k->depth = 0;
    for (;; level--) {
        unsigned shift = 12 + 9 * level;
        uint64_t at = table + (linear >> shift & 0x1ff) * 8;

        e = load_entry8(w->mem, at);
        k->at[k->depth] = at;
        k->entry[k->depth++] = e;
        if (!(e & PTE_P))
            return WALK_NOT_PRESENT;
        if (pae && level == 2) {
            if (e & pae_top_reserved(w))
                return WALK_RSVD;
            table = e & address;
            continue;
        }
        if (e & (rsvd | (pae ? MASK64(62, 52) : 0)))
            return WALK_RSVD;
        all &= e;
        any |= e;
        table = e & address;
        if (!level)
            break;
        if (e & PTE_PS) {
            /* Bit 12 is PAT; the others below the page frame are reserved. */
            if (!large_allowed(w, level, pae) || (e & MASK64(shift - 1, 13)))
                return WALK_RSVD;
            table &= ~MASK64(shift - 1, 12);
            break;
        }
    }
    k->rights = all | (any & PTE_NX);
    k->gpa = table | (linear & ((1ull << (12 + 9 * level)) - 1));
    k->keys = !pae;
    k->top_has_no_flags = pae;
    return WALK_OK;
}

/* 32-bit paging, with 4 MiB pages and PSE-36 (SDM vol. 3, 4.3). */
static enum walk_end walk4(const struct gva_walker *w, const struct vcpu_state *s,
                           uint64_t linear, struct walk *k)
{
    uint64_t at = (s->cr3 & MASK64(31, 12)) + (linear >> 22) * 4;
    uint64_t e = load_entry4(w->mem, at);

    k->entry_size = 4;
    k->keys = k->top_has_no_flags = false;
    k->depth = 1;
    k->at[0] = at;
    k->entry[0] = e;
    if (!(e & PTE_P))
        return WALK_NOT_PRESENT;
    k->rights = e & (PTE_W | PTE_U);
    if ((e & PTE_PS) && (s->cr4 & CR4_PSE)) {
        unsigned bits = w->phys_bits < PSE36_BITS ? w->phys_bits : PSE36_BITS;
        uint64_t high = (e >> 13 & 0xff) << 32;
        if ((e & BIT(21)) || high >> bits)
            return WALK_RSVD;
        k->gpa = high | (e & MASK64(31, 22)) | (linear & MASK64(21, 0));
        return WALK_OK;
    }
    at = (e & MASK64(31, 12)) + (linear >> 12 & 0x3ff) * 4;
    e = load_entry4(w->mem, at);
    k->depth = 2;
    k->at[1] = at;
    k->entry[1] = e;
    if (!(e & PTE_P))
        return WALK_NOT_PRESENT;
    k->rights &= e;
    k->gpa = (e & MASK64(31, 12)) | (linear & MASK64(11, 0));
    return WALK_OK;
}

/* Does the page's protection key deny a data access (SDM vol. 3, 4.6.2)? */
static bool key_denies(const struct gva_walker *w, const struct vcpu_state *s, unsigned access,
                       const struct walk *k)
{
    bool user_page = k->rights & PTE_U;

    if (!k->keys || (access & GVA_FETCH) || !(s->cr4 & (user_page ? CR4_PKE : CR4_PKS)))
        return false;
    unsigned key = (unsigned)(k->entry[k->depth - 1] >> PTE_KEY_SHIFT) & 15;
    uint32_t bits = (user_page ? w->pkru : w->pkrs) >> (2 * key);
    if (bits & 1)
        return true;
    return (bits & 2) && (access & GVA_WRITE) && ((access & GVA_USER) || (s->cr0 & CR0_WP));
}

/* Rights of SDM vol. 3, 4.6.1; keys apart. */
static bool allowed(const struct vcpu_state *s, unsigned access, uint64_t rights)
{
    if ((access & GVA_FETCH) && (rights & PTE_NX))
        return false;
    if (access & GVA_USER)
        return (rights & PTE_U) && (!(access & GVA_WRITE) || (rights & PTE_W));
    if (rights & PTE_U) {
        if (access & GVA_FETCH)
            return !(s->cr4 & CR4_SMEP);
        if ((s->cr4 & CR4_SMAP) && ((access & GVA_IMPLICIT) || !(s->rflags & RFLAGS_AC)))
            return false;
    }
    return !(access & GVA_WRITE) || (rights & PTE_W) || !(s->cr0 & CR0_WP);
}

/*
 * Sets A in every entry and D in the last of a write. False: an entry changed since it was
 * read. Entries in ROM or outside of memory cannot be marked, as on hardware.
 */
static bool mark(const struct gmem *m, const struct walk *k, bool write)
{
    for (unsigned i = k->top_has_no_flags; i < k->depth; i++) {
        uint64_t want = PTE_A | (write && i == k->depth - 1 ? PTE_D : 0);
        uint64_t old = k->entry[i];
        if (unlikely((old & want) != want) &&
            gmem_cmpxchg(m, gpa(k->at[i]), k->entry_size, &old, old | want) == HV_BUSY)
            return false;
    }
    return true;
}

static enum gva_result page_fault(const struct vcpu_state *s, uint64_t linear, unsigned access,
                                  uint32_t error, struct gva_fault *fault)
{
    /* I/D is reported only where fetches can be told apart (SDM vol. 3, 4.7). */
    bool fetches = (s->cr4 & CR4_SMEP) || ((s->cr4 & CR4_PAE) && (s->efer & EFER_NXE));

    error |= access & GVA_WRITE ? PF_WRITE : 0;
    error |= access & GVA_USER ? PF_USER : 0;
    error |= (access & GVA_FETCH) && fetches ? PF_FETCH : 0;
    *fault = (struct gva_fault){ linear, error };
    return GVA_FAULT;
}

/*
 * The walk of a 4-level mapping that needs nothing but reading: all entries present,
 * accessed, well formed, dirty for a write, no protection keys. False: walk8 shall look.
 */
static inline bool walk_fast(const struct gva_walker *w, const struct vcpu_state *s,
                             uint64_t linear, unsigned access, gpa_t *out)
{
    uint64_t address = MASK64(51, 12) & ((1ull << w->phys_bits) - 1);
    uint64_t rsvd = (MASK64(51, 12) ^ address) | (s->efer & EFER_NXE ? 0 : PTE_NX);
    uint64_t e = s->cr3, all = PTE_W | PTE_U, any = 0;
    unsigned shift = 48;

    do {
        shift -= 9;
        if (!gmem_load64(w->mem, gpa((e & address) + (linear >> shift & 0x1ff) * 8), &e) ||
            (e & (PTE_P | PTE_A | rsvd)) != (PTE_P | PTE_A))
            return false;
        all &= e;
        any |= e;
    } while (shift > 12 && !(e & PTE_PS));

    uint64_t inside = (1ull << shift) - 1;
    if (shift > 12 && ((e & inside & MASK64(38, 13)) || shift > 30 ||
                       (shift == 30 && !w->gib_pages)))
        return false;
    if (((access & GVA_WRITE) && !(e & PTE_D)) || !allowed(s, access, all | (any & PTE_NX)))
        return false;
    *out = gpa((e & address & ~inside) | (linear & inside));
    return true;
}

/* Any mode, any state of the tables. Apart from the fast walk, which needs no stack for it. */
static __attribute__((noinline)) enum gva_result
walk_slow(const struct gva_walker *w, const struct vcpu_state *s, uint64_t linear,
          unsigned access, gpa_t *out, struct gva_fault *fault)
{
    struct walk k;

    for (int tries = 0; tries < MAX_TRIES; tries++) {
        enum walk_end end = s->cr4 & CR4_PAE ? walk8(w, s, linear, &k) : walk4(w, s, linear, &k);
        if (unlikely(end != WALK_OK))
            return page_fault(s, linear, access, end == WALK_RSVD ? PF_PRESENT | PF_RSVD : 0,
                              fault);
        bool denied = key_denies(w, s, access, &k);
        if (unlikely(denied || !allowed(s, access, k.rights)))
            return page_fault(s, linear, access, PF_PRESENT | (denied ? PF_PK : 0), fault);
        if (likely(mark(w->mem, &k, access & GVA_WRITE))) {
            *out = gpa(k.gpa);
            return GVA_OK;
        }
    }
    return GVA_RETRY;
}

bool gva_pae_top_valid(const struct gva_walker *w, uint64_t cr3)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t e = load_entry8(w->mem, (cr3 & MASK64(31, 5)) + i * 8);
        if ((e & PTE_P) && (e & pae_top_reserved(w)))
            return false;
    }
    return true;
}

enum gva_result gva_to_gpa(const struct gva_walker *w, const struct vcpu_state *s, uint64_t linear,
                           unsigned access, gpa_t *out, struct gva_fault *fault)
{
    if (!(s->efer & EFER_LMA))
        linear = (uint32_t)linear;
    if (!(s->cr0 & CR0_PG)) {
        *out = gpa(linear);
        return GVA_OK;
    }
    if (likely((s->efer & EFER_LMA) && !(s->cr4 & (CR4_LA57 | CR4_PKE | CR4_PKS)) &&
               walk_fast(w, s, linear, access, out)))
        return GVA_OK;
    return walk_slow(w, s, linear, access, out, fault);
}
