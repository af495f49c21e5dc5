/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI bus behind configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2) and ECAM, with a
 * host bridge (82441FX) at 00:00.0 and an ISA bridge (82371SB) at 00:01.0. Other
 * functions are added by their devices, with BARs that guests size and move, capabilities,
 * and interrupts by INTx, MSI or MSI-X.
 *
 * Locking: accesses to configuration space lock the bus, so address and data port cannot be
 * torn apart by two vCPUs; a function's hooks run under that lock, which comes before those
 * of devices and queues. A BAR is found without any lock, also while another vCPU moves it,
 * and its handler runs under the BAR's own lock only. Interrupts take the function's
 * irq_lock, then the bus's intx_lock; both may be taken with a device's or queue's lock held,
 * and messages leave under irq_lock: once a write that masks a vector or switches messages
 * off is done, none follows. Init, reset, save, load and assign need the VM to stand still.
 */
#ifndef SOCLE_DEVICE_PCI_H
#define SOCLE_DEVICE_PCI_H

#include <stdatomic.h>
#include "socle/bus.h"
#include "socle/lock.h"
#include "socle/platform.h"
#include "socle/state.h"

enum { PCI_CONFIG_SIZE = 256, PCI_FUNCTIONS = 256 };

#define PCI_DEVFN(dev, fn) ((uint8_t)((dev) << 3 | (fn)))

struct pci_function;
struct pci;

enum {
    PCI_BARS = 6,               /* of a function */
    PCI_BARS_MAX = 96,          /* of the whole bus, of each kind: ports and memory */
    PCI_MSIX_MAX = 32,
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

/*
 * What is behind a base address register. The offset that access() sees counts from the
 * BAR's base; accesses that leave the BAR or have another width are nobody's, as on a bus.
 */
struct pci_bar {
    enum pci_bar_kind kind;
    bool             prefetch;
    uint64_t         size;              /* a power of two: at least 16 (memory) or 4 (ports) */
    uint8_t          widths;            /* as struct bus_range, like the next three */
    bus_handler      access;
    void            *dev;
    struct spinlock *lock;
};

/* One vector of MSI-X (PCI 3.0, 6.8.2), and of MSI alike. */
struct pci_vector { uint64_t addr; uint32_t data, control; };

/* Hooks of a device into its configuration space; each may be null. */
struct pci_ops {
    /* Before a read of [offset, offset+size): bring config[] up to date. */
    void (*read)(struct pci_function *f, unsigned offset, unsigned size);
    /* After a write has been merged into config[]. */
    void (*write)(struct pci_function *f, unsigned offset, unsigned size);
    /*
     * Bus reset. The header, MSI and MSI-X are in their power-on state already, and the line is
     * low; what else a guest can change in config[] is put back here, or kept.
     */
    void (*reset)(struct pci_function *f);
};

struct pci_function {
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];     /* bits that take what is written */
    uint8_t w1c[PCI_CONFIG_SIZE];       /* bits that a written one clears */
    const struct pci_ops *ops;          /* may be null */
    void   *dev;
    struct pci     *bus;                /* set by pci_add() */
    uint8_t         devfn;
    struct pci_bar  bar[PCI_BARS];
    uint8_t         cap_last;           /* the last capability; 0: none */
    uint16_t        cap_end;            /* where the next one goes */
    /* Interrupts and writes of config[], under irq_lock: taken with any device's lock held. */
    struct spinlock irq_lock;
    uint8_t         gsi;                /* where its pin is wired to */
    bool            intx;               /* what the device drives; shown in Status */
    bool            intx_out;           /* what reaches the line: not disabled, no MSI in use */
    uint8_t         msi_cap, msix_cap;  /* offsets of the capabilities; 0: has none */
    uint8_t         msix_bar;
    uint16_t        msix_vectors;
    uint64_t        msix_pending;       /* bit per vector */
    bool            msi_pending;
    struct pci_vector msix[PCI_MSIX_MAX];
};

/* Addresses first to last belong to this BAR. Windows do not overlap, though BARs may. */
struct pci_window { uint64_t first, last; const struct pci_bar *bar; };
struct pci_map {
    uint32_t          count;
    struct pci_window window[2 * PCI_BARS_MAX - 1];     /* sorted */
};

/*
 * Which BAR decodes an address, of ports or of memory. Readers use map[turn & 1], and look
 * again when turn has changed meanwhile; the next change is made in the other map.
 */
struct pci_decode {
    atomic_uint    turn;
    struct pci_map map[2];
    unsigned       bars;
    struct { struct pci_function *f; uint8_t n; } bar[PCI_BARS_MAX];    /* by devfn and number */
};

struct pci {
    struct spinlock      lock;
    const struct dev_env *env;
    uint32_t             address;       /* CONFIG_ADDRESS */
    struct pci_function *fn[PCI_FUNCTIONS];     /* by devfn; null: empty slot */
    struct pci_function  host_bridge, isa_bridge;
    struct pci_decode    io, mem;       /* changed under lock */
    struct spinlock      intx_lock;
    uint16_t             intx_users[PLAT_IOAPIC_PINS];  /* functions that drive the GSI */
    bus_handler          cf9;
    void                *cf9_dev;
};

/*
 * cf9 serves one-byte accesses to port 0xcf9, which lies inside of CONFIG_ADDRESS but
 * belongs to somebody else (misc_ports_cf9); null: nobody.
 */
void pci_init(struct pci *p, const struct dev_env *env, bus_handler cf9, void *cf9_dev);
/* The bus's reset line: nothing decodes, masters or interrupts until it is set up again. */
void pci_reset(struct pci *p);
/* Ports 0xcf8-0xcff. */
MUST_CHECK hv_status pci_attach(struct pci *p, struct pio_bus *b);
/* The same functions in memory: 256 MiB at PLAT_ECAM_BASE. */
MUST_CHECK hv_status pci_attach_ecam(struct pci *p, struct mmio_bus *b);

/*
 * HV_EXISTS: the slot is taken; HV_NOMEM: too many BARs. f stays the caller's and must outlive
 * the bus. Function 0 says by itself that its device has several. VM setup.
 */
MUST_CHECK hv_status pci_add(struct pci *p, uint8_t devfn, struct pci_function *f);

/* ---- building a function; before pci_add(), after pci_function_init() ---- */

/* BAR n; a 64-bit one takes n + 1 as well. It asserts what would be our own mistake. */
void pci_set_bar(struct pci_function *f, unsigned n, const struct pci_bar *bar);
/* A capability of `len` bytes, id and next pointer included: its offset. Zeroed, read-only. */
unsigned pci_add_capability(struct pci_function *f, uint8_t id, unsigned len);
/* Interrupt pin INTA; level triggered and shared, wired as plat_pci_irq() says. */
void pci_use_intx(struct pci_function *f);
/* One message, 64-bit address, maskable (6.8.1). Sent where INTx would rise. */
void pci_add_msi(struct pci_function *f);
/*
 * MSI-X with `vectors` (to PCI_MSIX_MAX): table and pending bits fill BAR n, which this sets
 * up: 32-bit memory, 4 KiB, table at 0, pending bits at 0x800.
 */
void pci_add_msix(struct pci_function *f, unsigned n, uint16_t vectors);

/* ---- interrupts; any CPU, device and queue locks may be held ---- */

/*
 * Drives the INTx level; while MSI is in use a rise sends its message instead. The second is
 * for callers that hold f->irq_lock, which keeps a register of theirs in step with the line.
 */
void pci_set_intx(struct pci_function *f, bool level);
void pci_set_intx_locked(struct pci_function *f, bool level);
/* Is MSI-X switched on? Then the device sends messages, else it drives INTx. */
bool pci_msix_on(const struct pci_function *f);
/*
 * Sends a vector's message. It becomes pending while masked, or while the function may not
 * master the bus, as a message is a write to memory (6.2.2, bit 2). Nothing when the vector
 * does not exist or MSI-X is off.
 */
void pci_msix_send(struct pci_function *f, uint16_t vector);
/* The device no longer asks: a pending bit is taken back (6.8.2.9). */
void pci_msix_clear(struct pci_function *f, uint16_t vector);

/*
 * What firmware does at power-up: gives every BAR an address (ports from PLAT_PCI_IO_BASE,
 * memory from PLAT_PCI_MMIO_BASE), switches decoding and mastering on, and fills in the
 * Interrupt Line registers and the ISA bridge's routes. A BAR that finds no room gets no
 * address, and its function does not decode. VM set-up, after pci_reset().
 */
void pci_assign(struct pci *p);

/*
 * Accesses that no fixed range of the machine claims: to the BAR there, if any. False: nobody.
 * The handlers of struct pio_bus.rest and mmio_bus.rest.
 */
bool pci_io_access(void *pci, uint64_t port, struct bus_access *a);
bool pci_mem_access(void *pci, uint64_t addr, struct bus_access *a);

/* Vendor, device, class (24 bits: base, sub, interface) and revision into a zeroed function. */
void pci_function_init(struct pci_function *f, uint16_t vendor, uint16_t device,
                       uint32_t class_code, uint8_t revision);

/* Little-endian fields of configuration space; offset + 2 or 4 within it. */
static inline uint16_t pci_get16(const uint8_t *space, unsigned offset)
{
    return (uint16_t)(space[offset] | space[offset + 1] << 8);
}
static inline uint32_t pci_get32(const uint8_t *space, unsigned offset)
{
    return pci_get16(space, offset) | (uint32_t)pci_get16(space, offset + 2) << 16;
}
static inline void pci_set16(uint8_t *space, unsigned offset, uint16_t v)
{
    space[offset] = (uint8_t)v;
    space[offset + 1] = (uint8_t)(v >> 8);
}
static inline void pci_set32(uint8_t *space, unsigned offset, uint32_t v)
{
    pci_set16(space, offset, (uint16_t)v);
    pci_set16(space, offset + 2, (uint16_t)(v >> 16));
}

void pci_save(const struct pci *p, struct state_out *o);
/*
 * Loads the bits a guest can change; HV_INVALID when the record names other functions
 * than exist here, and nothing is changed then. Hooks are not called.
 */
MUST_CHECK hv_status pci_load(struct pci *p, struct state_in *in);

#endif
