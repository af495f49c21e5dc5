/* SPDX-License-Identifier: BSD-2-Clause */
/* Saving and loading the PCI bus: configuration spaces with the BARs in them, and interrupts. */
#include "pci_priv.h"

#include "socle/str.h"

#define STATE_PCI       STATE_ID('P', 'C', 'I', ' ')

enum { VERSION = 2 };                   /* 1 had no interrupts */

#define FLAG_INTX       0x01u
#define FLAG_MSI        0x02u

/*
 * Functions follow in order, each as {u16 devfn, 256 bytes, u8 flags, u64 pending vectors, u16
 * count, vectors}; NO_MORE ends the list.
 */
#define NO_MORE         0xffffu

static void save_function(const struct pci_function *f, struct state_out *o)
{
    state_put_u16(o, f->devfn);
    state_put_bytes(o, f->config, PCI_CONFIG_SIZE);
    state_put_u8(o, (uint8_t)((f->intx ? FLAG_INTX : 0) | (f->msi_pending ? FLAG_MSI : 0)));
    state_put_u64(o, f->msix_pending);
    state_put_u16(o, f->msix_vectors);
    for (unsigned i = 0; i < f->msix_vectors; i++) {
        state_put_u64(o, f->msix[i].addr);
        state_put_u32(o, f->msix[i].data);
        state_put_u32(o, f->msix[i].control);
    }
}

void pci_save(const struct pci *p, struct state_out *o)
{
    state_begin(o, STATE_PCI, VERSION);
    state_put_u32(o, p->address);
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++)
        if (p->fn[i])
            save_function(p->fn[i], o);
    state_put_u16(o, NO_MORE);
    state_end(o);
}

/* What a record says of one function. */
struct saved {
    uint16_t devfn, vectors;
    uint8_t  config[PCI_CONFIG_SIZE], flags;
    uint64_t pending;
    struct pci_vector msix[PCI_MSIX_MAX];
};

static void get_function(struct saved *s, struct state_in *in)
{
    s->devfn = state_get_u16(in);
    state_get_bytes(in, s->config, sizeof(s->config));
    s->flags = state_get_u8(in);
    s->pending = state_get_u64(in);
    s->vectors = state_get_u16(in);
    for (unsigned i = 0; i < s->vectors && i < PCI_MSIX_MAX; i++) {
        s->msix[i].addr = state_get_u64(in);
        s->msix[i].data = state_get_u32(in);
        s->msix[i].control = state_get_u32(in);
    }
}

/* Does this belong to f? What no guest can change must be equal, and no unknown bit be set. */
static bool matches(const struct pci_function *f, const struct saved *s)
{
    if (s->devfn != f->devfn || s->vectors != f->msix_vectors ||
        pci_get32(s->config, CFG_VENDOR) != pci_get32(f->config, CFG_VENDOR) ||
        pci_get32(s->config, CFG_REVISION) != pci_get32(f->config, CFG_REVISION) ||
        (s->flags & ~(FLAG_INTX | FLAG_MSI)) || (s->pending & ~(BIT64(f->msix_vectors) - 1)))
        return false;
    for (unsigned i = 0; i < s->vectors; i++)
        if ((s->msix[i].addr & 3) || s->msix[i].control > 1)
            return false;
    return true;
}

static void adopt(struct pci_function *f, const struct saved *s)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t mask = f->wmask[i] | f->w1c[i];
        f->config[i] = (uint8_t)((f->config[i] & ~mask) | (s->config[i] & mask));
    }
    f->intx = s->flags & FLAG_INTX;
    f->msi_pending = s->flags & FLAG_MSI;
    f->msix_pending = s->pending;
    memcpy(f->msix, s->msix, f->msix_vectors * sizeof(f->msix[0]));
    pci_irq_adopt(f);
}

/* Reads the list once: checks it, or takes it over. */
static bool walk(struct pci *p, struct state_in *in, bool take)
{
    struct saved s;
    for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
        if (!p->fn[i])
            continue;
        get_function(&s, in);
        if (take)
            adopt(p->fn[i], &s);
        else if (in->bad || !matches(p->fn[i], &s))
            return false;
    }
    return state_get_u16(in) == NO_MORE;
}

hv_status pci_load(struct pci *p, struct state_in *in)
{
    uint16_t version;
    hv_status s = state_open(in, STATE_PCI, VERSION, &version);
    if (s != HV_OK)
        return s;
    uint32_t address = state_get_u32(in) & PCI_ADDRESS_BITS;
    struct state_in again = *in;
    bool good = version == VERSION && walk(p, in, false);
    s = state_close(in);
    if (s != HV_OK || !good)
        return HV_INVALID;
    p->address = address;
    memset(p->intx_users, 0, sizeof(p->intx_users));
    good = walk(p, &again, true);
    pci_decode_all(p);
    return good ? HV_OK : HV_INVALID;
}
