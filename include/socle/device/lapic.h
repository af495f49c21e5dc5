/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC with xAPIC and x2APIC interfaces (SDM vol. 3, chapter 11; APM vol. 2,
 * chapter 16). The registers live in a page in the manual's layout, so that hardware
 * APIC virtualization can work on the same memory.
 *
 * Who may touch what: other CPUs only set bits of IRR and TMR, the summary of IRR, the
 * error and ExtINT latches (all atomic), and read ID, LDR, DFR, SVR, PPR and the LVT.
 * Everything else belongs to the CPU that runs the vCPU now. The timer alone is shared
 * with the alarm, under its own lock, which this file takes; callers hold no lock.
 */
#ifndef SOCLE_DEVICE_LAPIC_H
#define SOCLE_DEVICE_LAPIC_H

#include "socle/dev.h"
#include "socle/device/apic_fabric.h"

/* One 16-byte slot of the register page; its number is also the x2APIC MSR less 0x800. */
struct lapic_slot {
    _Atomic uint32_t v;
    uint32_t         unused[3];
};

struct lapic_page {
    struct lapic_slot reg[PAGE_SIZE / 16];
};
_Static_assert(sizeof(struct lapic_page) == PAGE_SIZE, "the register page is a page");

/* Slots (SDM vol. 3, table 11-1: address offset / 16). ISR, TMR and IRR have 8 each. */
enum lapic_reg {
    LAPIC_ID = 0x02, LAPIC_VERSION = 0x03, LAPIC_TPR = 0x08, LAPIC_APR = 0x09, LAPIC_PPR = 0x0a,
    LAPIC_EOI = 0x0b, LAPIC_RRD = 0x0c, LAPIC_LDR = 0x0d, LAPIC_DFR = 0x0e, LAPIC_SVR = 0x0f,
    LAPIC_ISR = 0x10, LAPIC_TMR = 0x18, LAPIC_IRR = 0x20, LAPIC_ESR = 0x28, LAPIC_ICR = 0x30,
    LAPIC_ICR2 = 0x31, LAPIC_LVT_TIMER = 0x32, LAPIC_LVT_THERMAL = 0x33, LAPIC_LVT_PERF = 0x34,
    LAPIC_LVT_LINT0 = 0x35, LAPIC_LVT_LINT1 = 0x36, LAPIC_LVT_ERROR = 0x37, LAPIC_TMICT = 0x38,
    LAPIC_TMCCT = 0x39, LAPIC_TDCR = 0x3e, LAPIC_SELF_IPI = 0x3f
};

/* IA32_APIC_BASE, MSR 0x1b (SDM vol. 3, 11.4.4 and 11.12.1). */
#define APIC_BASE_BSP       0x100ull
#define APIC_BASE_EXTD      0x400ull
#define APIC_BASE_EN        0x800ull
#define APIC_BASE_ADDR      0x000ffffffffff000ull

#define LAPIC_LVT_MASKED    0x10000u
#define LAPIC_TIMER_HZ      1000000000u     /* before the divider: one tick per ns of VM time */
#define LAPIC_MIN_PERIOD    20000u          /* ns between two interrupts of a periodic timer */

/* The guest's TSC as the deadline timer needs it; per vCPU because of TSC_ADJUST. */
struct lapic_tsc {
    void     *ctx;
    uint64_t (*now)(void *ctx);                     /* what RDTSC in the guest would give */
    uint64_t (*to_ns)(void *ctx, uint64_t tsc);     /* first VM time with at least this TSC */
};

struct lapic_config {
    uint32_t            vcpu;           /* index = APIC ID, below PLAT_MAX_VCPUS */
    bool                bsp;
    bool                x2apic;         /* offered in CPUID */
    bool                tsc_deadline;   /* offered in CPUID; needs tsc */
    bool                directed_eoi;   /* version register bit 24, SVR bit 12 */
    uint8_t             phys_bits;      /* MAXPHYADDR of the guest, 32 to 52 */
    struct lapic_page  *page;           /* page-aligned, zeroed or not */
    struct apic_fabric *fabric;
    const struct dev_env *env;          /* now and alarm are used */
    struct lapic_tsc    tsc;
};

struct lapic {
    struct lapic_page  *page;
    _Atomic uint64_t    base;           /* IA32_APIC_BASE */
    _Atomic uint8_t     irr_words;      /* bit n: IRR word n may be non-zero */
    uint8_t             isr_words;      /* bit n: ISR word n is non-zero */
    _Atomic bool        extint;         /* an ExtINT message waits for its acknowledge */
    _Atomic uint8_t     lint;           /* bits 1:0: level of the LINT pins */
    _Atomic uint32_t    errors;         /* detected since ESR was last written */
    struct apic_fabric *fabric;
    uint32_t            vcpu;
    uint32_t            version;
    uint64_t            base_valid;     /* bits a guest may set in IA32_APIC_BASE */
    bool                bsp, x2apic, tsc_deadline;
    const struct dev_env *env;
    struct lapic_tsc    tsc;
    /* Timer, under the lock: at VM time `ref` the counter held `count`; 0: stopped. */
    struct spinlock     lock;
    uint64_t            ref;
    uint32_t            count;
    uint64_t            deadline;       /* TSC deadline; 0: disarmed */
    struct alarm        alarm;          /* set while an unmasked timer runs */
};

/* VM setup. Enters the APIC in the fabric and resets it. */
void lapic_init(struct lapic *l, const struct lapic_config *c);
/* Power-up state; the base goes back to its default (SDM vol. 3, 11.4.7.1). */
void lapic_reset(struct lapic *l);
/*
 * What firmware leaves on the boot CPU, for guests started without one: 8259 through
 * LINT0, NMI on LINT1 (MP specification 1.4, 3.6.2.2: virtual wire mode).
 */
void lapic_virtual_wire(struct lapic *l);
/* INIT: as reset, but keeps the APIC ID, the base and the mode (11.4.7.3). Owner CPU. */
void lapic_init_signal(struct lapic *l);

/* ---- the run loop; all on the vCPU's own CPU ---- */

static inline uint32_t lapic_reg(const struct lapic *l, unsigned slot)
{
    return atomic_load_explicit(&l->page->reg[slot].v, memory_order_relaxed);
}

/* Globally enabled? When not, interrupts of the 8259 go straight to the CPU. */
static inline bool lapic_enabled(const struct lapic *l) { return l->base & APIC_BASE_EN; }
static inline bool lapic_is_x2apic(const struct lapic *l) { return l->base & APIC_BASE_EXTD; }

/* Does a guest access to this address go to the APIC's page? */
static inline bool lapic_covers(const struct lapic *l, gpa_t at)
{
    return ((at.v ^ l->base) & ~0xfffull) == 0 && lapic_enabled(l) && !lapic_is_x2apic(l);
}

/* Highest vector in IRR, -1: none. */
int lapic_highest_irr(const struct lapic *l);

/* The vector to inject now, above the processor priority; -1: none. */
static inline int lapic_pending(const struct lapic *l)
{
    if (!atomic_load_explicit(&l->irr_words, memory_order_acquire))
        return -1;
    int v = lapic_highest_irr(l);
    return v >> 4 > (int)(lapic_reg(l, LAPIC_PPR) >> 4) ? v : -1;
}

/* The vector lapic_pending() gave is being delivered: IRR to ISR, new priority. */
void lapic_ack(struct lapic *l, uint8_t vector);
/* Takes back lapic_ack() for a vector whose injection was cut off before its delivery. */
void lapic_unack(struct lapic *l, uint8_t vector);

/*
 * Would this CPU take an interrupt of the 8259 pair: through LINT0 as ExtINT, by an
 * ExtINT message, or because the APIC is off? The core asks this when the PIC's output is
 * high, and calls lapic_extint_taken() when it has acknowledged the PIC.
 */
bool lapic_accepts_extint(const struct lapic *l);
void lapic_extint_taken(struct lapic *l);

/* CR8 is TPR bits 7:4. value: 0 to 15, checked by the caller. */
static inline uint64_t lapic_cr8_get(const struct lapic *l) { return lapic_reg(l, LAPIC_TPR) >> 4; }
void lapic_cr8_set(struct lapic *l, uint64_t value);
/*
 * The CR8 value below which a pending interrupt becomes deliverable; 0 when TPR holds
 * nothing back. For the TPR threshold of VT-x and CR8 intercepts of AMD-V.
 */
uint8_t lapic_tpr_threshold(const struct lapic *l);

/* A bus_handler for the 4 KiB page, offset 0 to 0xfff; dev is the accessing vCPU's own. */
void lapic_mmio(void *dev, struct bus_access *a);
/* MSRs 0x800-0x8ff. False: #GP(0). */
MUST_CHECK bool lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value);
MUST_CHECK bool lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value);
/* IA32_APIC_BASE (read: l->base). False: #GP(0). True: compare l->base for a moved page. */
MUST_CHECK bool lapic_base_write(struct lapic *l, uint64_t value);
/* IA32_TSC_DEADLINE, MSR 0x6e0; offered only with tsc_deadline. */
uint64_t lapic_deadline_read(struct lapic *l);
void lapic_deadline_write(struct lapic *l, uint64_t tsc);
/* The guest's TSC was changed (TSC, TSC_ADJUST, load of a state): re-aims the deadline. */
void lapic_tsc_changed(struct lapic *l);
/* EOI for the vector in service; also what a write to register 0xb0 or MSR 0x80b does. */
void lapic_eoi(struct lapic *l);

/*
 * ---- where the CPU delivers interrupts itself (lapic_hw.c), between enter and leave ----
 * Then lapic_pending(), _ack(), _eoi() and _cr8_set() are not called, and nobody but the CPU
 * that runs the vCPU raises interrupts while it is in the guest.
 */
/* Gives the highest vectors that wait and that are in service, 0: none. */
void lapic_hw_enter(struct lapic *l, uint8_t *requesting, uint8_t *servicing);
void lapic_hw_leave(struct lapic *l);
/* Highest vector in IRR if some were raised since the last call, else -1. */
int lapic_hw_post(struct lapic *l);
/* Does an interrupt wait, whatever the priority? */
bool lapic_hw_requests(const struct lapic *l);
/* Does one wait that the priority lets through? */
bool lapic_hw_wakes(const struct lapic *l);
/* Level-triggered vectors 64 * quarter to 64 * quarter + 63, a bit each. */
uint64_t lapic_hw_level(const struct lapic *l, unsigned quarter);
/* The CPU has done the EOI of a vector: tells the I/O APIC if it was level-triggered. */
void lapic_hw_eoi(struct lapic *l, uint8_t vector);

/* ---- any CPU ---- */

/* Sets the IRR bit and kicks if it is new. False: the APIC is off or software-disabled. */
bool lapic_raise(struct lapic *l, uint8_t vector, bool level);
/* Drives LINT0 (the PIC's output) or LINT1 (NMI); acts as the LVT says. Idempotent. */
void lapic_set_lint(struct lapic *l, unsigned pin, bool level);

/* ---- state; the vCPU does not run ---- */
void lapic_save(struct lapic *l, struct state_out *o);
/* On error the APIC is in its reset state. Arms the timer. */
MUST_CHECK hv_status lapic_load(struct lapic *l, struct state_in *in);

#endif
