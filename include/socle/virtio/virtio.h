/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device over PCI, modern interface only (virtio 1.2, chapters 2 and 4.1): the PCI
 * function with its capabilities, status, features, queues' set-up, interrupts. What the
 * device does is behind struct virtio_ops.
 *
 * Locking: v->lock guards features, the selection registers and changes of status (which is
 * read, and NEEDS_RESET set, without it); it is taken before a queue's lock. ops->notify
 * comes without locks of this device: the device takes its queue's. The others come under
 * v->lock; reset, queue_reset and start find no queue lock held. By way of the window in
 * configuration space (4.1.4.9) all of them may come under the PCI bus's lock.
 */
#ifndef SOCLE_VIRTIO_VIRTIO_H
#define SOCLE_VIRTIO_VIRTIO_H

#include "socle/bits.h"
#include "socle/dev.h"
#include "socle/device/pci.h"
#include "socle/virtio/virtq.h"

enum { VIRTIO_QUEUES_MAX = 16, VIRTIO_NO_VECTOR = 0xffff };

enum {                                  /* 5: device types; PCI device ID is 0x1040 + type */
    VIRTIO_ID_NET = 1, VIRTIO_ID_BLK = 2, VIRTIO_ID_RNG = 4,
};

enum {                                  /* 2.1: device status */
    VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 0x40, VIRTIO_FAILED = 0x80,
};

/* 6: features of every device */
#define VIRTIO_F_INDIRECT_DESC  BIT64(28)
#define VIRTIO_F_EVENT_IDX      BIT64(29)
#define VIRTIO_F_VERSION_1      BIT64(32)
#define VIRTIO_F_RING_RESET     BIT64(40)

struct virtio;

struct virtio_ops {
    /* The driver notified queue n. Without locks; any vCPU, several at once. */
    void (*notify)(struct virtio *v, unsigned n);
    /* Device configuration; the access lies within config_len. Null write: read-only. */
    void (*config_read)(struct virtio *v, unsigned offset, void *buf, unsigned n);
    void (*config_write)(struct virtio *v, unsigned offset, const void *buf, unsigned n);
    /* Features are agreed on (v->features); false refuses the combination (3.1.1 step 5). */
    bool (*features_ok)(struct virtio *v);
    /* DRIVER_OK was set: queues may be used. May be null. */
    void (*start)(struct virtio *v);
    /*
     * Forget everything that is under way; the queues are reset after this. False: not yet,
     * requests are still in the hands of a real device; virtio_reset_done() follows, and
     * until then the driver reads a status that is not 0 (2.4.2).
     */
    bool (*reset)(struct virtio *v);
    /* The same for one queue (2.6.1). Null: VIRTIO_F_RING_RESET is not offered. */
    bool (*queue_reset)(struct virtio *v, unsigned n);
};

struct virtio_config {
    uint16_t type;                      /* VIRTIO_ID_* */
    uint32_t class_code;                /* PCI: base, sub, interface */
    uint64_t features;                  /* of the device type; the ones above are added */
    unsigned queues;
    unsigned config_len;                /* bytes of device configuration */
    const struct virtio_ops *ops;
    const struct dev_env *env;
    const char *name;                   /* for log lines, such as "disk 0" */
};

struct virtio {
    struct pci_function pci;
    struct spinlock     lock;
    struct virtio_config c;
    uint64_t            offered, features;      /* features: what the driver accepted so far */
    uint8_t             status;
    uint8_t             generation;     /* of the device configuration, 2.5.1 */
    uint8_t             isr;            /* 4.1.4.5; under the function's irq_lock */
    uint8_t             window_cap;     /* VIRTIO_PCI_CAP_PCI_CFG, in configuration space */
    uint16_t            config_vector;
    uint16_t            select;         /* queue */
    uint32_t            feature_select, driver_select;
    bool                resetting;      /* put off by ops->reset */
    uint16_t            queue_resetting;        /* bit per queue: put off by ops->queue_reset */
    const char         *broken;         /* why it wanted a reset, the last time; whoever logs it takes it */
    struct virtq        q[VIRTIO_QUEUES_MAX];
};

/* VM set-up; the caller adds v->pci to the bus. queue_max: size of each queue offered. */
void virtio_init(struct virtio *v, const struct virtio_config *c, uint16_t queue_max);
/* The machine's reset line: as after power-up. False: as ops->reset. */
MUST_CHECK bool virtio_machine_reset(struct virtio *v);
/* A reset that ops->reset or ops->queue_reset put off is complete. Without locks. */
void virtio_reset_done(struct virtio *v);
void virtio_queue_reset_done(struct virtio *v, unsigned n);

/* Used buffers are to be looked at (after virtq_publish() said so). q->lock may be held. */
void virtio_interrupt(struct virtio *v, struct virtq *q);
/* The device configuration has changed: new generation and an interrupt. Any lock held. */
void virtio_config_changed(struct virtio *v);
/*
 * The driver broke a rule: NEEDS_RESET, a configuration interrupt, and no queue is served any
 * more until the reset (2.1.2). Any lock held. Nothing happens before DRIVER_OK.
 */
void virtio_broken(struct virtio *v, const char *why);

/* May queue n be served: DRIVER_OK, enabled, nothing broken? Its lock held. */
static inline bool virtio_ready(const struct virtio *v, unsigned n)
{
    const struct virtq *q = &v->q[n];
    uint8_t status = __atomic_load_n(&v->status, __ATOMIC_ACQUIRE);
    return q->enabled && !q->broken && (status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}
static inline bool virtio_has(const struct virtio *v, uint64_t feature) { return v->features & feature; }

/* Everything but what pci_save() keeps. The device must be quiet. */
void virtio_save(const struct virtio *v, struct state_out *o);
MUST_CHECK hv_status virtio_load(struct virtio *v, struct state_in *in);

#endif
