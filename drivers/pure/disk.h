/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's disks and their partitions: names as Linux gives them, who uses what, and
 * each as a struct blk that refuses what lies outside of it. What moves the data is behind
 * struct disk_ops.
 *
 * The registry is filled at boot and never shrinks. Claims and searches: one CPU, without
 * locks of queues. submit() as struct blk_ops says.
 */
#ifndef DRIVERS_PURE_DISK_H
#define DRIVERS_PURE_DISK_H

#include "drivers/pure/partition.h"
#include "socle/blk.h"
#include "socle/config.h"

enum { DISK_NAME = 16, DISK_MODEL = 40, DISK_WHO = 40, DISK_WHY = 192, DISKS_MAX = 26, DISK_CLAIMS = 64 };

struct disk;

struct disk_ops {
    /* As blk_ops.submit; `sector` counts from the start of the disk, r->sector does not. */
    enum blk_submit (*submit)(struct disk *d, struct blk_request *r, uint64_t sector);
    /* Boot only: waits. n bytes, a multiple of the logical block, up to PARTITION_CHUNK. */
    bool            (*read)(struct disk *d, uint64_t sector, void *buf, uint32_t n);
    /* The machine goes off: waits until what was written is on the medium. */
    bool            (*flush)(struct disk *d);
};

/* The whole disk, or a partition of it. */
struct disk_view {
    struct blk   blk;
    struct disk *disk;
    uint64_t     first;                 /* sector */
    char         name[DISK_NAME];
    char         partuuid[PARTUUID_LEN];        /* whole disk: empty */
    uint32_t     number;                /* of the partition; 0: whole disk */
    _Atomic bool starved;               /* was answered BLK_BUSY */
};

struct disk_claim {
    const struct disk_view *view;       /* null: free */
    bool writable;
    char who[DISK_WHO];
};

struct disk {
    const struct disk_ops *ops;
    void      *driver;
    const char *kind;                   /* the driver's name, "virtio-blk" */
    char       model[DISK_MODEL];
    char       note[PARTITION_NOTE];    /* about its partition table */
    uint32_t   logical;                 /* bytes of a logical block */
    uint32_t   views;
    struct disk_view *view;             /* [0]: the whole disk */
    struct disk_claim claim[DISK_CLAIMS];
};

struct disks { uint32_t count; struct disk *disk[DISKS_MAX]; };

/* Fills in view[0] of a disk by its name, size and so on in *whole (ops and owner are set here). */
void disk_init(struct disk *d, struct disk_view *whole, const char *name, const struct blk *whole_blk);
/* One view more than the table has partitions; view[0] is copied from the old one. Boot. */
void disk_set_partitions(struct disk *d, struct disk_view *views, const struct partition_table *t);
/* False: the registry is full. */
MUST_CHECK bool disks_add(struct disks *all, struct disk *d);

/* HV_NOT_FOUND; HV_EXISTS: several answer to that name. */
MUST_CHECK hv_status disks_find(const struct disks *all, enum config_device_kind kind, const char *name,
                                struct disk_view **out);

/*
 * Reserves the view for `who`. HV_EXISTS: something that shares sectors with it is in use and one of
 * the two writes; why names both. HV_PERM: the disk is read-only. HV_NOMEM.
 */
MUST_CHECK hv_status disk_claim(struct disk_view *v, bool writable, const char *who, char why[DISK_WHY]);
void disk_release(struct disk_view *v, const char *who);

/* The driver has room again: whoever was refused is told. Without locks. */
void disk_room(struct disk *d);

/* "1.0 GiB", buf of DISK_SIZE_TEXT. */
enum { DISK_SIZE_TEXT = 16 };
const char *disk_size_text(uint64_t sectors, char buf[DISK_SIZE_TEXT]);
/* "vda1 (partition of vda, virtio-blk, 1.0 GiB, serial X)": what an operator recognizes it by. */
void disk_describe(const struct disk_view *v, char *buf, size_t size);
/* Who uses it: "web, db", or "-". */
void disk_owners(const struct disk_view *v, char *buf, size_t size);

#endif
