/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_pci.h. */
#include "fake/fake_pci.h"

#include <stdlib.h>

#include "socle/assert.h"

void fake_pci_restart(struct fake_pci *p)
{
    struct fake_env *env = p->env;
    for (unsigned i = 0; i < FAKE_LINES; i++) {
        env->line[i] = false;
        env->rises[i] = 0;
    }
    env->msis = 0;
    pio_bus_init(&p->pio);
    mmio_bus_init(&p->mmio);
    pci_init(&p->pci, &p->env->env, NULL, NULL);
    hv_assert(pci_attach(&p->pci, &p->pio) == HV_OK);
    hv_assert(pci_attach_ecam(&p->pci, &p->mmio) == HV_OK);
    p->pio.rest = (struct bus_rest){ pci_io_access, &p->pci };
    p->mmio.rest = (struct bus_rest){ pci_mem_access, &p->pci };
}

struct fake_pci *fake_pci_new(void)
{
    struct fake_pci *p = calloc(1, sizeof(*p));
    hv_assert(p);
    p->env = fake_env_new();
    fake_pci_restart(p);
    return p;
}

void fake_pci_free(struct fake_pci *p)
{
    fake_env_free(p->env);
    free(p);
}

uint64_t fake_pci_in(struct fake_pci *p, uint16_t port, unsigned size, bool *hit)
{
    struct bus_access a = { .value = 0x5a5a, .size = (uint8_t)size };
    bool answered = pio_access(&p->pio, port, &a);
    if (hit)
        *hit = answered;
    return a.value;
}

bool fake_pci_out(struct fake_pci *p, uint16_t port, unsigned size, uint64_t v)
{
    struct bus_access a = { .value = v, .size = (uint8_t)size, .write = true };
    return pio_access(&p->pio, port, &a);
}

uint64_t fake_pci_read(struct fake_pci *p, uint64_t addr, unsigned size, bool *hit)
{
    struct bus_access a = { .value = 0x5a5a, .size = (uint8_t)size };
    bool answered = mmio_access(&p->mmio, gpa(addr), &a);
    if (hit)
        *hit = answered;
    return a.value;
}

bool fake_pci_write(struct fake_pci *p, uint64_t addr, unsigned size, uint64_t v)
{
    struct bus_access a = { .value = v, .size = (uint8_t)size, .write = true };
    return mmio_access(&p->mmio, gpa(addr), &a);
}

uint32_t fake_pci_get(struct fake_pci *p, uint8_t devfn, unsigned reg, unsigned size)
{
    fake_pci_out(p, PLAT_PCI_ADDR, 4, 0x80000000u | (unsigned)devfn << 8 | (reg & 0xfc));
    return (uint32_t)fake_pci_in(p, (uint16_t)(PLAT_PCI_DATA + (reg & 3)), size, NULL);
}

void fake_pci_set(struct fake_pci *p, uint8_t devfn, unsigned reg, unsigned size, uint32_t v)
{
    fake_pci_out(p, PLAT_PCI_ADDR, 4, 0x80000000u | (unsigned)devfn << 8 | (reg & 0xfc));
    fake_pci_out(p, (uint16_t)(PLAT_PCI_DATA + (reg & 3)), size, v);
}
