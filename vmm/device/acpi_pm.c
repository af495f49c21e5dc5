/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware of the guest's chipset, in the registers of ACPI 6.4, section 4.8:
 * 4.8.3.1 PM1 event, 4.8.3.2 PM1 control, 4.8.3.3 timer, 4.8.4.1 GPE. Guests drive it
 * by ports, the VM's owner presses the power button. What S5 means is the owner's
 * business; no other sleep state is offered.
 */
#include "socle/device/acpi_pm.h"

#include "socle/bits.h"
#include "socle/device/ticks.h"
#include "socle/platform.h"
#include "socle/str.h"

#define TMR_STS         0x0001u     /* table 4.13 PM1 status; enables at the same places */
#define PWRBTN_STS      0x0100u
#define STS_BITS        0x0731u     /* TMR BM GBL PWRBTN SLPBTN RTC; no wake events */
#define EN_BITS         0x0721u     /* TMR GBL PWRBTN SLPBTN RTC */
#define CNT_SCI_EN      0x0001u     /* table 4.15 PM1 control */
#define CNT_KEPT        0x1c02u     /* BM_RLD, SLP_TYP; GBL_RLS and SLP_EN read zero */
#define CNT_SLP_TYP(v)  ((v) >> 10 & 7)
#define CNT_SLP_EN      0x2000u
#define TIMER_TOP       31          /* TMR_VAL_EXT: 32 bits; its change sets TMR_STS */

_Static_assert(PLAT_SLP_TYP_S5 <= 7, "SLP_TYP has three bits");

#define STATE_ACPI_PM   STATE_ID('A', 'C', 'P', 'M')

static uint64_t ticks(const struct acpi_pm *pm)
{
    return ticks_of_ns(dev_now(pm->env), ACPI_PM_TIMER_HZ);
}

/* ---- events --------------------------------------------------------------------- */

static void update_timer_status(struct acpi_pm *pm, uint64_t now)
{
    if (pm->seen >> TIMER_TOP != now >> TIMER_TOP)
        pm->pm1_sts |= TMR_STS;
    pm->seen = now;
}

static bool wants_sci(const struct acpi_pm *pm)
{
    return (pm->pm1_sts & pm->pm1_en & EN_BITS) || (pm->gpe_sts & pm->gpe_en);
}

/* The timer needs an alarm only while its next event would change the line. */
static void arm(struct acpi_pm *pm)
{
    uint64_t due = ALARM_NEVER;
    if ((pm->pm1_en & TMR_STS) && !(pm->pm1_sts & TMR_STS))
        due = ns_of_ticks(((pm->seen >> TIMER_TOP) + 1) << TIMER_TOP, ACPI_PM_TIMER_HZ);
    if (due != ALARM_NEVER || alarm_queued(&pm->alarm))
        dev_alarm(pm->env, &pm->alarm, due);
}

static void refresh_irq(struct acpi_pm *pm)
{
    bool level = wants_sci(pm);
    if (level != pm->line) {
        pm->line = level;
        dev_irq(pm->env, PLAT_IRQ_SCI, level);
    }
    arm(pm);
}

static void fire(void *owner, uint64_t now)
{
    struct acpi_pm *pm = owner;
    spin_lock(&pm->lock);
    update_timer_status(pm, ticks_of_ns(now, ACPI_PM_TIMER_HZ));
    refresh_irq(pm);
    spin_unlock(&pm->lock);
}

bool acpi_pm_power_button(struct acpi_pm *pm)
{
    spin_lock(&pm->lock);
    pm->pm1_sts |= PWRBTN_STS;
    refresh_irq(pm);
    bool heard = pm->pm1_en & PWRBTN_STS;
    spin_unlock(&pm->lock);
    return heard;
}

void acpi_pm_gpe(struct acpi_pm *pm, unsigned n)
{
    if (n >= ACPI_PM_GPES)
        return;
    spin_lock(&pm->lock);
    pm->gpe_sts |= (uint16_t)BIT(n);
    refresh_irq(pm);
    spin_unlock(&pm->lock);
}

/* ---- registers ------------------------------------------------------------------ */

/*
 * A block of two 16-bit registers, status then enable, taken in bytes or words: status
 * bits are cleared by writing ones, enables are stored.
 */
static void access_block(uint16_t *sts, uint16_t sts_mask, uint16_t *en, uint16_t en_mask,
                         struct bus_access *a)
{
    unsigned shift = 8 * (unsigned)a->offset;
    if (!a->write) {
        a->value = ((uint32_t)*en << 16 | *sts) >> shift;
        return;
    }
    uint32_t lanes = (uint32_t)ones_of_size(a->size) << shift;
    uint32_t v = (uint32_t)a->value << shift;
    *sts &= (uint16_t)~(v & sts_mask);
    *en = (uint16_t)((*en & ~(lanes >> 16)) | (v >> 16 & en_mask));
}

static void access_pm1_event(void *dev, struct bus_access *a)
{
    struct acpi_pm *pm = dev;
    update_timer_status(pm, ticks(pm));
    access_block(&pm->pm1_sts, STS_BITS, &pm->pm1_en, EN_BITS, a);
    refresh_irq(pm);
}

static void access_gpe(void *dev, struct bus_access *a)
{
    struct acpi_pm *pm = dev;
    access_block(&pm->gpe_sts, 0xffff, &pm->gpe_en, 0xffff, a);
    refresh_irq(pm);
}

static void access_pm1_control(void *dev, struct bus_access *a)
{
    struct acpi_pm *pm = dev;
    unsigned shift = 8 * (unsigned)a->offset;
    if (!a->write) {
        a->value = (uint32_t)(pm->pm1_cnt | CNT_SCI_EN) >> shift;
        return;
    }
    uint32_t lanes = (uint32_t)ones_of_size(a->size) << shift;
    uint32_t v = (pm->pm1_cnt & ~lanes) | ((uint32_t)a->value << shift & lanes);
    pm->pm1_cnt = (uint16_t)(v & CNT_KEPT);
    /* Sleep types that no \_Sx object announces do nothing. */
    if ((v & CNT_SLP_EN) && CNT_SLP_TYP(v) == PLAT_SLP_TYP_S5 && pm->power_off)
        pm->power_off(pm->ctx);
}

/* Reads need no state of ours and no lock. */
static void access_timer(void *dev, struct bus_access *a)
{
    const struct acpi_pm *pm = dev;
    if (!a->write)
        a->value = (uint32_t)ticks(pm);
}

hv_status acpi_pm_attach(struct acpi_pm *pm, struct pio_bus *b)
{
    /* 4.8.1: PM1 in bytes or words, the timer as one double word, GPE registers in bytes. */
    const struct bus_range ranges[] = {
        { PLAT_PM_BASE, 4, 1 | 2, access_pm1_event, pm, &pm->lock, "pm1-event" },
        { PLAT_PM_BASE + 4, 2, 1 | 2, access_pm1_control, pm, &pm->lock, "pm1-control" },
        { PLAT_PM_TIMER, 4, 4, access_timer, pm, NULL, "pm-timer" },
        { PLAT_GPE0, 4, 1, access_gpe, pm, &pm->lock, "gpe0" },
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        hv_status s = pio_attach(b, &ranges[i]);
        if (s != HV_OK)
            return s;
    }
    return HV_OK;
}

/* ---- life cycle ----------------------------------------------------------------- */

void acpi_pm_init(struct acpi_pm *pm, const struct dev_env *env, void (*power_off)(void *ctx),
                  void *ctx)
{
    memset(pm, 0, sizeof(*pm));
    pm->env = env;
    pm->power_off = power_off;
    pm->ctx = ctx;
    alarm_init(&pm->alarm, fire, pm);
}

/* The timer itself is never reset: it counts VM time. */
void acpi_pm_reset(struct acpi_pm *pm)
{
    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    pm->gpe_sts = pm->gpe_en = 0;
    pm->seen = ticks(pm);
    pm->line = true;                /* so that the line is driven low in any case */
    refresh_irq(pm);
}

void acpi_pm_save(const struct acpi_pm *pm, struct state_out *o)
{
    state_begin(o, STATE_ACPI_PM, 1);
    state_put_u16(o, pm->pm1_sts);
    state_put_u16(o, pm->pm1_en);
    state_put_u16(o, pm->pm1_cnt);
    state_put_u16(o, pm->gpe_sts);
    state_put_u16(o, pm->gpe_en);
    state_put_u64(o, pm->seen);
    state_end(o);
}

hv_status acpi_pm_load(struct acpi_pm *pm, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_ACPI_PM, 1, &version);
    if (s != HV_OK)
        return s;
    uint16_t sts = state_get_u16(in), en = state_get_u16(in), cnt = state_get_u16(in);
    uint16_t gpe_sts = state_get_u16(in), gpe_en = state_get_u16(in);
    uint64_t seen = state_get_u64(in);
    s = state_close(in);
    if (s != HV_OK || seen >> 62)
        return HV_INVALID;
    pm->pm1_sts = sts & STS_BITS;
    pm->pm1_en = en & EN_BITS;
    pm->pm1_cnt = cnt & CNT_KEPT;
    pm->gpe_sts = gpe_sts;
    pm->gpe_en = gpe_en;
    pm->seen = seen;
    pm->line = wants_sci(pm);
    arm(pm);
    return HV_OK;
}
