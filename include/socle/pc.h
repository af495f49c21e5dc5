/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's PC: all virtual devices of one VM and how they are wired. */
#ifndef SOCLE_PC_H
#define SOCLE_PC_H

#include "socle/bus.h"
#include "socle/device/acpi_pm.h"
#include "socle/device/apic_fabric.h"
#include "socle/device/i8042.h"
#include "socle/device/ioapic.h"
#include "socle/device/irq_route.h"
#include "socle/device/misc_ports.h"
#include "socle/device/pci.h"
#include "socle/device/pic.h"
#include "socle/device/pit.h"
#include "socle/device/rtc.h"
#include "socle/device/uart.h"

struct vm;

enum { PC_COM_PORTS = 2 };

struct pc {
    struct vm         *vm;
    struct dev_env     env;
    struct pio_bus     pio;
    struct mmio_bus    mmio;
    struct apic_fabric fabric;
    struct irq_route   route;
    struct ioapic      ioapic;
    struct pic         pic;
    struct pit         pit;
    struct rtc         rtc;
    struct uart        com[PC_COM_PORTS];
    struct i8042       i8042;
    struct acpi_pm     pm;
    struct misc_ports  misc;
    struct pci         pci;
};

/* Builds the devices and puts them on the buses. VM setup. */
MUST_CHECK hv_status pc_init(struct pc *pc, struct vm *vm);
/* The reset line: every device back to power-up; RTC and RAM keep their contents. */
void pc_reset(struct pc *pc);

#endif
