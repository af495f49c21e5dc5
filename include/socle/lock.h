/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spinlocks. Host interrupts only queue work, so no lock is ever taken in an
 * interrupt handler and none needs interrupts off, except those declared
 * `struct irq_lock`. The order of locks is written in docs/locking.md.
 */
#ifndef SOCLE_LOCK_H
#define SOCLE_LOCK_H

#include <stdatomic.h>
#include "socle/types.h"

struct spinlock { _Atomic uint32_t taken; };

#define SPINLOCK_INIT { 0 }

static inline void spin_lock(struct spinlock *l)
{
    while (atomic_exchange_explicit(&l->taken, 1, memory_order_acquire))
        while (atomic_load_explicit(&l->taken, memory_order_relaxed))
            __builtin_ia32_pause();
}

static inline bool spin_try(struct spinlock *l)
{
    return !atomic_exchange_explicit(&l->taken, 1, memory_order_acquire);
}

static inline void spin_unlock(struct spinlock *l)
{
    atomic_store_explicit(&l->taken, 0, memory_order_release);
}

#endif
