/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: contradictions inside one [[guest.disk]], and storage that two of them would
 * write. Called by config_parse(). What only shows at run time (a serial number and a
 * name that mean the same disk) is checked again when the disks are known.
 */
#include "disk_name.h"
#include "schema.h"
#include "socle/str.h"

enum { IDE_DRIVES = 4 };

static bool given(const struct config_disk *d, enum config_disk_key key)
{
    return d->at[key].line != 0;
}

/* Exactly one of file and device. */
static void check_source(struct reader *r, const struct config_disk *d)
{
    if (given(d, DISK_FILE) && given(d, DISK_DEVICE)) {
        const bool file_first = d->at[DISK_FILE].line < d->at[DISK_DEVICE].line;
        read_error(r, d->at[file_first ? DISK_DEVICE : DISK_FILE],
                   "file and device exclude each other; the other one is in line %u",
                   d->at[file_first ? DISK_FILE : DISK_DEVICE].line);
    }
    if (!given(d, DISK_FILE) && !given(d, DISK_DEVICE))
        read_error(r, d->pos, "this [[guest.disk]] needs file = \"root.img\" or "
                              "device = \"serial:...\"");
}

/* A CD drive speaks ATAPI, which virtio does not carry, and nobody writes to it. */
static void check_cdrom(struct reader *r, const struct config_disk *d)
{
    if (!d->cdrom)
        return;
    if (given(d, DISK_BUS) && d->bus == CONFIG_BUS_VIRTIO)
        read_error(r, d->at[DISK_BUS], "there is no CD drive (cdrom, line %u) on virtio; write "
                                       "bus = \"ahci\" or \"ide\"", d->at[DISK_CDROM].line);
    if (d->overlay)
        read_error(r, d->at[DISK_OVERLAY], "a CD (cdrom, line %u) is never written: overlay "
                                           "cannot be true", d->at[DISK_CDROM].line);
}

/* Explicit values only: the defaults are resolved so that they never contradict. */
static void check_overlay(struct reader *r, const struct config_disk *d)
{
    if (d->readonly && d->overlay && !d->cdrom)
        read_error(r, d->at[DISK_OVERLAY], "overlay = true keeps writes in RAM, but readonly = "
                                           "true (line %u) allows none", d->at[DISK_READONLY].line);
    if (d->overlay && given(d, DISK_OVERLAY) && given(d, DISK_DEVICE))
        read_error(r, d->at[DISK_OVERLAY], "an overlay is for images (file): writes to a device "
                                           "(line %u) go to the disk itself, or readonly = true "
                                           "allows none", d->at[DISK_DEVICE].line);
    if (given(d, DISK_OVERLAY_MAX) && !d->overlay)
        read_error(r, d->at[DISK_OVERLAY_MAX], "overlay_max is for disks with overlay = true");
}

/* A guest that names disks by serial number must find one of each. */
static void check_serial(struct reader *r, const struct guest_config *g, uint32_t i)
{
    const struct config_disk *d = &g->disk[i];

    for (uint32_t k = 0; k < i; k++) {
        const struct config_disk *e = &g->disk[k];

        if (!d->serial.text || !e->serial.text || strcmp(d->serial.text, e->serial.text) != 0)
            continue;
        const bool here = given(d, DISK_SERIAL);
        read_error(r, here ? d->at[DISK_SERIAL] : e->at[DISK_SERIAL],
                   "serial = \"%s\" is that of another disk of this guest (line %u)",
                   d->serial.text, here ? e->pos.line : d->pos.line);
        return;
    }
}

void check_disks(struct reader *r, struct guest_config *g)
{
    uint32_t ide = 0;

    for (uint32_t i = 0; i < g->disks; i++) {
        const struct config_disk *d = &g->disk[i];

        check_source(r, d);
        check_cdrom(r, d);
        check_overlay(r, d);
        check_serial(r, g, i);
        if (d->bus == CONFIG_BUS_IDE && ++ide == IDE_DRIVES + 1)
            read_error(r, d->at[DISK_BUS], "a guest has room for %d drives on ide; write "
                                           "bus = \"ahci\"", IDE_DRIVES);
    }
}

/* ---- between disks -------------------------------------------------------------- */

struct disk_ref {
    uint32_t                   guest;
    const struct config_disk  *disk;
};

/* Does the disk change its image or device itself? */
static bool writes(const struct config_disk *d)
{
    return !d->readonly && !d->overlay;
}

/* Two readers share a device in peace; the caller knows that one of the two writes. */
static void same_device(struct reader *r, const struct config_disk *d,
                        const struct config_disk *e, const char *owner)
{
    switch (disk_overlap(d, e)) {
    case DISKS_APART:
        return;
    case DISKS_SAME:
        read_error(r, d->at[DISK_DEVICE], "\"%.40s\" is already a disk of %s (line %u): two "
                                          "writers, or a writer and a reader, destroy it",
                   d->device.text, owner, e->at[DISK_DEVICE].line);
        return;
    case DISK_AND_PARTITION:
        read_error(r, d->at[DISK_DEVICE], "\"%.40s\" and \"%.40s\" of %s (line %u) are a disk and "
                                          "its own partition", d->device.text, e->device.text,
                   owner, e->at[DISK_DEVICE].line);
        return;
    }
}

/* Overlays on one image are how several guests share a golden image: no conflict. */
static void same_file(struct reader *r, const struct config_disk *d, const struct config_disk *e,
                      const char *owner, bool same_guest)
{
    if (strcmp(d->file.text, e->file.text) != 0)
        return;
    if (writes(d) || writes(e))
        read_error(r, d->at[DISK_FILE], "\"%.40s\" is already a disk of %s (line %u) and one of "
                                        "them writes to it: leave out overlay = false",
                   d->file.text, owner, e->at[DISK_FILE].line);
    else if (same_guest)
        read_error(r, d->at[DISK_FILE], "this guest has \"%.40s\" as a disk already (line %u)",
                   d->file.text, e->at[DISK_FILE].line);
}

/* The error is that of `a`, the later one in the file. */
static void compare(struct reader *r, struct disk_ref a, struct disk_ref b)
{
    char owner[GUEST_LABEL];
    const struct config_disk *d = a.disk, *e = b.disk;

    guest_label(&r->cfg->guest[b.guest], owner);
    if (d->device.text && e->device.text && (writes(d) || writes(e)))
        same_device(r, d, e, owner);
    if (d->file.text && e->file.text)
        same_file(r, d, e, owner, a.guest == b.guest);
}

/* Every disk against all before it: at most 64 guests with 24 disks each. */
void check_disk_sharing(struct reader *r)
{
    const struct config *c = r->cfg;

    for (uint32_t ga = 0; ga < c->guests; ga++) {
        about_guest(r, ga);
        for (uint32_t da = 0; da < c->guest[ga].disks; da++) {
            const struct disk_ref a = { ga, &c->guest[ga].disk[da] };

            for (uint32_t gb = 0; gb <= ga; gb++) {
                const uint32_t end = gb == ga ? da : c->guest[gb].disks;
                for (uint32_t db = 0; db < end; db++)
                    compare(r, a, (struct disk_ref){ gb, &c->guest[gb].disk[db] });
            }
        }
    }
}
