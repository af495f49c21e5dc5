/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MC146818A clock and the PC's CMOS memory, driven by ports 0x70-0x73 and one alarm.
 * Motorola MC146818A data sheet, "Registers" and "Update Cycle".
 *
 * The clock is an offset to VM time; its registers are written out when somebody looks.
 * The flags of register C are brought up to date likewise, and the alarm is set only for
 * a flag whose interrupt is enabled: 8192 a second at most, and none while one is pending.
 */
#include "socle/device/rtc.h"

#include "socle/bits.h"
#include "socle/device/rtc_time.h"
#include "socle/device/ticks.h"
#include "socle/platform.h"
#include "socle/str.h"

#define A_UIP           0x80u
#define A_DV            0x70u
#define A_DV_MAX        0x20u       /* above: divider held in reset, or test modes */
#define A_RS            0x0fu
#define B_SET           0x80u
#define B_PIE           0x40u
#define B_AIE           0x20u
#define B_UIE           0x10u
#define B_SQWE          0x08u
#define C_IRQF          0x80u
#define C_FLAGS         0x70u       /* PF, AF, UF: at the places of their enables in B */
#define D_VRT           0x80u       /* the battery is good */
#define UIP_NS          244000u     /* tBUC: warning before an update */
#define HALF_SECOND     500000000u  /* first update after the divider's reset */
#define CRYSTAL_HZ      32768u

/* CMOS memory as the IBM AT's BIOS and its followers use it. */
#define CMOS_EQUIPMENT  0x14
#define CMOS_SUM        0x2e        /* big endian, over 0x10-0x2d */

#define STATE_RTC       STATE_ID('R', 'T', 'C', ' ')

static bool divider_runs(const struct rtc *r) { return (r->cmos[RTC_A] & A_DV) <= A_DV_MAX; }

static bool runs(const struct rtc *r)
{
    return divider_runs(r) && !(r->cmos[RTC_B] & B_SET);
}

static bool is_time(unsigned index)
{
    return index == RTC_CENTURY ||
           (index <= RTC_YEAR && index != RTC_SECONDS_ALARM && index != RTC_MINUTES_ALARM &&
            index != RTC_HOURS_ALARM);
}

/* Time since the divider chain began a second, counted from before VM time 0. */
static uint64_t chain_ns(const struct rtc *r, uint64_t now) { return now + NS_PER_S - r->phase; }
static uint64_t seconds(const struct rtc *r, uint64_t now) { return chain_ns(r, now) / NS_PER_S; }
static uint64_t vm_time(const struct rtc *r, uint64_t chain) { return chain + r->phase - NS_PER_S; }

static int64_t guest_time(const struct rtc *r, uint64_t now)
{
    int64_t t = r->base + (int64_t)seconds(r, now);
    return t < RTC_TIME_MAX ? t : RTC_TIME_MAX - 1;
}

/* Brings the time registers up to date. */
static void show(struct rtc *r, uint64_t now)
{
    if (!runs(r) || r->shown == guest_time(r, now))
        return;
    r->shown = guest_time(r, now);
    rtc_time_encode(r->cmos, r->shown, r->weekday_shift);
}

/* Lets the clock go on from what its registers say, which stay as written until they tick. */
static void adopt(struct rtc *r, uint64_t now)
{
    r->shown = rtc_time_decode(r->cmos, &r->weekday_shift);
    r->base = r->shown - (int64_t)seconds(r, now);
}

/* ---- flags and interrupt -------------------------------------------------------- */

/* log2 of the periodic rate in crystal clocks; -1: off (data sheet, table 5). */
static int period_shift(const struct rtc *r)
{
    int rs = r->cmos[RTC_A] & A_RS;
    if (!rs || !divider_runs(r))
        return -1;
    return rs < 3 ? rs + 6 : rs - 1;
}

static uint64_t periods(const struct rtc *r, uint64_t now, int shift)
{
    return ticks_of_ns(chain_ns(r, now), CRYSTAL_HZ) >> shift;
}

/* Sets the flags of what happened in (seen, now]. */
static void update_flags(struct rtc *r, uint64_t now)
{
    uint8_t flags = 0;
    int shift = period_shift(r);
    uint64_t before = seconds(r, r->seen), after = seconds(r, now);
    if (shift >= 0 && periods(r, r->seen, shift) != periods(r, now, shift))
        flags |= B_PIE;
    if (runs(r) && before != after) {
        flags |= B_UIE;
        unsigned until = rtc_time_until_alarm(r->cmos, guest_time(r, r->seen));
        if (until && until <= after - before)
            flags |= B_AIE;
    }
    r->cmos[RTC_C] |= flags;
    r->seen = now;
}

/* When the next enabled flag will come, in VM time. */
static uint64_t next_event(const struct rtc *r, uint64_t now)
{
    uint64_t due = ALARM_NEVER, second = seconds(r, now);
    uint8_t enabled = r->cmos[RTC_B];
    int shift = period_shift(r);
    if ((enabled & B_PIE) && shift >= 0) {
        uint64_t tick = (periods(r, now, shift) + 1) << shift;
        due = vm_time(r, ns_of_ticks(tick, CRYSTAL_HZ));
    }
    if (!runs(r))
        return due;
    if (enabled & B_UIE)
        due = min_u64(due, vm_time(r, (second + 1) * NS_PER_S));
    if (enabled & B_AIE) {
        unsigned until = rtc_time_until_alarm(r->cmos, guest_time(r, now));
        if (until)
            due = min_u64(due, vm_time(r, (second + until) * NS_PER_S));
    }
    return due;
}

static bool pending(const struct rtc *r) { return r->cmos[RTC_C] & r->cmos[RTC_B] & C_FLAGS; }

/* With the interrupt pending nothing can happen until register C is read. */
static void arm(struct rtc *r, uint64_t now)
{
    dev_alarm(r->env, &r->alarm, pending(r) ? ALARM_NEVER : next_event(r, now));
}

static void refresh_irq(struct rtc *r, uint64_t now)
{
    bool level = pending(r);
    if (level != r->line) {
        r->line = level;
        dev_irq(r->env, PLAT_IRQ_RTC, level);
    }
    arm(r, now);
}

static void fire(void *owner, uint64_t now)
{
    struct rtc *r = owner;
    spin_lock(&r->lock);
    update_flags(r, now);
    refresh_irq(r, now);
    spin_unlock(&r->lock);
}

/* ---- registers ------------------------------------------------------------------ */

static void write_a(struct rtc *r, uint8_t v, uint64_t now)
{
    bool ran = divider_runs(r), clock_ran = runs(r);
    r->cmos[RTC_A] = v & (uint8_t)~A_UIP;
    if (!ran && divider_runs(r)) {
        r->phase = (now + HALF_SECOND) % NS_PER_S;
        r->seen = now;
    }
    if (!clock_ran && runs(r))
        adopt(r, now);
}

static void write_b(struct rtc *r, uint8_t v, uint64_t now)
{
    bool ran = runs(r);
    if (v & B_SET)
        v &= (uint8_t)~B_UIE;       /* data sheet: SET going high clears UIE */
    bool reformat = (v ^ r->cmos[RTC_B]) & (RTC_B_BINARY | RTC_B_24H);
    r->cmos[RTC_B] = v;
    if (!ran && runs(r))
        adopt(r, now);
    else if (runs(r) && reformat)   /* the chip would misread its counters; keep the time */
        rtc_time_encode(r->cmos, r->shown, r->weekday_shift);
}

static uint8_t read_c(struct rtc *r, uint64_t now)
{
    update_flags(r, now);
    uint8_t v = (uint8_t)(r->cmos[RTC_C] | (pending(r) ? C_IRQF : 0));
    r->cmos[RTC_C] = 0;
    refresh_irq(r, now);
    return v;
}

static bool updating(const struct rtc *r, uint64_t now)
{
    return runs(r) && chain_ns(r, now) % NS_PER_S >= NS_PER_S - UIP_NS;
}

static uint8_t read_cmos(struct rtc *r)
{
    unsigned index = r->index;
    if (index > RTC_D && index != RTC_CENTURY)
        return r->cmos[index];
    uint64_t now = dev_now(r->env);
    switch (index) {
    case RTC_A:
        return (uint8_t)(r->cmos[RTC_A] | (updating(r, now) ? A_UIP : 0));
    case RTC_C:
        return read_c(r, now);
    case RTC_D:
        return D_VRT;
    default:
        show(r, now);
        return r->cmos[index];
    }
}

static void write_cmos(struct rtc *r, uint8_t v)
{
    unsigned index = r->index;
    if (index == RTC_C || index == RTC_D)
        return;                     /* read only */
    if (index > RTC_D && index != RTC_CENTURY) {
        r->cmos[index] = v;
        return;
    }
    uint64_t now = dev_now(r->env);
    update_flags(r, now);
    show(r, now);
    if (index == RTC_A) {
        write_a(r, v, now);
    } else if (index == RTC_B) {
        write_b(r, v, now);
    } else {
        r->cmos[index] = v;
        if (is_time(index) && runs(r))
            adopt(r, now);
    }
    refresh_irq(r, now);
}

/* 0x70 index and NMI mask, 0x71 data; 0x72 and 0x73 the same for the second bank. */
static void access_ports(void *dev, struct bus_access *a)
{
    struct rtc *r = dev;
    uint8_t v = (uint8_t)a->value;
    switch (a->offset << 1 | a->write) {
    case 0 << 1 | 1:
        r->index = v & 0x7f;
        r->nmi_masked = v & 0x80;
        break;
    case 1 << 1 | 0: a->value = read_cmos(r); break;
    case 1 << 1 | 1: write_cmos(r, v); break;
    case 2 << 1 | 1: r->ext_index = v & 0x7f; break;
    case 3 << 1 | 0: a->value = r->extended[r->ext_index]; break;
    case 3 << 1 | 1: r->extended[r->ext_index] = v; break;
    default: break;                 /* index ports are write only */
    }
}

hv_status rtc_attach(struct rtc *r, struct pio_bus *b)
{
    const struct bus_range range = { 0x70, 4, 1, access_ports, r, &r->lock, "rtc" };
    return pio_attach(b, &range);
}

/* ---- for the VM's owner --------------------------------------------------------- */

static void update_sum(struct rtc *r)
{
    unsigned sum = 0;
    for (unsigned i = 0x10; i < CMOS_SUM; i++)
        sum += r->cmos[i];
    r->cmos[CMOS_SUM] = (uint8_t)(sum >> 8);
    r->cmos[CMOS_SUM + 1] = (uint8_t)sum;
}

static int64_t clamp_time(int64_t unix_seconds)
{
    const int64_t year_10000 = INT64_C(253402300800);
    return unix_seconds < 0 ? 0 : unix_seconds < year_10000 ? unix_seconds : year_10000 - 1;
}

void rtc_init(struct rtc *r, const struct dev_env *env, int64_t unix_seconds)
{
    memset(r, 0, sizeof(*r));
    r->env = env;
    alarm_init(&r->alarm, fire, r);
    r->base = clamp_time(unix_seconds) - 1;     /* seconds() is 1 at VM time 0 */
    r->shown = RTC_TIME_MIN;        /* nothing shown yet */
    r->cmos[RTC_A] = 0x26;          /* 32.768 kHz, 1024 Hz: as a BIOS leaves it */
    r->cmos[RTC_B] = RTC_B_24H;
    r->cmos[CMOS_EQUIPMENT] = 0x02; /* a coprocessor; no floppy drives, VGA */
    update_sum(r);
}

void rtc_reset(struct rtc *r)
{
    uint64_t now = dev_now(r->env);
    update_flags(r, now);
    show(r, now);
    r->cmos[RTC_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->cmos[RTC_C] = 0;
    r->index = r->ext_index = 0;
    r->nmi_masked = false;
    r->line = true;                 /* so that the line is driven in any case */
    refresh_irq(r, now);
}

static void set16(struct rtc *r, unsigned index, uint64_t v)
{
    uint64_t capped = min_u64(v, 0xffff);
    r->cmos[index] = (uint8_t)capped;
    r->cmos[index + 1] = (uint8_t)(capped >> 8);
}

void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g)
{
    uint64_t extended = below_4g > MIB(1) ? (below_4g - MIB(1)) >> 10 : 0;
    uint64_t blocks = min_u64(above_4g >> 16, 0xffffff);
    set16(r, 0x15, min_u64(below_4g >> 10, 640));                   /* KiB */
    set16(r, 0x17, extended);                                       /* KiB above 1 MiB */
    set16(r, 0x30, extended);
    set16(r, 0x34, below_4g > MIB(16) ? (below_4g - MIB(16)) >> 16 : 0);    /* 64 KiB blocks */
    set16(r, 0x5b, blocks & 0xffff);                                /* the same above 4 GiB */
    r->cmos[0x5d] = (uint8_t)(blocks >> 16);
    update_sum(r);
}

void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value)
{
    if (index <= RTC_D || index == RTC_CENTURY || index >= sizeof(r->cmos))
        return;
    r->cmos[index] = value;
    update_sum(r);
}

void rtc_set_time(struct rtc *r, int64_t unix_seconds)
{
    spin_lock(&r->lock);
    uint64_t now = dev_now(r->env);
    update_flags(r, now);
    rtc_time_encode(r->cmos, clamp_time(unix_seconds), 0);
    adopt(r, now);
    refresh_irq(r, now);
    spin_unlock(&r->lock);
}

int64_t rtc_time(struct rtc *r)
{
    uint8_t unused;
    spin_lock(&r->lock);
    int64_t t = runs(r) ? guest_time(r, dev_now(r->env)) : rtc_time_decode(r->cmos, &unused);
    spin_unlock(&r->lock);
    return t;
}

void rtc_save(const struct rtc *r, struct state_out *o)
{
    state_begin(o, STATE_RTC, 1);
    state_put_bytes(o, r->cmos, sizeof(r->cmos));
    state_put_bytes(o, r->extended, sizeof(r->extended));
    state_put_u8(o, r->index);
    state_put_u8(o, r->ext_index);
    state_put_u8(o, r->nmi_masked);
    state_put_u8(o, r->line);
    state_put_u8(o, r->weekday_shift);
    state_put_u64(o, (uint64_t)r->base);
    state_put_u64(o, r->phase);
    state_put_u64(o, (uint64_t)r->shown);
    state_put_u64(o, r->seen);
    state_end(o);
}

static bool time_ok(int64_t t) { return t >= RTC_TIME_MIN && t < RTC_TIME_MAX; }

hv_status rtc_load(struct rtc *r, struct state_in *in)
{
    uint16_t version;
    struct rtc n = *r;
    hv_status s = state_open(in, STATE_RTC, 1, &version);
    if (s != HV_OK)
        return s;
    state_get_bytes(in, n.cmos, sizeof(n.cmos));
    state_get_bytes(in, n.extended, sizeof(n.extended));
    n.index = state_get_u8(in) & 0x7f;
    n.ext_index = state_get_u8(in) & 0x7f;
    n.nmi_masked = state_get_u8(in) & 1;
    n.line = state_get_u8(in) & 1;
    n.weekday_shift = state_get_u8(in);
    n.base = (int64_t)state_get_u64(in);
    n.phase = state_get_u64(in);
    n.shown = (int64_t)state_get_u64(in);
    n.seen = state_get_u64(in);
    n.cmos[RTC_A] &= (uint8_t)~A_UIP;
    n.cmos[RTC_C] &= C_FLAGS;
    s = state_close(in);
    /* With the sum in range as well, the clock as of now is a time that can be shown. */
    bool good = n.weekday_shift < 7 && n.phase < NS_PER_S && n.seen <= INT64_MAX &&
                time_ok(n.shown) && n.base >= RTC_TIME_MIN - (INT64_C(1) << 40) &&
                n.base < RTC_TIME_MAX && time_ok(n.base + (int64_t)seconds(&n, n.seen));
    if (s != HV_OK || !good)
        return HV_INVALID;
    *r = n;
    arm(r, r->seen);                /* events since then fire at once */
    return HV_OK;
}
