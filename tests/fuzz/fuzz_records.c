/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Saved records of arbitrary bytes: loading reads nothing outside, and what was
 * accepted is sound enough to be used and saved again.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/inject.h"
#include "socle/vmclock.h"

static void use_events(struct inject_queue *q)
{
    struct inject_gates open = { .if_flag = true };
    struct inject_event e;
    bool irq, nmi;

    for (int i = 0; i < 8 && inject_choose(q, &open, &e, &irq, &nmi) == INJECT_EVENT; i++) {
        hv_assert(e.kind > EVENT_NONE && e.kind < EVENT_KINDS && e.insn_len <= 15);
        inject_taken(q, &e);
    }
    hv_assert(!inject_pending(q) || q->shutdown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inject_queue q;
    struct vmclock c;
    uint8_t out[256];
    struct state_out o = { .buf = out, .cap = sizeof(out) };
    struct state_in in = { .buf = data, .len = size };

    if (inject_load(&q, &in) == HV_OK) {
        inject_save(&q, &o);
        hv_assert(o.len == in.pos && memcmp(out, data, o.len) == 0);
        use_events(&q);
    }
    in = (struct state_in){ .buf = data, .len = size };
    hv_assert(vmclock_init(&c, 3000000000) == HV_OK);
    if (vmclock_load(&c, &in) == HV_OK) {
        o.len = 0;
        vmclock_save(&c, &o);
        hv_assert(o.len == in.pos && memcmp(out, data, o.len) == 0);
        uint64_t ns = vmclock_ns(&c, 0);
        vmclock_thaw(&c, 12345);
        hv_assert(vmclock_ns(&c, 12345) == ns);
        hv_assert(vmclock_ns(&c, vmclock_host_tsc(&c, ns)) >= ns);
    }
    return 0;
}
