/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One queue of the block device at work: takes requests, hands them to the backend in pieces,
 * and gives them back when their last piece has ended, in whatever order that happens.
 * Called by notifications and deferred work (virtio_blk.c) and by the backend.
 *
 * A queue comes to rest in one of these ways, and each has somebody who wakes it: empty (the
 * driver's notification), out of budget (deferred work), no slot or no room in the backend
 * (done, resume), over its rate (the alarm), broken (the reset).
 */
#include "vmm/virtio/virtio_blk_priv.h"

#include "socle/str.h"

/* What one call does before others get their turn. */
enum { BUDGET_REQUESTS = 8, BUDGET_BYTES = 1 << 20 };

enum progress { GOES_ON, EMPTY, RESTS };

struct budget { int requests; int64_t bytes; };

static bool left_of(const struct budget *b) { return b->requests > 0 && b->bytes > 0; }

static enum progress stall(struct virtio_blk_queue *q)
{
    q->stalled = true;
    return RESTS;
}

/* ---- slots ---------------------------------------------------------------------- */

static void free_slot(struct virtio_blk_slot *s)
{
    s->next = s->queue->free;
    s->queue->free = s;
}

static struct virtio_blk_slot *take_slot(struct virtio_blk_queue *q)
{
    struct virtio_blk_slot *s = q->free;

    if (s)
        q->free = s->next;
    return s;
}

/* ---- the end of a request ------------------------------------------------------- */

/* Gives the chain back. Without a place for the status there is nothing to give (2.1.2). */
static void answer(struct virtio_blk_queue *q, uint16_t head, gpa_t status_at, enum virtio_blk_status s,
                   uint32_t written)
{
    struct virtq *vq = virtio_blk_vq(q);
    size_t n = 1;
    uint8_t *p = gmem_span(vq->mem, status_at, true, &n);

    if (unlikely(!p)) {
        vq->broken = "status byte of a request is not in RAM";
        return;
    }
    *(volatile uint8_t *)p = (uint8_t)s;
    virtq_put(vq, head, written);
}

static void complete(struct virtio_blk_queue *q, struct virtio_blk_slot *s)
{
    static const uint8_t status[] = {
        [BLK_OK] = VIRTIO_BLK_S_OK, [BLK_IOERR] = VIRTIO_BLK_S_IOERR, [BLK_UNSUPPORTED] = VIRTIO_BLK_S_UNSUPP,
    };
    bool good = s->result == BLK_OK;

    answer(q, s->head, s->status_at, status[s->result], good ? s->written : 1);
    free_slot(s);
}

/* ---- pieces --------------------------------------------------------------------- */

static bool is_left(const struct virtio_blk_job *j) { return j->sectors || j->range < j->ranges || j->flush; }

/* Makes r the next piece. */
static void shape(struct virtio_blk_job *j, struct blk_request *r)
{
    if (!j->sectors && j->range < j->ranges) {
        const struct virtio_blk_range *range = &j->ranges_left[j->range++];
        j->sector = range->sector;
        j->sectors = range->sectors;
        j->unmap = range->unmap;
    }
    r->op = j->sectors ? j->op : BLK_FLUSH;
    r->sector = j->sectors ? j->sector : 0;
    r->sectors = min_u64(j->sectors, BLK_PIECE / BLK_SECTOR);
    r->unmap = j->unmap;
    r->data = j->data;
}

/* The backend has taken the piece, or done it; false cannot be: the data is as long as it was. */
static bool pass(struct virtio_blk_job *j, const struct blk_request *r)
{
    if (r->op == BLK_FLUSH) {
        j->flush = false;
        return true;
    }
    j->sector += r->sectors;
    j->sectors -= r->sectors;
    return !j->sectors || j->op == BLK_WRITE_ZEROES || j->op == BLK_DISCARD ||
           virtq_skip(&j->data, r->sectors * BLK_SECTOR);
}

static void note_result(struct virtio_blk_slot *request, enum blk_result result)
{
    if (request->result == BLK_OK)
        request->result = result;
}

/* Hands one piece to the backend; GOES_ON: it has it, or did it. */
static enum progress submit(struct virtio_blk_queue *q, struct budget *b)
{
    struct virtio_blk_job *j = &q->job;
    struct virtio_blk_slot *request = j->request;
    struct virtio_blk_slot *s = request->busy ? take_slot(q) : request;
    struct blk *blk = q->d->c.blk;

    if (unlikely(!s))
        return stall(q);
    shape(j, &s->r);
    s->request = request;
    enum blk_submit done = blk->ops->submit(blk, &s->r);
    if (done == BLK_STARTED) {
        s->busy = true;
        q->in_flight++;
        request->pieces++;
    } else if (done == BLK_DONE) {
        note_result(request, s->r.result);
    }
    bool taken = done == BLK_BUSY || pass(j, &s->r);
    b->bytes -= (int64_t)(s->r.sectors * BLK_SECTOR);
    if (done != BLK_STARTED && s != request)
        free_slot(s);
    if (unlikely(!taken))
        note_result(request, BLK_IOERR);
    return done == BLK_BUSY ? stall(q) : GOES_ON;
}

/* A flush comes after what it is to flush. */
static bool must_wait(const struct virtio_blk_job *j)
{
    return j->flush && !j->sectors && j->range == j->ranges && j->request->pieces;
}

/* Submits pieces of the job, to its end if nothing is in the way. */
static enum progress advance(struct virtio_blk_queue *q, struct budget *b)
{
    struct virtio_blk_job *j = &q->job;
    struct virtio_blk_slot *request = j->request;

    while (request->result == BLK_OK && is_left(j)) {
        if (b->bytes <= 0)
            return GOES_ON;
        if (must_wait(j))
            return stall(q);
        enum progress p = submit(q, b);
        if (p != GOES_ON)
            return p;
    }
    j->request = NULL;
    request->submitted = true;
    if (!request->pieces)
        complete(q, request);
    return GOES_ON;
}

/* ---- taking requests ------------------------------------------------------------ */

static const char *misshapen(const struct virtq_chain *c, gpa_t *status_at)
{
    if (c->out_len < VIRTIO_BLK_HEADER)
        return "request is too short for its header";
    if (!c->in_len)
        return "request has no room for its status";
    const struct virtq_seg *last = &c->seg[c->out + c->in - 1];
    if (!add_u64(last->at.v, last->len - 1, &status_at->v))
        return "status byte of a request is not in RAM";
    return NULL;
}

/* Makes the next request the job, or answers it right away. */
static enum progress begin(struct virtio_blk_queue *q)
{
    struct virtq *vq = virtio_blk_vq(q);
    uint32_t written;
    uint64_t bytes;
    gpa_t status_at;

    if (unlikely(!q->free))
        return stall(q);
    enum virtq_got got = virtq_take(vq, &q->chain);
    if (got != VIRTQ_GOT)
        return got == VIRTQ_EMPTY ? EMPTY : RESTS;
    vq->broken = misshapen(&q->chain, &status_at);
    if (unlikely(vq->broken))
        return RESTS;
    enum virtio_blk_status status = virtio_blk_parse(q, &written, &bytes);
    if (status != VIRTIO_BLK_GO) {
        answer(q, q->chain.head, status_at, status, status == VIRTIO_BLK_S_OK ? written : 1);
        return GOES_ON;
    }
    if (unlikely(q->d->limited) && !virtio_blk_allowed(q->d, bytes)) {
        virtq_rewind(vq, 1);
        return RESTS;
    }
    struct virtio_blk_slot *s = take_slot(q);
    s->submitted = s->busy = false;
    s->head = q->chain.head;
    s->pieces = 0;
    s->result = BLK_OK;
    s->written = written;
    s->status_at = status_at;
    q->job.request = s;
    return GOES_ON;
}

/* ---- the queue ------------------------------------------------------------------ */

static void show(struct virtio_blk_queue *q)
{
    struct virtq *vq = virtio_blk_vq(q);

    if (virtq_publish(vq))
        virtio_interrupt(&q->d->v, vq);
    if (unlikely(vq->broken))
        virtio_broken(&q->d->v, vq->broken);
}

bool virtio_blk_serve(struct virtio_blk_queue *q)
{
    struct virtq *vq = virtio_blk_vq(q);
    struct budget b = { BUDGET_REQUESTS, BUDGET_BYTES };
    enum progress p = GOES_ON;

    if (unlikely(q->drain || !virtio_ready(&q->d->v, q->n)))
        return false;
    q->stalled = false;
    virtq_notify_disable(vq);
    while (p == GOES_ON && left_of(&b)) {
        if (!q->job.request)
            p = begin(q);
        if (p == GOES_ON && q->job.request)
            p = advance(q, &b);
        if (p == EMPTY && virtq_notify_enable(vq))
            p = GOES_ON;
        b.requests--;
    }
    /* Out of budget just as the queue is empty: no need to come back. */
    bool more = p == GOES_ON && (q->job.request || virtq_pending(vq) || virtq_notify_enable(vq));
    show(q);
    return more;
}

/* The backend's answer to BLK_STARTED. */
static void done(struct blk_request *r)
{
    struct virtio_blk_slot *s = container_of(r, struct virtio_blk_slot, r), *request = s->request;
    struct virtio_blk_queue *q = s->queue;
    enum virtio_blk_drain drained = VIRTIO_BLK_RUN;

    spin_lock(&virtio_blk_vq(q)->lock);
    bool alive = !q->drain && virtio_ready(&q->d->v, q->n);
    s->busy = false;
    q->in_flight--;
    request->pieces--;
    note_result(request, r->result);
    if (s != request)
        free_slot(s);
    if (request->submitted && !request->pieces) {
        if (alive)
            complete(q, request);
        else
            free_slot(request);
    }
    if (alive) {
        show(q);
        if (q->stalled)
            dev_defer(q->d->env, &q->work);
    } else if (q->drain && !q->in_flight) {
        drained = q->drain;
        q->drain = VIRTIO_BLK_RUN;
    }
    spin_unlock(&virtio_blk_vq(q)->lock);
    if (drained)
        virtio_blk_drained(q, drained);
}

void virtio_blk_forget(struct virtio_blk_queue *q)
{
    struct virtio_blk_slot *s = q->job.request;

    q->stalled = false;
    q->job.request = NULL;
    if (!s)
        return;
    s->submitted = true;
    if (!s->pieces)
        free_slot(s);
}

void virtio_blk_queue_init(struct virtio_blk_queue *q)
{
    for (unsigned i = VIRTIO_BLK_SLOTS; i--;) {
        struct virtio_blk_slot *s = &q->slot[i];
        s->queue = q;
        s->r.q = virtio_blk_vq(q);
        s->r.done = done;
        s->r.owner = q;
        free_slot(s);
    }
}
