/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See time.h. HPET: IA-PC HPET specification 1.0a, 2.3; PM timer: ACPI 6.4, 4.8.3.3;
 * PIT: Intel 8254. Each sample brackets a reading of the reference by two of the TSC;
 * the narrowest bracket of several counts, so that an interruption does no harm.
 */
#include "arch/x86/cpu/time.h"

#include "arch/x86/cpu/lapic.h"
#include "arch/x86/cpu/ops.h"
#include "arch/x86/mm/hostmap.h"
#include "socle/bits.h"
#include "socle/log.h"
#include "socle/vmclock.h"

enum { HPET_CAPS = 0, HPET_CONFIG = 0x10, HPET_COUNTER = 0xf0, HPET_ENABLE = 1 };
enum { PIT_CH2 = 0x42, PIT_CONTROL = 0x43, PORT61 = 0x61, SAMPLES = 9, TRIES = 3 };
#define PIT_CLOCK       1193182u
#define PM_CLOCK        3579545u
#define FEMTO           1000000000000000ull
#define WINDOW_HZ       500             /* two windows of 1/500 s each */
#define STEADY_PPM      1000
#define DOUBT_PART      50              /* samples wider than 2 % of a window tell nothing */
#define FAR_TICKS       (1ull << 61)    /* centuries */

static struct time_reference ref;
static volatile uint8_t *hpet;
static uint16_t pm_port;
static struct vmclock clock;            /* the hypervisor's own use of the same arithmetic */
static uint64_t lapic_hz;
uint64_t time_armed_ns = UINT64_MAX;
static bool steady, deadline;

static uint64_t read_hpet(void) { return *(volatile uint32_t *)(hpet + HPET_COUNTER); }
static uint64_t read_pm(void) { return inl(pm_port); }

/* Channel 2 counts down from 65535 in mode 0 without interrupt. */
static uint64_t read_pit(void)
{
    outb(PIT_CONTROL, 0x80);            /* latch channel 2 */
    uint64_t lo = inb(PIT_CH2);
    return 0xffff - (lo | (uint64_t)inb(PIT_CH2) << 8);
}

/* Does the chosen counter count? Bounded by reads, not by time, which is not known yet. */
static bool reference_moves(void)
{
    uint64_t first = ref.read();
    for (unsigned i = 0; i < 1000; i++)
        if (ref.read() != first)
            return true;
    return false;
}

static bool use_hpet(const struct host_acpi *acpi)
{
    if (!acpi->hpet.valid || !(hpet = hostmap_device(acpi->hpet.addr, PAGE_SIZE)))
        return false;
    uint32_t period = *(volatile uint32_t *)(hpet + HPET_CAPS + 4);
    if (period == 0 || period > 100000000)      /* spec: at most 100 ns */
        return false;
    *(volatile uint32_t *)(hpet + HPET_CONFIG) |= HPET_ENABLE;
    ref = (struct time_reference){ "HPET", FEMTO / period, 0xffffffff, read_hpet };
    return reference_moves();
}

static bool use_pm(const struct host_acpi *acpi)
{
    if (!acpi->fadt.valid || acpi->fadt.pm_timer.space != ACPI_SPACE_IO || !acpi->fadt.pm_timer.addr)
        return false;
    pm_port = (uint16_t)acpi->fadt.pm_timer.addr;
    ref = (struct time_reference){ "PM timer", PM_CLOCK, 0xffffff, read_pm };
    return reference_moves();
}

static bool use_pit(void)
{
    outb(PORT61, (uint8_t)((inb(PORT61) & ~2u) | 1));   /* gate on, speaker off */
    outb(PIT_CONTROL, 0xb0);                            /* channel 2, both bytes, mode 0 */
    outb(PIT_CH2, 0xff);
    outb(PIT_CH2, 0xff);
    ref = (struct time_reference){ "PIT", PIT_CLOCK, 0xffff, read_pit };
    return reference_moves();
}

/* width: TSC ticks within which the reference was read, so how far off tsc may be. */
struct sample { uint64_t tsc, ref, width; uint32_t lapic; };

static struct sample take_sample(void)
{
    struct sample best = { 0 };
    uint64_t narrowest = UINT64_MAX;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t before = rdtsc(), r = ref.read();
        uint32_t left = host_lapic_timer_left();
        uint64_t after = rdtsc();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = (struct sample){ before + narrowest / 2, r, narrowest, left };
        }
    }
    return best;
}

/* Samples again after `ticks` of the reference; bounded, should it stand still. */
static struct sample wait_and_sample(uint64_t from, uint64_t ticks)
{
    for (uint64_t i = 0; i < 100000000 && ((ref.read() - from) & ref.mask) < ticks; i++)
        ;
    return take_sample();
}

/* events per second, when `events` happened in `ticks` of the reference. */
static uint64_t rate(uint64_t events, uint64_t ticks)
{
    return ticks ? (uint64_t)((unsigned __int128)events * ref.hz / ticks) : 0;
}

static uint64_t rate_between(const struct sample *a, const struct sample *b)
{
    return rate(b->tsc - a->tsc, (b->ref - a->ref) & ref.mask);
}

/*
 * Two windows one after the other: gives the TSC's frequency, sets lapic_hz, and `steady`
 * when both windows agree as well as the samples' own widths let one tell.
 */
static uint64_t measure(void)
{
    host_lapic_timer_setup(false);
    host_lapic_timer_count(UINT32_MAX);
    uint64_t window = ref.hz / WINDOW_HZ;
    struct sample a = take_sample();
    struct sample b = wait_and_sample(a.ref, window);
    struct sample c = wait_and_sample(b.ref, window);
    host_lapic_timer_count(0);
    uint64_t first = rate_between(&a, &b), second = rate_between(&b, &c), hz = rate_between(&a, &c);
    lapic_hz = rate(a.lapic - c.lapic, (c.ref - a.ref) & ref.mask);
    uint64_t apart = first > second ? first - second : second - first;
    uint64_t doubt = rate(a.width + 2 * b.width + c.width, window);
    steady = apart <= hz / 1000000 * STEADY_PPM + doubt && doubt < hz / DOUBT_PART;
    return hz;
}

hv_status time_init(const struct host_acpi *acpi)
{
    uint32_t r[4];
    if (!use_hpet(acpi) && !use_pm(acpi) && !use_pit())
        return HV_NOT_FOUND;
    uint64_t hz = measure();
    /* Only on a machine that is interrupted all the time (an emulator under load) more than once. */
    for (unsigned i = 1; i < TRIES && !steady; i++)
        hz = measure();
    if (vmclock_init(&clock, hz) || !lapic_hz)
        return HV_NOT_FOUND;
    vmclock_thaw(&clock, rdtsc());
    cpuid(1, 0, r);
    deadline = r[2] & BIT(24);
    host_lapic_timer_setup(deadline);
    return HV_OK;
}

uint64_t time_tsc_hz(void) { return clock.tsc_khz * 1000; }
bool time_tsc_steady(void) { return steady; }
const char *time_reference_name(void) { return ref.name; }
uint64_t time_now(void) { return vmclock_ns(&clock, rdtsc()); }

uint64_t time_at_tsc(uint64_t tsc)
{
    uint64_t now = rdtsc();
    if (tsc > now && tsc - now > FAR_TICKS)     /* for the clock's arithmetic that is the past */
        return UINT64_MAX;
    uint64_t ns = vmclock_ns(&clock, tsc);
    return ns == UINT64_MAX ? ns : ns + 1;
}

uint64_t time_to_tsc(uint64_t ns) { return vmclock_host_tsc(&clock, ns); }

void time_arm(uint64_t due_ns)
{
    if (due_ns == time_armed_ns)
        return;
    time_armed_ns = due_ns;
    if (deadline) {
        /* A deadline in the past fires at once; 0 would disarm. */
        host_lapic_timer_deadline(due_ns == UINT64_MAX ? 0 : time_to_tsc(due_ns));
        return;
    }
    if (due_ns == UINT64_MAX) {
        host_lapic_timer_count(0);
        return;
    }
    uint64_t now = time_now();
    uint64_t ns = due_ns > now ? due_ns - now : 0;
    ns = min_u64(ns, 1000000000);       /* a longer wait is armed again after a second */
    uint64_t ticks = ns * (lapic_hz / 1000) / 1000000 + 1;
    host_lapic_timer_count((uint32_t)min_u64(ticks, UINT32_MAX));
}

void time_fired(void) { time_armed_ns = UINT64_MAX; }

static uint8_t cmos(uint8_t reg)
{
    outb(0x70, (uint8_t)(0x80 | reg));
    return inb(0x71);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static uint64_t days(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static uint32_t from_bcd(uint8_t v, bool binary)
{
    return binary ? v : (v >> 4) * 10u + (v & 15);
}

uint64_t time_read_rtc(uint8_t century_reg)
{
    uint8_t r[7] = { 0 }, again[7] = { 1 };
    static const uint8_t regs[6] = { 0, 2, 4, 7, 8, 9 };
    /* Read until two readings agree outside of an update (MC146818A, "update cycle"). */
    for (unsigned t = 0; t < 10000; t++) {
        if (cmos(10) & 0x80)
            continue;
        for (unsigned i = 0; i < 6; i++)
            r[i] = cmos(regs[i]);
        r[6] = century_reg ? cmos(century_reg) : 0;
        bool same = true;
        for (unsigned i = 0; i < 7; i++)
            same = same && r[i] == again[i];
        if (same)
            break;
        for (unsigned i = 0; i < 7; i++)
            again[i] = r[i];
    }
    uint8_t mode = cmos(11);
    outb(0x70, 0x0d);                   /* NMI on again */
    bool binary = mode & 4;
    uint32_t hour = from_bcd(r[2] & 0x7f, binary);
    if (!(mode & 2)) {                  /* 12-hour format: bit 7 is PM */
        hour %= 12;
        if (r[2] & 0x80)
            hour += 12;
    }
    uint32_t year = from_bcd(r[5], binary), century = from_bcd(r[6], binary);
    year += century >= 19 && century <= 21 ? century * 100 : year < 70 ? 2000 : 1900;
    uint32_t month = from_bcd(r[4], binary), day = from_bcd(r[3], binary);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23)
        return 0;
    return days(year, month, day) * 86400 + hour * 3600 + from_bcd(r[1], binary) * 60 +
           from_bcd(r[0], binary);
}
