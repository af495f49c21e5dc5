/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_env.h. */
#include "fake/fake_env.h"

#include <stdlib.h>

#include "socle/assert.h"
#include "socle/bits.h"

static void irq(void *ctx, uint32_t gsi, bool level)
{
    struct fake_env *f = ctx;
    hv_assert(gsi < FAKE_LINES);
    if (level && !f->line[gsi])
        f->rises[gsi]++;
    f->line[gsi] = level;
}

static void msi(void *ctx, uint64_t addr, uint32_t data)
{
    struct fake_env *f = ctx;
    f->msi_addr = addr;
    f->msi_data = data;
    f->msis++;
}

static uint64_t now(void *ctx) { return ((struct fake_env *)ctx)->now; }

static void set_alarm(void *ctx, struct alarm *a, uint64_t due)
{
    alarm_set(&((struct fake_env *)ctx)->alarms, a, due);
}

static void misuse(void *ctx, const char *device, const char *why) { ((struct fake_env *)ctx)->misused++; }

static void defer(void *ctx, struct dev_work *w)
{
    struct fake_env *f = ctx;
    if (w->queued)
        return;
    w->queued = true;
    w->next = NULL;
    struct dev_work **end = &f->work;
    while (*end)
        end = &(*end)->next;
    *end = w;
}

bool fake_env_work(struct fake_env *f)
{
    struct dev_work *w = f->work;
    if (!w)
        return false;
    f->work = w->next;
    w->queued = false;
    if (w->step(w->owner))
        defer(f, w);
    return true;
}

struct fake_env *fake_env_new(void)
{
    struct fake_env *f = calloc(1, sizeof(*f));
    hv_assert(f);
    f->ram = aligned_alloc(BLOCK_SIZE, FAKE_RAM);
    hv_assert(f->ram);
    for (size_t i = 0; i < FAKE_RAM; i++)
        f->ram[i] = 0;
    f->mem.window = f->ram;
    for (uint32_t i = 0; i < ARRAY_LEN(f->blocks); i++)
        f->blocks[i] = hpa((uint64_t)i << BLOCK_SHIFT);
    hv_assert(gmem_add(&f->mem, gpa(0), FAKE_RAM, f->blocks, false) == HV_OK);
    alarm_queue_init(&f->alarms, f->heap, FAKE_ALARMS);
    f->env = (struct dev_env){ f, irq, msi, now, set_alarm, defer, misuse, &f->mem };
    return f;
}

void fake_env_free(struct fake_env *f)
{
    free(f->ram);
    free(f);
}

void fake_env_advance(struct fake_env *f, uint64_t ns)
{
    uint64_t end = f->now + ns;
    while (alarm_next(&f->alarms) <= end) {
        f->now = max_u64(f->now, alarm_next(&f->alarms));
        struct alarm *a = alarm_take(&f->alarms, f->now);
        a->fire(a->owner, f->now);
    }
    f->now = end;
}

uint64_t fake_read(bus_handler h, void *dev, uint64_t offset, unsigned size)
{
    struct bus_access a = { offset, ones_of_size(size), (uint8_t)size, false };
    h(dev, &a);
    return a.value & ones_of_size(size);
}

void fake_write(bus_handler h, void *dev, uint64_t offset, unsigned size, uint64_t value)
{
    struct bus_access a = { offset, value & ones_of_size(size), (uint8_t)size, true };
    h(dev, &a);
}
