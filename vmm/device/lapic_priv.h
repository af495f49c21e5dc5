/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the local APIC share with each other: register bits and helpers. */
#ifndef LAPIC_PRIV_H
#define LAPIC_PRIV_H

#include "socle/bits.h"
#include "socle/device/lapic.h"

#define VERSION_DIRECTED_EOI BIT(24)

#define SVR_ENABLE          0x100u
#define SVR_SUPPRESS_EOI    0x1000u         /* only with version bit 24 (SDM vol. 3, 11.8.5) */
#define SVR_RESET           0xffu

/* Bits of the ICR's lower half that are kept (figure 11-12). */
#define ICR_BITS            0xccfffu

/* Local vector table (figure 11-8). */
#define LVT_VECTOR          0xffu
#define LVT_MODE_SHIFT      8
#define LVT_MODE            0x700u
#define LVT_REMOTE_IRR      0x4000u         /* LINT pins, fixed and level-triggered */
#define LVT_LEVEL           0x8000u
#define LVT_MASK            LAPIC_LVT_MASKED
#define LVT_TIMER_SHIFT     17

enum timer_mode { TIMER_ONE_SHOT = 0, TIMER_PERIODIC = 1, TIMER_DEADLINE = 2 };

/* Error status (figure 11-9). */
#define ESR_SEND_VECTOR     0x20u
#define ESR_RECEIVE_VECTOR  0x40u
#define ESR_REGISTER        0x80u

#define APIC_FIRST_VECTOR   16              /* 0-15 are illegal (11.5.2) */

enum { LAPIC_SLOTS = 0x40, LAPIC_VECTOR_WORDS = 8 };

static inline void reg_set(struct lapic *l, unsigned slot, uint32_t v)
{
    atomic_store_explicit(&l->page->reg[slot].v, v, memory_order_relaxed);
}

static inline bool lapic_software_enabled(const struct lapic *l)
{
    return lapic_reg(l, LAPIC_SVR) & SVR_ENABLE;
}

static inline enum timer_mode timer_mode(uint32_t lvt)
{
    return (enum timer_mode)(lvt >> LVT_TIMER_SHIFT & 3);
}

/* Bits that exist in the LVT entry of this slot and can be written. */
uint32_t lapic_lvt_bits(const struct lapic *l, unsigned slot);
uint32_t lapic_svr_bits(const struct lapic *l);

/* All registers to their power-up values for the present mode; the timer stops. */
void lapic_reset_registers(struct lapic *l);
/* Puts ID and LDR in the form of the present mode. */
void lapic_set_identity(struct lapic *l);
void lapic_update_ppr(struct lapic *l);
/* The vector's interrupt has ended, and it was level-triggered. */
void lapic_eoi_level(struct lapic *l, uint8_t vector);
/* Notes an error for ESR and raises the error interrupt. Any CPU. */
void lapic_error(struct lapic *l, uint32_t bit);
/* Does what a local source's LVT entry says. Any CPU. */
void lapic_local(struct lapic *l, unsigned slot);
/* An entry of a LINT pin was written while the pin may be high. */
void lapic_lint_changed(struct lapic *l, unsigned slot);

void     lapic_timer_init(struct lapic *l);
void     lapic_timer_stop(struct lapic *l);
void     lapic_timer_lvt(struct lapic *l, uint32_t value);
void     lapic_timer_start(struct lapic *l, uint32_t count);
void     lapic_timer_divide(struct lapic *l, uint32_t tdcr);
uint32_t lapic_timer_current(struct lapic *l);
/* Goes on with a timer that was just loaded; one that is due meanwhile fires. */
void     lapic_timer_resume(struct lapic *l);

#endif
