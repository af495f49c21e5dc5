/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small driver for virtio devices over PCI, for toys that try their rules: it does as little
 * as it can by itself, so that a toy can do each step wrong. Virtio 1.2, chapters 2 and 4.1.
 * A toy is a table of cases; each is printed as "ok NAME" or "FAIL NAME: what".
 */
#ifndef TOY_VIRTIO_H
#define TOY_VIRTIO_H

#include <stddef.h>

#include "toy.h"

/* ---- memory-mapped registers: always one plain access ---- */

static inline void w8(volatile void *p, uint8_t v) { __asm__ volatile("movb %1, (%0)" : : "r"(p), "q"(v) : "memory"); }
static inline void w16(volatile void *p, uint16_t v) { __asm__ volatile("movw %1, (%0)" : : "r"(p), "r"(v) : "memory"); }
static inline void w32(volatile void *p, uint32_t v) { __asm__ volatile("movl %1, (%0)" : : "r"(p), "r"(v) : "memory"); }
static inline void w64(volatile void *p, uint64_t v) { __asm__ volatile("movq %1, (%0)" : : "r"(p), "r"(v) : "memory"); }

static inline uint8_t r8(const volatile void *p)
{
    uint8_t v;
    __asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(p) : "memory");
    return v;
}

static inline uint16_t r16(const volatile void *p)
{
    uint16_t v;
    __asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(p) : "memory");
    return v;
}

static inline uint32_t r32(const volatile void *p)
{
    uint32_t v;
    __asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(p) : "memory");
    return v;
}

static inline uint64_t r64(const volatile void *p)
{
    uint64_t v;
    __asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(p) : "memory");
    return v;
}

static inline volatile uint8_t *at(uint64_t address) { return (volatile uint8_t *)address; }

/* ---- cases ---- */

struct test { const char *name; void (*run)(void); };

/* Notes what is wrong with the case that runs; the first counts. */
void want(bool good, const char *what);
/* Runs one case of a table of its own; `run` is told nothing, it knows. */
void run_case(const char *name, void (*run)(void));
void run_cases(const struct test *t, unsigned n);
/* "NAME done, n cases" */
void cases_done(const char *name);

/* Until a bound is reached, some seconds: while (wait_more(&w)) … */
struct wait { uint64_t end; };
bool wait_more(struct wait *w);

/* ---- devices ---- */

enum { NET = 1, BLK = 2, RNG = 4 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40, FAILED = 0x80 };
enum { NO_VECTOR = 0xffff };

#define BIT(n)          (1ull << (n))
#define F_INDIRECT      BIT(28)
#define F_EVENT_IDX     BIT(29)
#define F_VERSION_1     BIT(32)
#define F_RING_RESET    BIT(40)

/* 4.1.4.3: struct virtio_pci_common_cfg */
enum {
    DEVICE_SELECT = 0, DEVICE_FEATURES = 4, DRIVER_SELECT = 8, DRIVER_FEATURES = 12, CONFIG_VECTOR = 16,
    NUM_QUEUES = 18, STATUS = 20, GENERATION = 21, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30, QUEUE_DESC = 32, QUEUE_AVAIL = 40, QUEUE_USED = 48,
    QUEUE_NOTIFY_DATA = 56, QUEUE_RESET = 58,
};

struct vdev {
    uint32_t pci;                       /* CONFIG_ADDRESS of its register 0 */
    volatile uint8_t *common, *notify, *isr, *config, *table, *pending;
    uint32_t multiplier, config_len, vectors;
    uint8_t window, msi, msix;          /* offsets of capabilities; 0: has none */
};

/* The n-th of its type on bus 0, as it is; false: there is none. */
bool vdev_find(struct vdev *d, unsigned type, unsigned n);

uint32_t pci_read(const struct vdev *d, unsigned offset, unsigned size);
void pci_write(const struct vdev *d, unsigned offset, unsigned size, uint32_t value);
uint64_t bar_of(const struct vdev *d, unsigned n);

uint8_t status(const struct vdev *d);
void set_status(const struct vdev *d, uint8_t bits);        /* beside those that are set */
void vdev_reset(const struct vdev *d);                      /* and MSI and MSI-X off */
uint64_t offered(const struct vdev *d);
void accept(const struct vdev *d, uint64_t features);
uint64_t accepted(const struct vdev *d);
/* From reset to FEATURES_OK, with those of the features that are offered. */
bool negotiate(const struct vdev *d, uint64_t features);

/* ---- queues ---- */

enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4, RING = 256 };

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct rings {
    struct desc desc[RING];
    struct { uint16_t flags, index, ring[RING + 1]; } avail __attribute__((aligned(4)));
    struct { uint16_t flags, index; struct { uint32_t id, len; } ring[RING + 1]; } used;
} __attribute__((aligned(4096)));

struct queue {
    const struct vdev *d;
    uint16_t n, size, next, seen;       /* next: available index; seen: used index */
    volatile struct rings *r;
};

void queue_select(const struct vdev *d, uint16_t n);
/* Where the rings of the selected queue are. */
void queue_place(const struct vdev *d, uint64_t desc, uint64_t avail, uint64_t used);
/* Empty rings in r, of this size (0: the largest), enabled. */
void queue_init(struct queue *q, const struct vdev *d, uint16_t n, uint16_t size, volatile struct rings *r);
void put_desc(volatile struct desc *to, uint64_t addr, uint64_t len, unsigned flags, unsigned next);
static inline void put(struct queue *q, unsigned i, const volatile void *addr, uint64_t len, unsigned flags, unsigned next)
{
    put_desc(&q->r->desc[i], (uint64_t)addr, len, flags, next);
}
void offer(struct queue *q, uint16_t head);
void notify(const struct queue *q);
volatile uint16_t *used_event(const struct queue *q);
volatile uint16_t *avail_event(const struct queue *q);
/* The next used element; false: none in time, or the device wants a reset. */
bool used(struct queue *q, uint32_t *id, uint32_t *len);
bool wants_reset(const struct vdev *d);                     /* in time */
/* Offers one, notifies, and waits; the used length, or NOTHING. */
#define NOTHING 0xffffffffu
uint32_t request(struct queue *q, uint16_t head);
/* Time in which something would happen that does not. */
void idle(void);

/* ---- interrupts; they are off but in these functions ---- */

enum { VECTORS = 4, VECTOR = 0x50, LAPIC = 0xfee00000 };
/* MSI-X on, table entry i to vector i of ours, all unmasked. */
void msix_on(const struct vdev *d);
void interrupts_init(void);
unsigned interrupted(unsigned i);       /* how often since the last time; waits for the first */
unsigned interrupted_now(unsigned i);   /* waits idle() */

/* ---- block device, 5.2 ---- */

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11, BLK_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP, S_NONE = 0xee };
struct blk_header { uint32_t type, reserved; uint64_t sector; };

extern volatile struct blk_header blk_header;
extern volatile uint8_t blk_status;
/* Starts the device with one queue. */
void blk_start(struct queue *q, const struct vdev *d, uint64_t features, volatile struct rings *r);
/* Header, data (none if len is 0), status in descriptors 0 to 2; S_NONE: no answer. */
uint8_t blk_request(struct queue *q, uint32_t type, uint64_t sector, volatile void *data, uint32_t len, uint32_t *written);
/* Writes a pattern and reads it back. */
bool blk_works(struct queue *q);

void fill(volatile void *to, uint64_t n, uint8_t seed);     /* bytes that seed determines */
bool filled(const volatile void *p, uint64_t n, uint8_t seed);
void clear(volatile void *to, uint64_t n, uint8_t value);

#endif
