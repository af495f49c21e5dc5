/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operator reads about a PCI function. Class codes: PCI Code and ID Assignment 1.11, 1. */
#include "drivers/pure/host_pci.h"
#include "socle/fmt.h"

struct class_name {
    uint16_t    class;                  /* base and sub; sub 0xff: any */
    const char *name, *needs;           /* needs: a driver for it is planned */
};

static const struct class_name names[] = {
    { 0x0100, "SCSI controller", NULL }, { 0x0101, "IDE controller", NULL }, { 0x0104, "RAID controller", NULL },
    { 0x0106, "SATA controller", "ahci" }, { 0x0107, "SAS controller", NULL }, { 0x0108, "NVMe disk", "nvme" },
    { 0x01ff, "storage", NULL }, { 0x0200, "network", NULL }, { 0x0280, "network", NULL },
    { 0x02ff, "network", NULL }, { 0x03ff, "display", NULL }, { 0x0401, "audio", NULL }, { 0x0403, "audio", NULL },
    { 0x04ff, "multimedia", NULL }, { 0x0500, "memory", NULL }, { 0x05ff, "memory", NULL },
    { 0x0600, "host bridge", NULL }, { 0x0601, "ISA bridge", NULL }, { 0x0604, "PCI bridge", NULL },
    { 0x06ff, "bridge", NULL }, { 0x0700, "serial port", NULL }, { 0x07ff, "communication", NULL },
    { 0x0806, "IOMMU", NULL }, { 0x08ff, "system device", NULL }, { 0x09ff, "input", NULL },
    { 0x0c03, "USB controller", NULL }, { 0x0c05, "SMBus", NULL }, { 0x0cff, "serial bus", NULL },
    { 0x0dff, "wireless", NULL }, { 0x12ff, "accelerator", NULL },
};

/* virtio 1.2, 5 and 4.1.2.1: by device type; transitional devices have numbers of their own. */
static const char *virtio_name(uint16_t device)
{
    static const uint8_t transitional[] = { 1, 2, 5, 3, 8, 4, 0, 0, 0, 9 };
    unsigned type = device >= 0x1040 ? device - 0x1040u : device - 0x1000u < sizeof(transitional)
                                     ? transitional[device - 0x1000] : 0;
    switch (type) {
    case 1:
        return "virtio network";
    case 2:
        return "virtio disk";
    case 3:
        return "virtio console";
    case 4:
        return "virtio entropy";
    case 5:
        return "virtio balloon";
    case 8:
        return "virtio SCSI";
    case 16:
        return "virtio display";
    case 18:
        return "virtio input";
    case 19:
        return "virtio socket";
    default:
        return "virtio device";
    }
}

static const struct class_name *find(const struct host_pci_function *f)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct class_name *n = &names[i];
        if (n->class == f->class_code >> 8 || ((n->class & 0xff) == 0xff && n->class >> 8 == f->class_code >> 16))
            return n;
    }
    return NULL;
}

const char *host_pci_text(struct host_pci_addr at, char buf[HOST_PCI_TEXT])
{
    fmt(buf, HOST_PCI_TEXT, "%04x:%02x:%02x.%u", at.segment, at.bus, at.devfn >> 3u, at.devfn & 7u);
    return buf;
}

void host_pci_what(const struct host_pci_function *f, char *buf, size_t size)
{
    const struct class_name *n = find(f);
    if (f->vendor == 0x1af4 && f->device >= 0x1000 && f->device < 0x1080)
        fmt(buf, size, "%s (%04x:%04x)", virtio_name(f->device), f->vendor, f->device);
    else if (n)
        fmt(buf, size, "%s (%04x:%04x)", n->name, f->vendor, f->device);
    else
        fmt(buf, size, "class %06x (%04x:%04x)", f->class_code, f->vendor, f->device);
}

const char *host_pci_would_need(const struct host_pci_function *f)
{
    const struct class_name *n = find(f);
    if (f->vendor == 0x8086 && f->class_code >> 8 == 0x0200)
        return "e1000e";                /* or one of its relatives */
    return n ? n->needs : NULL;
}
