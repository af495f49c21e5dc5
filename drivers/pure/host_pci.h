/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real machine's PCI functions: found by a scan, their BARs sized, capabilities and
 * command bits. Configuration space comes through two calls, so that the code is pure.
 * PCI Local Bus 3.0; PCI-to-PCI Bridge 1.2. Everything here runs at boot, on the boot CPU,
 * before anything uses the functions; host_pci_stop_dma() any time.
 */
#ifndef DRIVERS_PURE_HOST_PCI_H
#define DRIVERS_PURE_HOST_PCI_H

#include "socle/types.h"

enum { HOST_PCI_MAX = 256, HOST_PCI_BARS = 6, HOST_PCI_TEXT = 20 };

struct host_pci_addr { uint16_t segment; uint8_t bus, devfn; };

/* size 1, 2 or 4, offset a multiple of it. A read where nothing answers gives all ones. */
struct host_pci_access {
    void     *ctx;
    uint32_t (*read)(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size);
    void     (*write)(void *ctx, struct host_pci_addr at, unsigned offset, unsigned size, uint32_t v);
};

enum {                                  /* offsets in configuration space: PCI 3.0, 6.1 */
    HOST_PCI_ID = 0x00, HOST_PCI_COMMAND = 0x04, HOST_PCI_STATUS = 0x06, HOST_PCI_CLASS = 0x08,
    HOST_PCI_HEADER = 0x0e, HOST_PCI_BAR0 = 0x10, HOST_PCI_SECONDARY = 0x19, HOST_PCI_SUBSYSTEM = 0x2c,
    HOST_PCI_CAP = 0x34,
};
enum { HOST_PCI_IO = 1, HOST_PCI_MEMORY = 2, HOST_PCI_MASTER = 4, HOST_PCI_NO_INTX = 1 << 10 };    /* 6.2.2 */
enum { HOST_PCI_CAP_MSI = 0x05, HOST_PCI_CAP_VENDOR = 0x09, HOST_PCI_CAP_MSIX = 0x11 };            /* appendix H */

enum host_pci_bar_kind { HOST_BAR_NONE, HOST_BAR_IO, HOST_BAR_MEM };

struct host_pci_bar {
    enum host_pci_bar_kind kind;
    bool     wide, prefetch;            /* wide: 64 bits, the next BAR is its upper half */
    uint64_t at, size;                  /* at 0: firmware gave it no address */
};

/* Whose a function is. */
enum host_pci_owner { HOST_PCI_FREE, HOST_PCI_HOST, HOST_PCI_GUEST, HOST_PCI_HIDDEN };

struct host_pci_function {
    const struct host_pci_access *access;
    struct host_pci_addr at;
    uint16_t    vendor, device;
    uint32_t    class_code;             /* base, sub, interface */
    uint8_t     revision, header;       /* header type without the multi-function bit */
    struct host_pci_bar bar[HOST_PCI_BARS];
    enum host_pci_owner owner;
    void       *driver;                 /* the driver's own */
    const char *driver_name;            /* null: none, */
    char        why_none[32];           /* and why */
};

struct host_pci {
    uint32_t count, dropped;            /* dropped: more than there is room for */
    struct host_pci_function fn[HOST_PCI_MAX];
};

/* Adds what is on `bus` and on all buses behind bridges there; buses seen before are skipped. */
struct host_pci_scan { uint64_t seen[4]; };     /* buses of one segment */
void host_pci_scan_bus(struct host_pci *p, struct host_pci_scan *s, const struct host_pci_access *a,
                       uint16_t segment, uint8_t bus);

static inline uint32_t host_pci_read(const struct host_pci_function *f, unsigned offset, unsigned size)
{
    return f->access->read(f->access->ctx, f->at, offset, size);
}
static inline void host_pci_write(const struct host_pci_function *f, unsigned offset, unsigned size, uint32_t v)
{
    f->access->write(f->access->ctx, f->at, offset, size, v);
}

/* The next capability with this id after offset `from` (0: the first); 0: none. Bounded on broken lists. */
uint8_t host_pci_capability(const struct host_pci_function *f, uint8_t id, uint8_t from);
/* Lets the function decode memory and master the bus, without INTx; and takes the latter back. */
void host_pci_enable(const struct host_pci_function *f);
void host_pci_stop_dma(const struct host_pci_function *f);

/* "0000:00:03.0" into buf, which is returned. */
const char *host_pci_text(struct host_pci_addr at, char buf[HOST_PCI_TEXT]);
/* "network (8086:10d3)" */
void host_pci_what(const struct host_pci_function *f, char *buf, size_t size);
/* The driver that a function without one would need, or null when none is planned. */
const char *host_pci_would_need(const struct host_pci_function *f);

#endif
