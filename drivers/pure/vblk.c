/* SPDX-License-Identifier: BSD-2-Clause */
/* See vblk.h: bringing the device up, what ends, what takes too long. */
#include "drivers/pure/vblk.h"

#include "drivers/pure/vblk_priv.h"
#include "socle/fmt.h"
#include "socle/log.h"
#include "socle/str.h"

enum {                                  /* 5.2.4 */
    CONFIG_CAPACITY = 0, CONFIG_SEG_MAX = 12, CONFIG_BLK_SIZE = 20, CONFIG_PHYSICAL_EXP = 24, CONFIG_DISCARD_MAX = 36,
    CONFIG_ZEROES_MAX = 48, CONFIG_MAY_UNMAP = 56,
};
enum { BATCH = 32 };                    /* requests whose end is told at once */

#define TIMEOUT_NS      (VBLK_TIMEOUT_S * 1000000000ull)
#define RESET_LOOK_NS   10000000ull
#define RESET_MAX_NS    5000000000ull
#define COMPLAIN_NS     10000000000ull  /* between two lines about errors */
#define NEVER           UINT64_MAX

static const char *op_text(const struct vblk_part *p)
{
    switch (p->header.type) {
    case T_IN:
        return "read";
    case T_OUT:
        return "write";
    case T_FLUSH:
        return "flush";
    case T_DISCARD:
        return "discard";
    case T_WRITE_ZEROES:
        return "write of zeroes";
    default:
        return "question for its serial number";
    }
}

static const char *name_of(const struct vblk *b) { return b->disk.view[0].name; }

/* A guest may provoke errors without end: one line in ten seconds. */
static void complain(struct vblk *b, const struct vblk_part *p)
{
    uint64_t now = b->dev.now();
    b->disk.view[0].blk.errors++;
    if (b->complained && now - b->complained < COMPLAIN_NS) {
        b->unsaid++;
        return;
    }
    log_warn("disk %s: a %s at sector %lu failed%s", name_of(b), op_text(p), p->header.sector,
             b->unsaid ? ", as others did since the last such line" : "");
    b->complained = now ? now : 1;
    b->unsaid = 0;
}

/* A part has ended. Its request, if that was the last one of it and somebody waits for it. */
static struct blk_request *end_part(struct vblk *b, struct vblk_part *p, enum blk_result result)
{
    struct blk_request *r = p->request;
    p->ended = true;
    p->started = 0;
    if (result == BLK_IOERR)
        complain(b, p);
    if (p->waited)
        return NULL;
    if (result != BLK_OK)
        r->result = result;
    vblk_free_part(b, p);
    uintptr_t left = (uintptr_t)r->driver - 1;
    r->driver = (void *)left;
    return left ? NULL : r;
}

static enum blk_result result_of(const struct vblk_part *p)
{
    return p->status == S_OK ? BLK_OK : p->status == S_UNSUPPORTED ? BLK_UNSUPPORTED : BLK_IOERR;
}

/* Requests that have ended, up to BATCH; 0: no more. */
static unsigned collect(struct vblk *b, struct blk_request *ended[BATCH])
{
    struct vq *q = &b->dev.q[0];
    unsigned n = 0;
    do {
        struct vblk_part *p;
        uint32_t len;
        while (n < BATCH && (p = vq_get(q, &len)) != NULL) {
            struct blk_request *r = end_part(b, p, result_of(p));
            if (r)
                ended[n++] = r;
        }
    } while (n < BATCH && !q->broken && vq_interrupt_on(q));
    return n;
}

static void tell(struct blk_request *const *ended, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ended[i]->done(ended[i]);
}

/* Those who were refused may come again. Without the lock. */
static void room(struct vblk *b)
{
    if (!b->refused)
        return;
    b->refused = false;
    disk_room(&b->disk);
}

/* With the lock. */
static void begin_reset(struct vblk *b, const char *why)
{
    uint64_t now = b->dev.now();
    log_error("disk %s: %s: the device is reset, requests under way fail", name_of(b), why);
    b->complained = now ? now : 1;      /* which says it for all of them */
    b->state = VBLK_RESETTING;
    b->give_up = now + RESET_MAX_NS;
    b->due = now;                       /* the next tick looks whether it is done */
    vdev_reset(&b->dev);
}

void vblk_serve(struct vblk *b)
{
    struct blk_request *ended[BATCH];
    unsigned n;
    bool changed = atomic_exchange(&b->dev.changed, false);
    do {
        spin_lock(&b->lock);
        n = b->state == VBLK_READY ? collect(b, ended) : 0;
        if (b->state == VBLK_READY && b->dev.q[0].broken)
            begin_reset(b, b->dev.q[0].broken);
        else if (b->state == VBLK_READY && changed && vdev_needs_reset(&b->dev))
            begin_reset(b, "it asks for a reset");
        spin_unlock(&b->lock);
        tell(ended, n);
    } while (n == BATCH);
    if (b->state != VBLK_RESETTING)
        room(b);
}

/* ---- what takes too long ---------------------------------------------------------- */

/* The device has let go of all memory: everything under way has failed. */
static void fail_all(struct vblk *b)
{
    struct blk_request *ended[BATCH];
    unsigned n;
    do {
        struct vblk_part *p;
        n = 0;
        spin_lock(&b->lock);
        while (n < BATCH && (p = vq_detach(&b->dev.q[0])) != NULL) {
            struct blk_request *r = end_part(b, p, BLK_IOERR);
            if (r)
                ended[n++] = r;
        }
        spin_unlock(&b->lock);
        tell(ended, n);
    } while (n == BATCH);
}

static void finish_reset(struct vblk *b)
{
    fail_all(b);
    spin_lock(&b->lock);
    const char *why = vdev_negotiate(&b->dev, b->dev.features);
    why = why ? why : vdev_start(&b->dev, 1);
    b->state = why ? VBLK_DEAD : VBLK_READY;
    b->due = NEVER;
    spin_unlock(&b->lock);
    if (why)
        log_error("disk %s: does not come back: %s", name_of(b), why);
    else
        log_info("disk %s: works again after its reset", name_of(b));
}

static void look_at_reset(struct vblk *b, uint64_t now)
{
    if (vdev_is_reset(&b->dev)) {
        finish_reset(b);
        return;
    }
    if (now < b->give_up) {
        b->due = now + RESET_LOOK_NS;
        return;
    }
    log_error("disk %s: the device does not reset and is given up", name_of(b));
    spin_lock(&b->lock);
    vdev_give_up(&b->dev);
    b->state = VBLK_DEAD;
    b->due = NEVER;
    spin_unlock(&b->lock);
    fail_all(b);
}

/* With the lock: finds the oldest request, resets when it is too old, else says when it will be. */
static void look_at_oldest(struct vblk *b, uint64_t now)
{
    const struct vblk_part *oldest = NULL;
    for (unsigned i = 0; i < VBLK_PARTS; i++) {
        const struct vblk_part *p = &b->part[i];
        if (p->started && (!oldest || p->started < oldest->started))
            oldest = p;
    }
    b->due = oldest ? oldest->started + TIMEOUT_NS : NEVER;
    if (!oldest || b->due > now)
        return;
    char why[96];
    fmt(why, sizeof(why), "no answer to a %s at sector %lu for %u s", op_text(oldest), oldest->header.sector,
        VBLK_TIMEOUT_S);
    begin_reset(b, why);
}

uint64_t vblk_tick(struct vblk *b, uint64_t now)
{
    if (now < b->due)
        return b->due;
    vblk_serve(b);                /* should an interrupt have been lost */
    spin_lock(&b->lock);
    if (b->state == VBLK_READY)
        look_at_oldest(b, now);
    bool resetting = b->state == VBLK_RESETTING;
    spin_unlock(&b->lock);
    if (resetting)
        look_at_reset(b, now);
    if (b->state != VBLK_RESETTING)
        room(b);
    return b->due;
}

/* ---- bringing it up --------------------------------------------------------------- */

static void read_config(struct vblk *b, struct blk *blk)
{
    struct vdev *d = &b->dev;
    uint32_t logical = vdev_has(d, F_BLK_SIZE) ? vdev_config32(d, CONFIG_BLK_SIZE) : 0;
    b->disk.logical = is_pow2(logical) && logical >= BLK_SECTOR && logical <= 4096 ? logical : BLK_SECTOR;
    unsigned exponent = vdev_has(d, F_TOPOLOGY) ? vdev_config8(d, CONFIG_PHYSICAL_EXP) : 0;
    uint32_t seg_max = vdev_has(d, F_SEG_MAX) ? vdev_config32(d, CONFIG_SEG_MAX) : 0;
    b->seg_max = seg_max && seg_max < VBLK_SEGS ? seg_max : VBLK_SEGS;
    b->discard_max = vdev_has(d, F_DISCARD) ? vdev_config32(d, CONFIG_DISCARD_MAX) : 0;
    b->zero_max = vdev_has(d, F_WRITE_ZEROES) ? vdev_config32(d, CONFIG_ZEROES_MAX) : 0;
    b->may_unmap = b->zero_max && vdev_config8(d, CONFIG_MAY_UNMAP);
    *blk = (struct blk){
        .sectors = vdev_config64(d, CONFIG_CAPACITY),
        .block_size = exponent || b->disk.logical > BLK_SECTOR ? 4096 : BLK_SECTOR,
        .readonly = vdev_has(d, F_RO), .volatile_cache = vdev_has(d, F_FLUSH),
        .can_discard = b->discard_max, .can_zero = b->zero_max,
    };
}

/* Printable, without blanks at either end: it is typed into configurations. */
static void set_serial(char out[BLK_SERIAL + 1], const char id[BLK_SERIAL])
{
    size_t n = strnlen(id, BLK_SERIAL), from = 0, k = 0;
    while (from < n && id[from] == ' ')
        from++;
    while (n > from && id[n - 1] == ' ')
        n--;
    for (; from < n; from++)
        out[k++] = id[from] > ' ' && id[from] < 0x7f ? id[from] : '?';
    out[k] = 0;
}

const char *vblk_start(struct vblk *b, const char *name)
{
    struct blk blk;
    char id[BLK_SERIAL];
    const char *why = vdev_negotiate(&b->dev, F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY |
                                           F_DISCARD | F_WRITE_ZEROES);
    if (why)
        return why;
    read_config(b, &blk);
    why = vdev_start(&b->dev, 1);
    if (why)
        return why;
    if (!vdev_has(&b->dev, VDEV_F_INDIRECT) && b->seg_max > b->dev.q[0].size - 2u)
        b->seg_max = b->dev.q[0].size > 2 ? b->dev.q[0].size - 2u : 1;
    for (unsigned i = 0; i < VBLK_PARTS; i++)
        vblk_free_part(b, &b->part[i]);
    b->due = NEVER;
    b->disk.ops = &vblk_disk_ops;
    b->disk.driver = b;
    b->disk.kind = "virtio-blk";
    fmt(b->disk.model, sizeof(b->disk.model), "virtio-blk");
    disk_init(&b->disk, &b->whole, name, &blk);
    if (vblk_read_id(b, id))
        set_serial(b->whole.blk.serial, id);
    return b->state == VBLK_READY ? NULL : "it does not answer";
}
