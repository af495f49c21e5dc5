/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a VM (vmclock.h). Everything is a function of the host's TSC, so nothing
 * ticks and nothing drifts: TSC, kvmclock and all emulated timers are computed from the
 * same base with the same 32-bit factor that the guest is given (Linux
 * Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW). Called by the run loop,
 * the devices' environment and the MSR policy.
 */
#include "socle/vmclock.h"

#include "socle/assert.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { RECORD_ID = STATE_ID('C', 'L', 'C', 'K'), RECORD_VERSION = 1 };

#define NS_PER_SEC  1000000000ull
#define KHZ_MIN     1000ull             /* 1 MHz */
#define KHZ_MAX     1000000000ull       /* 1 THz */

/* Host frequencies this far apart, 250 in a million, count as the same machine's. */
#define TOLERANCE   4000

/*
 * mul and shift so that ((ticks << shift) * mul) >> 32 is the time in ns; a negative
 * shift drops low bits of the ticks. With its top bit set, mul is exact to 2^-32.
 */
static void set_scale(struct vmclock *c)
{
    uint64_t num = NS_PER_SEC, den = c->tsc_khz * 1000;

    c->shift = 0;
    for (; num >= den; den *= 2)
        c->shift++;
    for (; num * 2 < den; num *= 2)
        c->shift--;
    /* num / den is in [1/2, 1) now: its first 32 binary digits, in two halves. */
    uint64_t high = (num << 16) / den, rest = (num << 16) % den;
    uint64_t low = (rest << 16) / den;
    rest = (rest << 16) % den;
    uint64_t mul = (high << 16 | low) + (rest * 2 >= den);
    c->mul = (uint32_t)min_u64(mul, UINT32_MAX);
}

/* Ticks to ns as pvclock_scale_delta() of a guest does it, but without overflow. */
static unsigned __int128 scale(const struct vmclock *c, uint64_t ticks)
{
    unsigned __int128 t = ticks;

    t = c->shift < 0 ? t >> -c->shift : t << c->shift;
    return (t * c->mul) >> 32;
}

static uint64_t saturate(unsigned __int128 v) { return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v; }

/* The first number of ticks whose time is at least `ns`. */
static uint64_t ticks_for(const struct vmclock *c, uint64_t ns)
{
    uint64_t high = ns / c->mul, rest = ns % c->mul;

    /* (ns << 32) / mul, rounded up; rest < mul < 2^32. */
    unsigned __int128 t = ((unsigned __int128)high << 32) + ((rest << 32) + c->mul - 1) / c->mul;
    if (c->shift < 0)
        t <<= -c->shift;
    else
        t = (t + (1u << c->shift) - 1) >> c->shift;
    return saturate(t);
}

hv_status vmclock_init(struct vmclock *c, uint64_t tsc_hz)
{
    uint64_t khz = tsc_hz / 1000 + (tsc_hz % 1000 >= 500);

    if (khz < KHZ_MIN || khz > KHZ_MAX)
        return HV_INVALID;
    *c = (struct vmclock){ .tsc_khz = khz, .frozen = true };
    set_scale(c);
    return HV_OK;
}

void vmclock_thaw(struct vmclock *c, uint64_t host_tsc)
{
    if (!c->frozen)
        return;
    uint64_t pause = host_tsc - c->frozen_at;
    /* The same guest TSC and VM time, now later: pvclock pages stay right as they are. */
    c->base += pause;
    c->offset -= pause;
    c->frozen = false;
}

void vmclock_freeze(struct vmclock *c, uint64_t host_tsc)
{
    if (c->frozen)
        return;
    c->frozen = true;
    c->frozen_at = host_tsc;
}

static uint64_t effective(const struct vmclock *c, uint64_t host_tsc)
{
    return c->frozen ? c->frozen_at : host_tsc;
}

/* Host ticks since the base; 0 if a CPU whose TSC is a little behind looks before it. */
static uint64_t since_base(const struct vmclock *c, uint64_t host_tsc)
{
    uint64_t ticks = effective(c, host_tsc) - c->base;

    return (int64_t)ticks < 0 ? 0 : ticks;
}

uint64_t vmclock_guest_tsc(const struct vmclock *c, uint64_t host_tsc)
{
    return effective(c, host_tsc) + c->offset;
}

uint64_t vmclock_ns(const struct vmclock *c, uint64_t host_tsc)
{
    return saturate(scale(c, since_base(c, host_tsc)) + c->base_ns);
}

uint64_t vmclock_host_tsc(const struct vmclock *c, uint64_t ns)
{
    if (c->frozen || ns == UINT64_MAX)
        return UINT64_MAX;
    uint64_t ticks = ns <= c->base_ns ? 0 : ticks_for(c, ns - c->base_ns);
    /* A VM older than this machine's TSC has its base before 0. */
    __int128 at = (__int128)(int64_t)c->base + ticks;
    return at < 0 ? 0 : saturate((unsigned __int128)at);
}

uint64_t vmclock_tsc_to_ns(const struct vmclock *c, uint64_t guest_tsc)
{
    uint64_t start = c->base + c->offset;

    if (guest_tsc <= start)
        return c->base_ns;
    uint64_t ticks = guest_tsc - start;
    uint64_t ns = saturate(scale(c, ticks));
    /* Rounding down must not make the timer fire before its tick. */
    ns += ns != UINT64_MAX && ticks_for(c, ns) < ticks;
    return saturate((unsigned __int128)ns + c->base_ns);
}

uint64_t vmclock_ticks_to_ns(const struct vmclock *c, uint64_t ticks)
{
    return saturate(scale(c, ticks));
}

void vmclock_set_guest_tsc(struct vmclock *c, uint64_t host_tsc, uint64_t guest_tsc)
{
    uint64_t now = effective(c, host_tsc);

    /* A new base keeps the guest's TSC at the base below all that are to come. */
    c->base_ns = vmclock_ns(c, now);
    c->base = now;
    c->offset = guest_tsc - now;
}

/* ---- what guests and records see ---- */

static void put_le(uint8_t *p, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void vmclock_pvclock(const struct vmclock *c, uint64_t tsc_adjust, uint32_t version,
                     uint8_t flags, uint8_t out[PVCLOCK_SIZE])
{
    memset(out, 0, PVCLOCK_SIZE);
    put_le(out + 0, version, 4);
    put_le(out + 8, c->base + c->offset + tsc_adjust, 8);      /* tsc_timestamp */
    put_le(out + 16, c->base_ns, 8);                           /* system_time */
    put_le(out + 24, c->mul, 4);                               /* tsc_to_system_mul */
    out[28] = (uint8_t)c->shift;                               /* tsc_shift */
    out[29] = flags;
}

void vmclock_wall(uint64_t unix_ns, uint32_t version, uint8_t out[WALLCLOCK_SIZE])
{
    put_le(out + 0, version, 4);
    put_le(out + 4, unix_ns / NS_PER_SEC, 4);
    put_le(out + 8, unix_ns % NS_PER_SEC, 4);
}

void vmclock_save(const struct vmclock *c, struct state_out *o)
{
    hv_assert(c->frozen);
    state_begin(o, RECORD_ID, RECORD_VERSION);
    state_put_u64(o, c->tsc_khz);
    state_put_u64(o, c->base_ns);
    state_put_u64(o, c->frozen_at - c->base);
    state_put_u64(o, c->frozen_at + c->offset);
    state_end(o);
}

hv_status vmclock_load(struct vmclock *c, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, RECORD_ID, RECORD_VERSION, &version);

    if (s)
        return s;
    uint64_t khz = state_get_u64(in);
    uint64_t base_ns = state_get_u64(in);
    uint64_t since = state_get_u64(in);
    uint64_t guest_tsc = state_get_u64(in);
    s = state_close(in);
    if (s || khz < KHZ_MIN || khz > KHZ_MAX || since >> 63 || base_ns >> 63)
        return HV_INVALID;
    uint64_t apart = khz > c->tsc_khz ? khz - c->tsc_khz : c->tsc_khz - khz;
    if (apart * TOLERANCE > c->tsc_khz)
        return HV_UNSUPPORTED;
    /* The guest goes on with the frequency that it was told. */
    *c = (struct vmclock){
        .tsc_khz = khz, .frozen = true, .frozen_at = 0, .base = 0 - since,
        .base_ns = base_ns, .offset = guest_tsc,
    };
    set_scale(c);
    return HV_OK;
}
