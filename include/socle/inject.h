/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events on their way into one vCPU: exceptions, NMIs, and what was being delivered
 * when the guest was left (SDM vol. 3, 6.9 and table 6-5; 25.9.3; APM vol. 2, 15.20).
 * External interrupts stay in the interrupt controller until they can be delivered.
 * Only the CPU that runs the vCPU calls this; NMIs from elsewhere arrive as requests.
 */
#ifndef SOCLE_INJECT_H
#define SOCLE_INJECT_H

#include "socle/state.h"
#include "socle/types.h"

enum inject_kind {
    EVENT_NONE,
    EVENT_IRQ,              /* external interrupt, acknowledged at its controller */
    EVENT_NMI,
    EVENT_EXCEPTION,        /* faults, traps and aborts of the CPU itself */
    EVENT_SOFT_INT,         /* INT n */
    EVENT_SOFT_EXCEPTION,   /* INT3, INTO */
    EVENT_ICEBP,            /* INT1 */
    EVENT_KINDS
};

struct inject_event {
    enum inject_kind kind;
    uint8_t  vector;
    uint8_t  insn_len;      /* software events: how far RIP moves; else 0 */
    bool     has_error;
    uint32_t error;
    bool     set_cr2, set_dr6;      /* the vCPU's register takes the value at injection */
    uint64_t cr2;
    uint64_t dr6;           /* bits to set, RTM/BLD polarity already resolved */
};

struct inject_queue {
    struct inject_event interrupted;    /* its delivery began and was cut off */
    struct inject_event exception;      /* of an instruction that is over */
    struct inject_event held;           /* cut-off interrupt that an exception overtook */
    bool nmi;                           /* one NMI is pending */
    bool shutdown;                      /* triple fault */
};

void inject_init(struct inject_queue *q);

enum inject_result { INJECT_QUEUED, INJECT_DOUBLE, INJECT_TRIPLE };

/*
 * Adds an exception; together with what is being delivered it may become #DF, or end
 * the vCPU in shutdown. A plain one takes the place of an earlier one, which its
 * instruction raises again.
 */
enum inject_result inject_exception(struct inject_queue *q, uint8_t vector, bool has_error,
                                    uint32_t error);
enum inject_result inject_page_fault(struct inject_queue *q, uint32_t error, uint64_t cr2);
enum inject_result inject_debug(struct inject_queue *q, uint64_t dr6);
/* The general form: kind EXCEPTION, SOFT_INT, SOFT_EXCEPTION or ICEBP. */
enum inject_result inject_add(struct inject_queue *q, const struct inject_event *e);
void inject_nmi(struct inject_queue *q);

/*
 * At each exit, before anything is added: the event whose delivery the exit cut off,
 * as the hardware reports it (VT-x IDT-vectoring information, AMD-V EXITINTINFO).
 * Null or kind NONE: the last one injected arrived.
 */
void inject_interrupted(struct inject_queue *q, const struct inject_event *e);

/* That event has arrived after all, by a task switch of ours: nothing of it is repeated. */
void inject_delivered(struct inject_queue *q);

/* What decides whether events can be taken now. */
struct inject_gates {
    bool if_flag;           /* RFLAGS.IF */
    bool sti_shadow;        /* one instruction after STI */
    bool movss_shadow;      /* one instruction after MOV SS, POP SS */
    bool nmi_blocked;       /* an NMI handler is running */
    bool irq_pending;       /* the interrupt controller has a vector for us */
};

enum inject_next {
    INJECT_NOTHING,
    INJECT_EVENT,           /* *out is to be injected */
    INJECT_IRQ,             /* acknowledge at the controller and inject its vector */
    INJECT_SHUTDOWN,        /* triple fault */
};

/*
 * What the next entry delivers. *irq_window and *nmi_window tell which windows to open
 * for what has to wait. Changes nothing: inject_taken() says that it was done.
 */
enum inject_next inject_choose(const struct inject_queue *q, const struct inject_gates *g,
                               struct inject_event *out, bool *irq_window, bool *nmi_window);
/* The event of INJECT_EVENT went to the hardware. Not called for INJECT_IRQ. */
void inject_taken(struct inject_queue *q, const struct inject_event *e);

/* Anything that would wake a halted vCPU or must be delivered? (not: the controller's) */
static inline bool inject_pending(const struct inject_queue *q)
{
    return q->shutdown | q->nmi | q->interrupted.kind | q->exception.kind | q->held.kind;
}

void inject_save(const struct inject_queue *q, struct state_out *o);
MUST_CHECK hv_status inject_load(struct inject_queue *q, struct state_in *in);

#endif
