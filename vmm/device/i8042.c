/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller: IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboard and Auxiliary Device Controller". The guest drives it through ports 0x60 and
 * 0x64, plugged devices through i8042_poll. It answers at once, so its input buffer is
 * never full. Scan-code translation is the plugged keyboard's business, which can see
 * the command byte's bit for it.
 */
#include "socle/device/i8042.h"

#include "socle/str.h"

#define ST_OBF          0x01u       /* output buffer full */
#define ST_SYS          0x04u       /* self test passed, or as the command byte says */
#define ST_A2           0x08u       /* last write went to the command port */
#define ST_UNLOCKED     0x10u       /* keyboard lock is open */
#define ST_AUXB         0x20u       /* output buffer holds a byte from the auxiliary device */
#define ST_TIMEOUT      0x40u
#define ST_STORED       (ST_OBF | ST_SYS | ST_A2 | ST_AUXB | ST_TIMEOUT)

#define CB_INT(port)    (1u << (port))          /* interrupt enable: bits 0 and 1 */
#define CB_SYS          0x04u
#define CB_OFF(port)    (0x10u << (port))       /* clock held low: bits 4 and 5 */
#define CB_XLATE        0x40u
#define CB_DEFAULT      (CB_INT(I8042_KBD) | CB_SYS | CB_OFF(I8042_AUX) | CB_XLATE)

#define OUT_NO_RESET    0x01u       /* output port: bit 0 low resets the CPU */
#define OUT_A20         0x02u
#define OUT_IRQ1        0x10u
#define OUT_IRQ12       0x20u
#define OUT_IDLE        0xccu       /* keyboard and auxiliary clock and data lines */

#define INPUT_PORT      0x80u       /* keyboard not locked, nothing else strapped */
#define NO_ANSWER       0xfeu       /* what a timed-out transmission leaves */

#define STATE_I8042     STATE_ID('K', 'B', 'C', ' ')

enum command {                      /* ranges of commands follow their first */
    CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_TEST_PASSWORD = 0xa4,
    CMD_LOAD_PASSWORD = 0xa5, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
    CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae,
    CMD_READ_INPUT = 0xc0, CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KBD_BUFFER = 0xd2, CMD_WRITE_AUX_BUFFER = 0xd3, CMD_WRITE_AUX = 0xd4,
    CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf, CMD_TEST_INPUTS = 0xe0, CMD_PULSE = 0xf0
};

/* ---- output buffer and interrupts ----------------------------------------------- */

/* The level IRQ 1 or 12 should have: buffer full with a byte of that side, and enabled. */
static bool wants_line(const struct i8042 *k, enum i8042_port port)
{
    uint8_t full = port == I8042_AUX ? ST_OBF | ST_AUXB : ST_OBF;
    return (k->status & (ST_OBF | ST_AUXB)) == full && (k->ram[0] & CB_INT(port));
}

static void refresh_irq(struct i8042 *k)
{
    static const uint8_t gsi[I8042_PORTS] = { 1, 12 };
    for (int p = I8042_KBD; p < I8042_PORTS; p++) {
        bool level = wants_line(k, p);
        if (level == k->line[p])
            continue;
        k->line[p] = level;
        dev_irq(k->env, gsi[p], level);
    }
}

/* Fills the output buffer; what nobody has read is lost, as on the chip. */
static void answer(struct i8042 *k, enum i8042_port side, uint8_t byte, uint8_t error)
{
    k->data = byte;
    k->status = (uint8_t)((k->status & ~(ST_AUXB | ST_TIMEOUT)) | ST_OBF | error |
                          (side == I8042_AUX ? ST_AUXB : 0));
    refresh_irq(k);
}

/* Takes the next byte from the devices whose clock runs; the keyboard goes first. */
static void pull(struct i8042 *k)
{
    for (int p = I8042_KBD; p < I8042_PORTS; p++) {
        const struct ps2_device *d = k->port[p];
        uint8_t byte;
        if (k->status & ST_OBF)
            return;
        if (d && !(k->ram[0] & CB_OFF(p)) && d->read(d->dev, &byte))
            answer(k, p, byte, 0);
    }
}

void i8042_poll(struct i8042 *k)
{
    spin_lock(&k->lock);
    pull(k);
    spin_unlock(&k->lock);
}

/* A byte for a device. Sending switches its clock on; an empty port never answers. */
static void transmit(struct i8042 *k, enum i8042_port port, uint8_t byte)
{
    const struct ps2_device *d = k->port[port];
    k->ram[0] &= (uint8_t)~CB_OFF(port);
    if (d)
        d->write(d->dev, byte);
    else
        answer(k, port, NO_ANSWER, ST_TIMEOUT);
}

/* ---- commands ------------------------------------------------------------------- */

static void write_ram(struct i8042 *k, unsigned index, uint8_t v)
{
    k->ram[index] = v;
    if (index)
        return;
    k->status = (uint8_t)((k->status & ~ST_SYS) | (v & CB_SYS ? ST_SYS : 0));
    refresh_irq(k);
}

static uint8_t output_port(const struct i8042 *k)
{
    return (uint8_t)(OUT_NO_RESET | OUT_IDLE | (k->a20 ? OUT_A20 : 0) |
                     (k->line[I8042_KBD] ? OUT_IRQ1 : 0) |
                     (k->line[I8042_AUX] ? OUT_IRQ12 : 0));
}

static void pulse_reset(struct i8042 *k)
{
    if (k->reset)
        k->reset(k->reset_ctx, DEV_RESET_SOFT);
}

static void write_output_port(struct i8042 *k, uint8_t v)
{
    k->a20 = v & OUT_A20;
    if (!(v & OUT_NO_RESET))
        pulse_reset(k);
}

/* Commands that stand alone. Those with a parameter are noted by the caller. */
static void simple_command(struct i8042 *k, uint8_t c)
{
    switch (c) {
    case CMD_TEST_PASSWORD: answer(k, I8042_KBD, 0xf1, 0); break;   /* none installed */
    case CMD_AUX_OFF:       k->ram[0] |= CB_OFF(I8042_AUX); break;
    case CMD_AUX_ON:        k->ram[0] &= (uint8_t)~CB_OFF(I8042_AUX); break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:      answer(k, I8042_KBD, 0x00, 0); break;   /* lines are good */
    case CMD_SELF_TEST:
        k->status |= ST_SYS;
        answer(k, I8042_KBD, 0x55, 0);
        break;
    case CMD_KBD_OFF:       k->ram[0] |= CB_OFF(I8042_KBD); break;
    case CMD_KBD_ON:        k->ram[0] &= (uint8_t)~CB_OFF(I8042_KBD); break;
    case CMD_READ_INPUT:    answer(k, I8042_KBD, INPUT_PORT, 0); break;
    case CMD_READ_OUTPUT:   answer(k, I8042_KBD, output_port(k), 0); break;
    case CMD_A20_OFF:       k->a20 = false; break;
    case CMD_A20_ON:        k->a20 = true; break;
    case CMD_TEST_INPUTS:   answer(k, I8042_KBD, 0x00, 0); break;   /* both clocks low */
    default:                break;                                  /* no such command */
    }
}

static bool takes_parameter(uint8_t c)
{
    return (c >= CMD_WRITE_RAM && c < CMD_WRITE_RAM + 0x20) || c == CMD_LOAD_PASSWORD ||
           (c >= CMD_WRITE_OUTPUT && c <= CMD_WRITE_AUX);
}

static void write_command(struct i8042 *k, uint8_t c)
{
    k->status |= ST_A2;
    k->command = takes_parameter(c) ? c : 0;
    if (k->command)
        return;
    if (c >= CMD_READ_RAM && c < CMD_READ_RAM + 0x20)
        answer(k, I8042_KBD, k->ram[c & 0x1f], 0);
    else if (c >= CMD_PULSE && !(c & OUT_NO_RESET))
        pulse_reset(k);             /* the other bits pulse unconnected lines */
    else
        simple_command(k, c);
    pull(k);                        /* a clock may have been switched on */
}

static void write_data(struct i8042 *k, uint8_t v)
{
    uint8_t c = k->command;
    k->status &= (uint8_t)~ST_A2;
    k->command = 0;
    switch (c) {
    case 0:                    transmit(k, I8042_KBD, v); break;
    case CMD_LOAD_PASSWORD:    k->command = v ? c : 0; break;   /* up to a zero; no lock here */
    case CMD_WRITE_OUTPUT:     write_output_port(k, v); break;
    case CMD_WRITE_KBD_BUFFER: answer(k, I8042_KBD, v, 0); break;
    case CMD_WRITE_AUX_BUFFER: answer(k, I8042_AUX, v, 0); break;
    case CMD_WRITE_AUX:        transmit(k, I8042_AUX, v); break;
    default:                   write_ram(k, c & 0x1f, v); break;
    }
    pull(k);
}

/* ---- ports ---------------------------------------------------------------------- */

static void access_data(void *dev, struct bus_access *a)
{
    struct i8042 *k = dev;
    if (a->write) {
        write_data(k, (uint8_t)a->value);
        return;
    }
    a->value = k->data;             /* an empty buffer shows its last byte again */
    if (!(k->status & ST_OBF))
        return;
    k->status &= (uint8_t)~(ST_OBF | ST_AUXB | ST_TIMEOUT);
    refresh_irq(k);
    pull(k);
}

static void access_status(void *dev, struct bus_access *a)
{
    struct i8042 *k = dev;
    if (a->write)
        write_command(k, (uint8_t)a->value);
    else
        a->value = k->status | ST_UNLOCKED;
}

hv_status i8042_attach(struct i8042 *k, struct pio_bus *b)
{
    const struct bus_range data = { 0x60, 1, 1, access_data, k, &k->lock, "i8042" };
    const struct bus_range status = { 0x64, 1, 1, access_status, k, &k->lock, "i8042" };
    hv_status s = pio_attach(b, &data);
    return s == HV_OK ? pio_attach(b, &status) : s;
}

void i8042_plug(struct i8042 *k, enum i8042_port port, const struct ps2_device *d)
{
    k->port[port] = d;
}

/* ---- life cycle ----------------------------------------------------------------- */

void i8042_init(struct i8042 *k, const struct dev_env *env, dev_reset_fn reset, void *reset_ctx)
{
    memset(k, 0, sizeof(*k));
    k->env = env;
    k->reset = reset;
    k->reset_ctx = reset_ctx;
}

void i8042_reset(struct i8042 *k)
{
    memset(k->ram, 0, sizeof(k->ram));
    k->ram[0] = CB_DEFAULT;
    k->status = ST_SYS;
    k->data = k->command = 0;
    k->a20 = true;
    k->line[I8042_KBD] = k->line[I8042_AUX] = true;     /* so that both are driven low */
    refresh_irq(k);
}

void i8042_save(const struct i8042 *k, struct state_out *o)
{
    state_begin(o, STATE_I8042, 1);
    state_put_bytes(o, k->ram, sizeof(k->ram));
    state_put_u8(o, k->status);
    state_put_u8(o, k->data);
    state_put_u8(o, k->command);
    state_put_u8(o, k->a20);
    state_end(o);
}

hv_status i8042_load(struct i8042 *k, struct state_in *in)
{
    uint16_t version;
    uint8_t ram[sizeof(k->ram)];
    hv_status s = state_open(in, STATE_I8042, 1, &version);
    if (s != HV_OK)
        return s;
    state_get_bytes(in, ram, sizeof(ram));
    uint8_t status = state_get_u8(in), data = state_get_u8(in), command = state_get_u8(in);
    bool a20 = state_get_u8(in) & 1;
    s = state_close(in);
    if (s != HV_OK || (command && !takes_parameter(command)))
        return HV_INVALID;
    memcpy(k->ram, ram, sizeof(ram));
    k->status = status & ST_STORED;
    k->data = data;
    k->command = command;
    k->a20 = a20;
    for (int p = I8042_KBD; p < I8042_PORTS; p++)
        k->line[p] = wants_line(k, p);
    return HV_OK;
}
