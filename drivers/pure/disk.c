/* SPDX-License-Identifier: BSD-2-Clause */
/* See disk.h: views as struct blk. */
#include "drivers/pure/disk.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

static void count(struct blk *b, const struct blk_request *r)
{
    if (r->op == BLK_READ) {
        b->reads++;
        b->read_bytes += r->sectors * BLK_SECTOR;
    } else if (r->op == BLK_WRITE) {
        b->writes++;
        b->written_bytes += r->sectors * BLK_SECTOR;
    }
}

static enum blk_submit refuse(struct blk *b, struct blk_request *r)
{
    b->errors++;
    r->result = BLK_IOERR;
    return BLK_DONE;
}

/* The last check before the hardware: whatever the layers above did, nothing outside is touched. */
static enum blk_submit submit(struct blk *b, struct blk_request *r)
{
    struct disk_view *v = container_of(b, struct disk_view, blk);
    bool whole = r->op == BLK_FLUSH;
    if (!whole && (!r->sectors || !range_inside(r->sector, r->sectors, 0, b->sectors)))
        return refuse(b, r);
    if (b->readonly && r->op != BLK_READ && r->op != BLK_FLUSH)
        return refuse(b, r);
    enum blk_submit s = v->disk->ops->submit(v->disk, r, whole ? 0 : v->first + r->sector);
    if (unlikely(s == BLK_BUSY)) {
        /* Room may have come before the note: then this asks once more, and nobody sleeps. */
        v->starved = true;
        s = v->disk->ops->submit(v->disk, r, whole ? 0 : v->first + r->sector);
        if (s == BLK_BUSY)
            return s;
        v->starved = false;
    }
    count(b, r);
    return s;
}

static const struct blk_ops view_ops = { submit };

void disk_init(struct disk *d, struct disk_view *whole, const char *name, const struct blk *whole_blk)
{
    *whole = (struct disk_view){ .blk = *whole_blk, .disk = d };
    whole->blk.ops = &view_ops;
    fmt(whole->name, sizeof(whole->name), "%s", name);
    d->view = whole;
    d->views = 1;
}

/* A disk's name that ends with a digit takes a p: nvme0n1p2. */
static void name_partition(struct disk_view *v, const char *disk, uint32_t number)
{
    size_t n = strlen(disk);
    bool digit = n && disk[n - 1] >= '0' && disk[n - 1] <= '9';
    fmt(v->name, sizeof(v->name), "%s%s%u", disk, digit ? "p" : "", number);
}

void disk_set_partitions(struct disk *d, struct disk_view *views, const struct partition_table *t)
{
    memcpy(&views[0], &d->view[0], sizeof(views[0]));
    for (uint32_t i = 0; i < t->count; i++) {
        struct disk_view *v = &views[i + 1];
        memcpy(v, &views[0], sizeof(*v));
        v->first = t->part[i].first;
        v->blk.sectors = t->part[i].sectors;
        v->number = t->part[i].number;
        memcpy(v->partuuid, t->part[i].uuid, sizeof(v->partuuid));
        name_partition(v, views[0].name, v->number);
    }
    fmt(d->note, sizeof(d->note), "%s", t->note);
    d->view = views;
    d->views = t->count + 1;
}

void disk_room(struct disk *d)
{
    for (uint32_t i = 0; i < d->views; i++) {
        struct disk_view *v = &d->view[i];
        if (!v->starved)
            continue;
        v->starved = false;
        if (v->blk.resume)
            v->blk.resume(v->blk.owner);
    }
}

const char *disk_size_text(uint64_t sectors, char buf[DISK_SIZE_TEXT])
{
    static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
    uint64_t kib = sectors / 2, scale = 1;
    unsigned u = 0;
    while (u + 1 < ARRAY_LEN(unit) && kib / scale >= 1024) {
        scale *= 1024;
        u++;
    }
    fmt(buf, DISK_SIZE_TEXT, "%lu.%lu %s", kib / scale, kib % scale * 10 / scale, unit[u]);
    return buf;
}

void disk_describe(const struct disk_view *v, char *buf, size_t size)
{
    const struct disk *d = v->disk;
    char bytes[DISK_SIZE_TEXT], part[32] = "";
    if (v->number)
        fmt(part, sizeof(part), "partition of %s, ", d->view[0].name);
    fmt(buf, size, "%s (%s%s, %s%s%s)", v->name, part, d->model, disk_size_text(v->blk.sectors, bytes),
        v->blk.serial[0] ? ", serial " : "", v->blk.serial);
}
