/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk.h: the registry, and who uses what. */
#include "drivers/pure/disk.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

bool disks_add(struct disks *all, struct disk *d)
{
    if (all->count == DISKS_MAX)
        return false;
    all->disk[all->count++] = d;
    return true;
}

static bool answers_to(const struct disk_view *v, enum config_device_kind kind, const char *name)
{
    switch (kind) {
    case CONFIG_DEVICE_PARTUUID:
        return v->partuuid[0] && !strcmp(v->partuuid, name);
    case CONFIG_DEVICE_SERIAL:
        return !v->number && v->blk.serial[0] && !strcmp(v->blk.serial, name);
    case CONFIG_DEVICE_NAME:
        break;
    }
    return !strcmp(v->name, name);
}

hv_status disks_find(const struct disks *all, enum config_device_kind kind, const char *name,
                     struct disk_view **out)
{
    *out = NULL;
    for (uint32_t i = 0; i < all->count; i++) {
        struct disk *d = all->disk[i];
        for (uint32_t k = 0; k < d->views; k++) {
            if (!answers_to(&d->view[k], kind, name))
                continue;
            if (*out)
                return HV_EXISTS;
            *out = &d->view[k];
        }
    }
    return *out ? HV_OK : HV_NOT_FOUND;
}

/* By sectors, not by names: partitions of broken tables overlap each other, too. */
static bool share_sectors(const struct disk_view *a, const struct disk_view *b)
{
    return range_overlaps(a->first, a->blk.sectors, b->first, b->blk.sectors);
}

static hv_status conflict(const struct disk_view *v, const char *who, const struct disk_claim *c, char why[DISK_WHY])
{
    if (c->view == v)
        fmt(why, DISK_WHY, "%s is in use by %s already, and one of the two writes", v->name, c->who);
    else
        fmt(why, DISK_WHY, "%s shares sectors with %s, which %s uses, and one of the two writes", v->name,
            c->view->name, c->who);
    return HV_EXISTS;
}

hv_status disk_claim(struct disk_view *v, bool writable, const char *who, char why[DISK_WHY])
{
    struct disk *d = v->disk;
    struct disk_claim *room = NULL;
    if (writable && v->blk.readonly) {
        fmt(why, DISK_WHY, "%s can only be read: use readonly = true", v->name);
        return HV_PERM;
    }
    for (unsigned i = 0; i < DISK_CLAIMS; i++) {
        struct disk_claim *c = &d->claim[i];
        if (!c->view)
            room = room ? room : c;
        else if ((writable || c->writable) && share_sectors(c->view, v))
            return conflict(v, who, c, why);
    }
    if (!room) {
        fmt(why, DISK_WHY, "%s has too many users", d->view[0].name);
        return HV_NOMEM;
    }
    *room = (struct disk_claim){ .view = v, .writable = writable };
    fmt(room->who, sizeof(room->who), "%s", who);
    return HV_OK;
}

void disk_release(struct disk_view *v, const char *who)
{
    for (unsigned i = 0; i < DISK_CLAIMS; i++) {
        struct disk_claim *c = &v->disk->claim[i];
        if (c->view == v && !strncmp(c->who, who, sizeof(c->who) - 1)) {
            *c = (struct disk_claim){ 0 };
            return;
        }
    }
}

void disk_owners(const struct disk_view *v, char *buf, size_t size)
{
    size_t n = 0;
    fmt(buf, size, "-");
    for (unsigned i = 0; i < DISK_CLAIMS; i++) {
        const struct disk_claim *c = &v->disk->claim[i];
        if (c->view == v && n < size)
            n += fmt(buf + n, size - n, "%s%s", n ? ", " : "", c->who);
    }
}
