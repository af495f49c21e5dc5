/* SPDX-License-Identifier: BSD-2-Clause */
/* Time on the real machine: TSC calibrated against a reference, one-shot timer interrupts. */
#ifndef ARCH_X86_CPU_TIME_H
#define ARCH_X86_CPU_TIME_H

#include "socle/hostacpi.h"
#include "socle/status.h"
#include "socle/types.h"

/* A free-running counter of known frequency. */
struct time_reference {
    const char *name;
    uint64_t    hz;
    uint64_t    mask;               /* counter width */
    uint64_t  (*read)(void);
};

/* Measures TSC and APIC timer in at most 5 ms. HV_NOT_FOUND: there is nothing to measure with. */
MUST_CHECK hv_status time_init(const struct host_acpi *acpi);
uint64_t time_tsc_hz(void);
/* The TSC agreed with the reference in both halves of the measurement. */
bool time_tsc_steady(void);
const char *time_reference_name(void);

/* ns since time_init, and the TSC value at which that clock will show `ns`. */
uint64_t time_now(void);
uint64_t time_to_tsc(uint64_t ns);
/* The opposite, rounded up; UINT64_MAX stays. */
uint64_t time_at_tsc(uint64_t tsc);

/* One interrupt (VECTOR_TIMER) when time_now() reaches due; UINT64_MAX: none. This CPU. */
void time_arm(uint64_t due_ns);

/* What it is armed for. Read at each entry to a guest, hence no function. This CPU. */
extern uint64_t time_armed_ns;

/* The timer interrupt came: it has to be armed again. This CPU, from the handler. */
void time_fired(void);

/* Seconds since 1970 by the machine's clock chip; 0 when it makes no sense. */
uint64_t time_read_rtc(uint8_t century_reg);

#endif
