/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events waiting for one vCPU besides the APIC's interrupts: exceptions to deliver,
 * NMIs, and an event whose delivery an exit cut off. Pure; used by the vCPU's own CPU.
 * Rules: SDM vol. 3, 6.9 (priorities), 6.15 and table 6-5 (double faults).
 */
#ifndef SOCLE_INJECT_H
#define SOCLE_INJECT_H

#include "socle/state.h"
#include "socle/types.h"

enum inject_type {
    INJECT_INTR,                /* external interrupt */
    INJECT_NMI,
    INJECT_EXCEPTION,           /* hardware exception */
    INJECT_SOFT_INT,            /* INT n */
    INJECT_SOFT_EXC,            /* INT3, INTO */
    INJECT_PRIV_SOFT_EXC,       /* INT1 */
};

struct inject_event {
    uint8_t  type;              /* enum inject_type */
    uint8_t  vector;
    bool     has_error;
    uint8_t  insn_len;          /* of a software event's instruction */
    uint32_t error;
    bool     has_payload;       /* #PF: payload goes to CR2; #DB: its bits are or'ed into DR6 */
    uint64_t payload;
};

struct inject_queue {
    bool     exception;         /* an exception is queued */
    bool     reinject;          /* an interrupted event is to be delivered again */
    bool     nmi_pending;       /* at most one waits (SDM vol. 3, 6.7.1) */
    bool     nmi_blocked;       /* an NMI handler runs, until its IRET */
    struct inject_event exc;
    struct inject_event again;
};

/* What the vCPU allows now. */
struct inject_gates {
    bool irq_pending;           /* an interrupt is ready at APIC or PIC */
    bool if_flag;               /* RFLAGS.IF */
    bool shadow_sti, shadow_mov_ss;
};

enum inject_next {
    INJECT_NOTHING,
    INJECT_THIS,                /* deliver *out */
    INJECT_IRQ,                 /* take the vector from APIC or PIC and deliver it */
};

void inject_reset(struct inject_queue *q);

/*
 * Queues an exception that the instruction just handled causes, or that delivery of
 * q->again (if q->reinject) ran into. Combines them by table 6-5. False: that makes a
 * triple fault; the vCPU shuts down.
 */
MUST_CHECK bool inject_exception(struct inject_queue *q, uint8_t vector, bool has_error,
                                 uint32_t error);
/* The same for #PF (cr2) and #DB (dr6 bits), which carry a payload. */
MUST_CHECK bool inject_exception_payload(struct inject_queue *q, uint8_t vector, bool has_error,
                                         uint32_t error, uint64_t payload);
/* An exit interrupted the delivery of `e`: it is delivered again at the next entry. */
void inject_again(struct inject_queue *q, const struct inject_event *e);
/* The guest finished an NMI handler by IRET. */
static inline void inject_nmi_done(struct inject_queue *q) { q->nmi_blocked = false; }

/*
 * Chooses what the next entry delivers, in the order: interrupted event, exception, NMI,
 * interrupt. An event that is given out leaves the queue; an NMI sets nmi_blocked.
 * *irq_window / *nmi_window: something still waits, so ask for an exit when it could go.
 */
enum inject_next inject_choose(struct inject_queue *q, const struct inject_gates *g,
                               struct inject_event *out, bool *irq_window, bool *nmi_window);

/* Anything queued but interrupts? For waking a halted vCPU. */
static inline bool inject_pending(const struct inject_queue *q)
{
    return q->exception || q->reinject || (q->nmi_pending && !q->nmi_blocked);
}

void inject_save(const struct inject_queue *q, struct state_out *o);
MUST_CHECK hv_status inject_load(struct inject_queue *q, struct state_in *in);

#endif
