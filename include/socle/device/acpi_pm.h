/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: PM1a event and control block, power-management timer, GPE0
 * block, power button. ACPI 6.4, section 4.8. Addresses and the SCI's line are in
 * platform.h. There is no SMI and no legacy mode: SCI_EN reads one always.
 *
 * Locking: accesses, the alarm, acpi_pm_power_button and acpi_pm_gpe lock the device
 * themselves; init, reset, save and load need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_ACPI_PM_H
#define SOCLE_DEVICE_ACPI_PM_H

#include "socle/bus.h"
#include "socle/dev.h"

#define ACPI_PM_TIMER_HZ 3579545u

enum { ACPI_PM_GPES = 16 };

struct acpi_pm {
    struct spinlock       lock;
    const struct dev_env *env;
    void                (*power_off)(void *ctx);
    void                 *ctx;
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint16_t gpe_sts, gpe_en;
    uint64_t seen;              /* timer ticks up to which TMR_STS is right */
    bool     line;
    struct alarm alarm;         /* next change of the timer's top bit, while it may interrupt */
};

/* power_off: the guest entered S5. Under the lock, from a vCPU's exit: only note it. */
void acpi_pm_init(struct acpi_pm *pm, const struct dev_env *env, void (*power_off)(void *ctx),
                  void *ctx);
void acpi_pm_reset(struct acpi_pm *pm);
MUST_CHECK hv_status acpi_pm_attach(struct acpi_pm *pm, struct pio_bus *b);

/* The button was pressed. False: the guest has not enabled its event (it stays pending). */
bool acpi_pm_power_button(struct acpi_pm *pm);
/* General-purpose event n (0-15) happened. */
void acpi_pm_gpe(struct acpi_pm *pm, unsigned n);

void acpi_pm_save(const struct acpi_pm *pm, struct state_out *o);
/* Sets the alarm, leaves the line alone. HV_INVALID: unchanged. */
MUST_CHECK hv_status acpi_pm_load(struct acpi_pm *pm, struct state_in *in);

#endif
