/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builder of x86 page tables in any of their formats: the host's own (SDM vol. 3,
 * 4.5), AMD's nested tables (APM vol. 2, 15.25) and Intel's extended ones (SDM vol. 3,
 * 29.3). Leaves of 4 KiB, 2 MiB and 1 GiB are chosen by alignment; large ones are
 * split when part of them changes.
 *
 * The caller holds the lock of the table. Hardware may walk it at any moment: every
 * entry is written by one 64-bit store, tables are filled before they are linked,
 * and each page translates to its old or its new frame, never to anything else.
 */
#ifndef SOCLE_PTAB_H
#define SOCLE_PTAB_H

#include "socle/status.h"
#include "socle/types.h"

/* Protection. W and X include R: no format can do without (EPT execute-only is not used). */
enum {
    PT_R        = 1 << 0,
    PT_W        = 1 << 1,
    PT_X        = 1 << 2,
    PT_U        = 1 << 3,       /* host format: user accesses allowed */
    PT_GLOBAL   = 1 << 4,       /* host format: survives CR3 loads */
    PT_FORCE    = 1 << 5,       /* EPT: the guest's PAT cannot change the memory type */
};

enum pt_type { PT_WB, PT_WT, PT_WC, PT_WP, PT_UC_MINUS, PT_UC, PT_TYPES };

/*
 * The host's PAT register that host and NPT entries refer to: WB, WC, UC-, UC, WB, WP,
 * UC-, WT from entry 0 up. WB, UC- and UC are where the reset value has them too.
 */
#define PT_HOST_PAT 0x0407050600070106ull

/* What one entry says. */
struct pt_entry {
    hpa_t        at;
    uint32_t     prot;
    enum pt_type type;
    bool         accessed, dirty;
};

/* Levels count from 1 (entries map 4 KiB) to 4 (the root). */
struct pt_format {
    const char *name;
    bool        canonical;                  /* addresses may have bits 63-47 all set */
    uint64_t    accessed, dirty;            /* bits that the CPU sets itself */
    uint64_t  (*leaf)(unsigned level, hpa_t at, uint32_t prot, enum pt_type type);
    uint64_t  (*table)(hpa_t at);
    bool      (*present)(uint64_t entry);
    bool      (*is_leaf)(uint64_t entry, unsigned level);      /* of a present entry */
    void      (*decode)(uint64_t entry, unsigned level, struct pt_entry *out);
};

extern const struct pt_format pt_format_host, pt_format_npt, pt_format_ept;

/*
 * Where table pages come from. alloc: a zeroed page. free: the page is unlinked, but
 * other CPUs may hold it cached until the flush: whoever shares the table between CPUs
 * defers here. ptr: where the page can be read and written.
 */
struct pt_pages {
    void      *ctx;
    hv_status (*alloc)(void *ctx, hpa_t *page);
    void      (*free)(void *ctx, hpa_t page);
    uint64_t *(*ptr)(void *ctx, hpa_t page);
};

/* Unmapping and replacing free table pages in one go: keep single calls to 1 GiB or so. */
struct ptab {
    const struct pt_format *format;
    struct pt_pages         pages;
    hpa_t                   root;
    uint8_t                 max_leaf;       /* largest leaf's level: 1, 2 or 3 */
    uint64_t                tables;         /* pages in use, root included */
};

/* max_leaf: 2, or 3 if the CPU has 1 GiB pages of this format. HV_NOMEM. */
MUST_CHECK hv_status ptab_init(struct ptab *t, const struct pt_format *format,
                               const struct pt_pages *pages, unsigned max_leaf);

/*
 * Frees table pages, at most `budget` of them; true when all are gone, else call
 * again. No CPU uses the table any more.
 */
bool ptab_fini(struct ptab *t, unsigned budget);

/*
 * Maps [va, va+len) to [at, at+len), over whatever was there. HV_INVALID: misaligned,
 * empty, not an address, or prot without R, W or X. HV_NOMEM: a first part may be
 * mapped; ptab_unmap() takes it back. *flush is set (never cleared) when a translation
 * changed that CPUs may have cached.
 */
MUST_CHECK hv_status ptab_map(struct ptab *t, uint64_t va, hpa_t at, uint64_t len, uint32_t prot,
                              enum pt_type type, bool *flush);

/*
 * Removes what is mapped in the range, and tables that become empty. HV_NOMEM only
 * when a large page had to be split; a part may be done then.
 */
MUST_CHECK hv_status ptab_unmap(struct ptab *t, uint64_t va, uint64_t len, bool *flush);

/* Changes the protection of what is mapped in the range; holes stay. Errors as above. */
MUST_CHECK hv_status ptab_protect(struct ptab *t, uint64_t va, uint64_t len, uint32_t prot,
                                  bool *flush);

/*
 * Replaces tables in the range whose pages are contiguous and alike by large leaves.
 * Never fails: what cannot be joined stays. Dirty flags set by other CPUs meanwhile can
 * get lost, so not while they are being harvested.
 */
void ptab_join(struct ptab *t, uint64_t va, uint64_t len, bool *flush);

/* What `va` translates to. out->at is the address of that very byte; level: of the leaf. */
bool ptab_lookup(const struct ptab *t, uint64_t va, struct pt_entry *out, unsigned *level);

/*
 * Clears the dirty (and accessed, if asked) flags in the range and calls `seen` for
 * every leaf that was dirty, if not null. *flush is set when one was cleared.
 */
void ptab_harvest(struct ptab *t, uint64_t va, uint64_t len, bool accessed,
                  void (*seen)(void *ctx, uint64_t va, uint64_t len), void *ctx, bool *flush);

#endif
