/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How PCI functions interrupt (PCI Local Bus 3.0): INTx lines that several share (2.2.6),
 * MSI (6.8.1) and MSI-X (6.8.2). Devices call the functions at the end; guests get here by
 * configuration writes (pci.c) and by the vector table, which is a BAR.
 *
 * A message is a write to memory, so none leaves while COMMAND's Bus Master bit is clear
 * (6.2.2). It is kept as pending then, as it is while masked: a driver that switches
 * mastering off and on again must not lose what a queue had to say in between.
 */
#include "pci_priv.h"

#include "socle/assert.h"
#include "socle/str.h"

#define CAP_MSI         0x05
#define CAP_MSIX        0x11

/* Offsets within the MSI capability, 64-bit and maskable form (figure 6-9). */
#define MSI_CONTROL     0x02
#define MSI_ADDRESS     0x04
#define MSI_DATA        0x0c
#define MSI_MASK        0x10
#define MSI_PENDING     0x14
#define MSI_LEN         0x18
#define MSI_ENABLE      0x0001u
#define MSI_64BIT       0x0080u
#define MSI_MASKABLE    0x0100u

/* And within that of MSI-X (figure 6-10). */
#define MSIX_CONTROL    0x02
#define MSIX_TABLE      0x04
#define MSIX_PBA        0x08
#define MSIX_LEN        0x0c
#define MSIX_ENABLE     0x8000u
#define MSIX_MASK_ALL   0x4000u

/* The BAR with table and pending bits. */
#define TABLE_PBA       0x800u
#define TABLE_LEN       0x1000u
#define VECTOR_MASKED   0x1u            /* 6.8.2.9; the other bits of Vector Control are reserved */

_Static_assert(sizeof(struct pci_vector) == 16, "an entry of the table");
_Static_assert(PCI_MSIX_MAX * sizeof(struct pci_vector) <= TABLE_PBA, "table below pending bits");
_Static_assert(PCI_MSIX_MAX <= 64, "one word of pending bits");

/* ---- what is switched on -------------------------------------------------------- */

static uint16_t msix_control(const struct pci_function *f)
{
    return f->msix_cap ? pci_get16(f->config, f->msix_cap + MSIX_CONTROL) : 0;
}

bool pci_msix_on(const struct pci_function *f) { return msix_control(f) & MSIX_ENABLE; }

/* Both at once is not allowed (6.8); MSI-X goes first then. */
bool pci_msi_on(const struct pci_function *f)
{
    return f->msi_cap && (f->config[f->msi_cap + MSI_CONTROL] & MSI_ENABLE) && !pci_msix_on(f);
}

static bool msi_held(const struct pci_function *f)
{
    return !(command(f) & COMMAND_MASTER) || (f->config[f->msi_cap + MSI_MASK] & 1);
}

static bool all_held(const struct pci_function *f)
{
    return !(command(f) & COMMAND_MASTER) || (msix_control(f) & MSIX_MASK_ALL);
}

static bool vector_held(const struct pci_function *f, unsigned v) { return f->msix[v].control & VECTOR_MASKED; }

static bool line_wanted(const struct pci_function *f)
{
    return f->intx && f->config[CFG_INT_PIN] && !(command(f) & COMMAND_INTX_OFF) &&
           !pci_msi_on(f) && !pci_msix_on(f);
}

/* ---- output --------------------------------------------------------------------- */

static void send(struct pci_function *f, uint64_t addr, uint32_t data)
{
    const struct dev_env *env = f->bus->env;
    env->msi(env->ctx, addr, data);
}

static void send_vector(struct pci_function *f, unsigned v) { send(f, f->msix[v].addr, f->msix[v].data); }

/* The line is high while any function that shares it wants it to be. */
static void drive_line(struct pci_function *f)
{
    bool level = line_wanted(f);
    struct pci *p = f->bus;
    if (level == f->intx_out)
        return;
    f->intx_out = level;
    spin_lock(&p->intx_lock);
    uint16_t *users = &p->intx_users[f->gsi];
    uint16_t others = level ? (*users)++ : --*users;
    if (!others)
        dev_irq(p->env, f->gsi, level);
    spin_unlock(&p->intx_lock);
}

/* What software sees of it in configuration space. */
static void show(struct pci_function *f)
{
    f->config[CFG_STATUS] = (uint8_t)((f->config[CFG_STATUS] & ~STATUS_INTX) | (f->intx ? STATUS_INTX : 0));
    if (f->msi_cap)
        f->config[f->msi_cap + MSI_PENDING] = f->msi_pending;
}

static void flush_msi(struct pci_function *f)
{
    if (!f->msi_pending || msi_held(f))
        return;
    f->msi_pending = false;
    const uint8_t *cap = &f->config[f->msi_cap];
    send(f, pci_get32(cap, MSI_ADDRESS) | (uint64_t)pci_get32(cap, MSI_ADDRESS + 4) << 32,
         pci_get16(cap, MSI_DATA));
}

static void flush_msix(struct pci_function *f)
{
    if (!f->msix_pending || all_held(f))
        return;
    for (uint64_t left = f->msix_pending; left; left &= left - 1) {
        unsigned v = (unsigned)__builtin_ctzll(left);
        if (vector_held(f, v))
            continue;
        f->msix_pending &= ~BIT64(v);
        send_vector(f, v);
    }
}

/*
 * A request that stands when MSI is switched on is announced by a message: the device's
 * driver would wait for it for ever, as it is the rise that is announced.
 */
void pci_irq_written(struct pci_function *f, bool msi)
{
    bool now = pci_msi_on(f);
    f->msi_pending = now && (msi ? f->msi_pending : f->intx);
    if (!pci_msix_on(f))
        f->msix_pending = 0;
    if (!f->bus)
        return;
    drive_line(f);
    flush_msi(f);
    flush_msix(f);
    show(f);
}

/* ---- the table of MSI-X --------------------------------------------------------- */

static uint32_t read_table(const struct pci_function *f, unsigned offset)
{
    const unsigned n = offset / sizeof(struct pci_vector);
    if (offset - TABLE_PBA < 8)
        return (uint32_t)(f->msix_pending >> 8 * (offset & 4));
    if (n >= f->msix_vectors)
        return 0;
    const struct pci_vector *v = &f->msix[n];
    switch (offset & 0xc) {
    case 0x0: return (uint32_t)v->addr;
    case 0x4: return (uint32_t)(v->addr >> 32);
    case 0x8: return v->data;
    default: return v->control;
    }
}

static void write_table(struct pci_function *f, unsigned offset, uint32_t value)
{
    const unsigned n = offset / sizeof(struct pci_vector);
    if (n >= f->msix_vectors)
        return;                         /* pending bits are read-only, and so is the rest */
    struct pci_vector *v = &f->msix[n];
    switch (offset & 0xc) {
    case 0x0: v->addr = (v->addr & MASK64(63, 32)) | (value & ~3u); break;
    case 0x4: v->addr = (uint64_t)value << 32 | (uint32_t)v->addr; break;
    case 0x8: v->data = value; break;
    default: v->control = value & VECTOR_MASKED; break;
    }
}

/* Aligned accesses of four and eight bytes (6.8.2); others are undefined, here nobody's. */
static void access_table(void *dev, struct bus_access *a)
{
    struct pci_function *f = dev;
    const unsigned offset = (unsigned)a->offset;
    if (offset % a->size)
        return;
    spin_lock(&f->irq_lock);
    if (a->write) {
        write_table(f, offset, (uint32_t)a->value);
        if (a->size == 8)
            write_table(f, offset + 4, (uint32_t)(a->value >> 32));
        flush_msix(f);
    } else {
        a->value = read_table(f, offset);
        if (a->size == 8)
            a->value |= (uint64_t)read_table(f, offset + 4) << 32;
    }
    spin_unlock(&f->irq_lock);
}

/* ---- set-up --------------------------------------------------------------------- */

void pci_use_intx(struct pci_function *f)
{
    f->config[CFG_INT_PIN] = 1;
    f->wmask[CFG_INT_LINE] = 0xff;
    f->wmask[CFG_COMMAND + 1] |= COMMAND_INTX_OFF >> 8;
}

void pci_add_msi(struct pci_function *f)
{
    hv_assert(!f->msi_cap);
    const unsigned cap = pci_add_capability(f, CAP_MSI, MSI_LEN);
    f->msi_cap = (uint8_t)cap;
    pci_set16(f->config, cap + MSI_CONTROL, MSI_64BIT | MSI_MASKABLE);
    pci_set16(f->wmask, cap + MSI_CONTROL, MSI_ENABLE);
    pci_set32(f->wmask, cap + MSI_ADDRESS, ~3u);
    pci_set32(f->wmask, cap + MSI_ADDRESS + 4, ~0u);
    pci_set16(f->wmask, cap + MSI_DATA, 0xffff);
    f->wmask[cap + MSI_MASK] = 1;
}

static void mask_vectors(struct pci_function *f)
{
    for (unsigned i = 0; i < f->msix_vectors; i++)
        f->msix[i] = (struct pci_vector){ .control = VECTOR_MASKED };
}

void pci_add_msix(struct pci_function *f, unsigned n, uint16_t vectors)
{
    hv_assert(!f->msix_cap && vectors && vectors <= PCI_MSIX_MAX);
    const struct pci_bar table = {
        .kind = PCI_BAR_MEM32, .size = TABLE_LEN, .widths = 4 | 8, .access = access_table, .dev = f,
    };
    pci_set_bar(f, n, &table);
    const unsigned cap = pci_add_capability(f, CAP_MSIX, MSIX_LEN);
    f->msix_cap = (uint8_t)cap;
    f->msix_bar = (uint8_t)n;
    f->msix_vectors = vectors;
    pci_set16(f->config, cap + MSIX_CONTROL, (uint16_t)(vectors - 1));
    pci_set16(f->wmask, cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
    pci_set32(f->config, cap + MSIX_TABLE, n);
    pci_set32(f->config, cap + MSIX_PBA, TABLE_PBA | n);
    mask_vectors(f);
}

static void clear_cap(struct pci_function *f, unsigned cap, unsigned len)
{
    for (unsigned i = cap; cap && i < cap + len; i++)
        f->config[i] &= (uint8_t)~f->wmask[i];
}

void pci_irq_reset(struct pci_function *f)
{
    f->intx = f->msi_pending = false;
    f->msix_pending = 0;
    clear_cap(f, f->msi_cap, MSI_LEN);
    clear_cap(f, f->msix_cap, MSIX_LEN);
    mask_vectors(f);
    drive_line(f);
    show(f);
}

void pci_irq_adopt(struct pci_function *f)
{
    f->msi_pending = f->msi_pending && f->intx && pci_msi_on(f) && msi_held(f);
    uint64_t held = 0;
    for (unsigned v = 0; v < f->msix_vectors; v++)
        held |= all_held(f) || vector_held(f, v) ? BIT64(v) : 0;
    f->msix_pending &= pci_msix_on(f) ? held : 0;
    f->intx_out = line_wanted(f);
    f->bus->intx_users[f->gsi] += f->intx_out;
    show(f);
}

/* ---- what devices ask for ------------------------------------------------------- */

void pci_set_intx_locked(struct pci_function *f, bool level)
{
    if (level == f->intx)
        return;
    f->intx = level;
    f->msi_pending = level && pci_msi_on(f);
    if (!f->bus)
        return;
    drive_line(f);
    flush_msi(f);
    show(f);
}

void pci_set_intx(struct pci_function *f, bool level)
{
    spin_lock(&f->irq_lock);
    pci_set_intx_locked(f, level);
    spin_unlock(&f->irq_lock);
}

void pci_msix_send(struct pci_function *f, uint16_t vector)
{
    if (vector >= f->msix_vectors)
        return;
    spin_lock(&f->irq_lock);
    if (pci_msix_on(f) && f->bus) {
        if (all_held(f) || vector_held(f, vector))
            f->msix_pending |= BIT64(vector);
        else
            send_vector(f, vector);
    }
    spin_unlock(&f->irq_lock);
}

void pci_msix_clear(struct pci_function *f, uint16_t vector)
{
    if (vector >= f->msix_vectors)
        return;
    spin_lock(&f->irq_lock);
    f->msix_pending &= ~BIT64(vector);
    spin_unlock(&f->irq_lock);
}
