/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of what the entry injects and of the guest's non-register state, which must let it
 * through: SDM vol. 3, 27.2.1.3 and 27.3.1.5.
 */
#include "arch/x86/vmx/check_priv.h"

#define EVENT_RESERVED      MASK64(30, 12)
/* Bit 11 exists in CPUs with bus-lock detection, which no guest is offered. */
#define PENDING_RESERVED    (MASK64(11, 4) | BIT64(13) | BIT64(15) | MASK64(63, 17))
enum { INSTRUCTION_MAX = 15, DEBUGCTL_BTF = BIT(1) };

static unsigned event_vector(const struct vmx_check *c) { return c->m->entry_event & EVENT_VECTOR; }

static void event(struct vmx_check *c, bool holds, const char *rule)
{
    must(c, holds, "entry event", c->m->entry_event, rule);
}

static void check_vector(struct vmx_check *c)
{
    bool has_mtf = c->l->cpu.proc >> 32 & PROC_MTF;
    unsigned vector = event_vector(c);
    event(c, !event_is(c, 1) && (has_mtf || !event_is(c, EVENT_TYPE_OTHER)), "type must be one that the CPU has");
    event(c, vector == VEC_NMI || !event_is(c, EVENT_TYPE_NMI), "vector of an NMI must be 2");
    event(c, vector <= 31 || !event_is(c, EVENT_TYPE_EXCEPTION), "vector of an exception must not be above 31");
    event(c, !vector || !event_is(c, EVENT_TYPE_OTHER), "vector of type 7 must be 0 (pending MTF exit)");
}

/*
 * An exception of real mode has no error code; others have what their vector says, unless the
 * CPU does not care (BASIC[56]).
 */
static void check_error_code(struct vmx_check *c)
{
    const uint32_t with_error = BIT(VEC_DF) | BIT(VEC_TS) | BIT(VEC_NP) | BIT(VEC_SS) | BIT(VEC_GP) |
                                BIT(VEC_PF) | BIT(VEC_AC);
    unsigned vector = event_vector(c);
    bool possible = event_is(c, EVENT_TYPE_EXCEPTION) && c->m->cr0 & CR0_PE;
    bool has = vector <= 31 && with_error >> vector & 1, free = c->l->cpu.basic & BASIC_ERROR_CODE_FREE;
    if (c->m->entry_event & EVENT_HAS_ERROR) {
        event(c, possible && (free || has), "must not deliver an error code");
        must(c, !(c->m->entry_error >> 16), "entry error code", c->m->entry_error, "must have bits 31:16 clear");
    } else {
        event(c, !possible || free || !has, "must deliver an error code");
    }
}

/* 27.2.1.3. */
void vmx_check_event(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    if (!(m->entry_event & EVENT_VALID))
        return;
    check_vector(c);
    check_error_code(c);
    event(c, !(m->entry_event & EVENT_RESERVED), "reserved bits must be clear");
    if (!event_is(c, EVENT_TYPE_SOFT_INT) && !event_is(c, EVENT_TYPE_PRIVILEGED) &&
        !event_is(c, EVENT_TYPE_SOFT_EXCEPTION))
        return;
    must(c, m->entry_length <= INSTRUCTION_MAX, "entry instruction length", m->entry_length,
         "must not be above 15");
    must(c, m->entry_length || c->l->cpu.misc & MISC_ENTRY_LENGTH_0, "entry instruction length", m->entry_length,
         "must not be 0 on this CPU");
}

/* Which events reach a CPU in this activity state. */
static bool gets_through(const struct vmx_check *c)
{
    bool exception = event_is(c, EVENT_TYPE_EXCEPTION);
    unsigned vector = event_vector(c);
    switch (c->m->activity) {
    case ACTIVITY_HLT:
        return event_is(c, EVENT_TYPE_INTR) || event_is(c, EVENT_TYPE_NMI) || event_is(c, EVENT_TYPE_OTHER) ||
               (exception && (vector == VEC_DB || vector == VEC_MC));
    case ACTIVITY_SHUTDOWN:
        return event_is(c, EVENT_TYPE_NMI) || (exception && vector == VEC_MC);
    case ACTIVITY_WAIT_SIPI:
        return false;
    default:
        return true;
    }
}

static void check_activity(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    bool known = m->activity <= ACTIVITY_WAIT_SIPI &&
                 (m->activity == ACTIVITY_ACTIVE || c->l->cpu.misc >> (MISC_ACTIVITY_SHIFT + m->activity - 1) & 1);
    must(c, known, "guest activity state", m->activity, "must be one that the CPU has");
    must(c, m->activity != ACTIVITY_HLT || !(m->ss_ar >> AR_DPL_SHIFT & 3), "guest activity state", m->activity,
         "must not be HLT with a DPL of SS other than 0");
    must(c, m->activity == ACTIVITY_ACTIVE || !(m->interruptibility & (BLOCK_STI | BLOCK_MOV_SS)),
         "guest activity state", m->activity, "must be active with blocking by STI or MOV SS");
    event(c, !(m->entry_event & EVENT_VALID) || gets_through(c), "must not be one that the activity state blocks");
}

static void check_interruptibility(struct vmx_check *c)
{
    const char *name = "guest interruptibility";
    uint64_t v = c->m->interruptibility;
    bool sti = v & BLOCK_STI, mov_ss = v & BLOCK_MOV_SS, intr = event_is(c, EVENT_TYPE_INTR);
    bool nmi = event_is(c, EVENT_TYPE_NMI);
    must(c, !(v & ~MASK64(4, 0)), name, v, "reserved bits must be clear");
    must(c, !sti || !mov_ss, name, v, "must not have blocking by both STI and MOV SS");
    must(c, !sti || c->m->rflags & RFLAGS_IF, name, v, "blocking by STI needs RFLAGS.IF");
    must(c, !intr || (!sti && !mov_ss), name, v, "must not block the injected interrupt");
    must(c, !nmi || !mov_ss, name, v, "must not have blocking by MOV SS with an injected NMI");
    must(c, !nmi || !sti, name, v, "must not have blocking by STI with an injected NMI (some CPUs)");
    must(c, !nmi || !(v & BLOCK_NMI) || !(c->word[WORD_PIN] & PIN_VIRTUAL_NMI), name, v,
         "must not have blocking by NMI with an injected NMI");
    must(c, !(v & BLOCK_SMI), name, v, "must not have blocking by SMI outside of SMM");
    if (v & BLOCK_ENCLAVE) {
        must(c, c->l->sgx, name, v, "enclave interruption needs a CPU with SGX");
        must(c, !mov_ss, name, v, "enclave interruption excludes blocking by MOV SS");
    }
}

/* A step that the guest's RFLAGS ask for must not get lost while events wait, nor come unasked. */
static void check_pending_debug(struct vmx_check *c)
{
    const struct vmcs_image *m = c->m;
    const char *name = "guest pending debug exceptions";
    uint64_t v = m->pending_debug;
    bool step = m->rflags & RFLAGS_TF && !(m->debugctl & DEBUGCTL_BTF);
    must(c, !(v & PENDING_RESERVED), name, v, "reserved bits must be clear");
    if (m->interruptibility & (BLOCK_STI | BLOCK_MOV_SS) || m->activity == ACTIVITY_HLT) {
        must(c, v & PENDING_STEP || !step, name, v, "BS must be set with RFLAGS.TF while events wait");
        must(c, !(v & PENDING_STEP) || step, name, v, "BS must be clear without RFLAGS.TF while events wait");
    }
    if (v & PENDING_RTM) {
        must(c, !(v & (MASK64(3, 0) | BIT64(14))), name, v, "bits other than 12 must be clear with RTM");
        must(c, v & PENDING_ENABLED_BP, name, v, "bit 12 must be set with RTM");
        must(c, c->l->rtm, name, v, "RTM needs a CPU that has it");
        must(c, !(m->interruptibility & BLOCK_MOV_SS), name, v, "RTM excludes blocking by MOV SS");
    }
}

/* 27.3.1.5. */
void vmx_check_non_register(struct vmx_check *c)
{
    uint64_t link = c->m->link;
    check_activity(c);
    check_interruptibility(c);
    check_pending_debug(c);
    must(c, link == ~0ull || (is_aligned(link, PAGE_SIZE) && physical(c, link)), "VMCS link pointer", link,
         "must be all ones or the address of a VMCS");
}
