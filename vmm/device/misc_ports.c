/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port 0x92 (PS/2 system control port A), the reset control register at 0xcf9 (82371SB
 * section 2.5.6), and the ports for POST codes and delays. Guests write them; a reset
 * is told to the owner. A20 is stored only: like all machines of today, this one does
 * not wrap addresses at 1 MiB.
 */
#include "socle/device/misc_ports.h"

#include "socle/str.h"

#define P92_RESET       0x01u       /* 0 to 1: CPU reset */
#define P92_WRITABLE    0xcbu       /* reset, A20, security lock, activity lights */
#define P92_A20         0x02u
#define CF9_HARD        0x02u
#define CF9_RESET       0x04u       /* 0 to 1: reset of the kind in bit 1 */
#define CF9_WRITABLE    0x0eu       /* bit 3: full power cycle, of later chipsets */

#define STATE_MISC      STATE_ID('M', 'I', 'S', 'C')

static void tell(struct misc_ports *m, enum dev_reset kind)
{
    if (m->reset)
        m->reset(m->reset_ctx, kind);
}

static void access_port92(void *dev, struct bus_access *a)
{
    struct misc_ports *m = dev;
    if (!a->write) {
        a->value = m->port92;
        return;
    }
    uint8_t before = m->port92;
    m->port92 = a->value & P92_WRITABLE;
    if (m->port92 & ~before & P92_RESET)
        tell(m, DEV_RESET_SOFT);
}

/* Reached through the PCI address port's range, hence without the bus's lock. */
void misc_ports_cf9(void *dev, struct bus_access *a)
{
    struct misc_ports *m = dev;
    spin_lock(&m->lock);
    if (!a->write) {
        a->value = m->cf9;
    } else {
        uint8_t before = m->cf9;
        m->cf9 = a->value & CF9_WRITABLE;
        if (m->cf9 & ~before & CF9_RESET)
            tell(m, m->cf9 & CF9_HARD ? DEV_RESET_HARD : DEV_RESET_SOFT);
    }
    spin_unlock(&m->lock);
}

/* On a PC a spare register of the DMA page file: what was written reads back. */
static void access_post(void *dev, struct bus_access *a)
{
    struct misc_ports *m = dev;
    if (a->write)
        m->post = (uint8_t)a->value;
    else
        a->value = m->post;
}

static void access_delay(void *dev, struct bus_access *a) { }

hv_status misc_ports_attach(struct misc_ports *m, struct pio_bus *b)
{
    const struct bus_range ranges[] = {
        { 0x80, 1, 1, access_post, m, &m->lock, "post" },
        { 0x92, 1, 1, access_port92, m, &m->lock, "port92" },
        { 0xed, 1, 1, access_delay, m, NULL, "delay" },
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        hv_status s = pio_attach(b, &ranges[i]);
        if (s != HV_OK)
            return s;
    }
    return HV_OK;
}

void misc_ports_init(struct misc_ports *m, dev_reset_fn reset, void *reset_ctx)
{
    memset(m, 0, sizeof(*m));
    m->reset = reset;
    m->reset_ctx = reset_ctx;
    misc_ports_reset(m);
}

void misc_ports_reset(struct misc_ports *m)
{
    m->port92 = P92_A20;
    m->cf9 = 0;
    m->post = 0;
}

void misc_ports_save(const struct misc_ports *m, struct state_out *o)
{
    state_begin(o, STATE_MISC, 1);
    state_put_u8(o, m->port92);
    state_put_u8(o, m->cf9);
    state_put_u8(o, m->post);
    state_end(o);
}

hv_status misc_ports_load(struct misc_ports *m, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_MISC, 1, &version);
    if (s != HV_OK)
        return s;
    uint8_t port92 = state_get_u8(in), cf9 = state_get_u8(in), post = state_get_u8(in);
    s = state_close(in);
    if (s != HV_OK)
        return s;
    m->port92 = port92 & P92_WRITABLE;
    m->cf9 = cf9 & CF9_WRITABLE;
    m->post = post;
    return HV_OK;
}
