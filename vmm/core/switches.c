/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's virtual switches: made at boot, served by the CPU's loop. */
#include "socle/hostmem.h"
#include "socle/log.h"
#include "socle/sched.h"
#include "socle/str.h"
#include "socle/vm_devices.h"

static uint32_t count;
static struct vswitch *switches[CONFIG_SWITCH_MAX];
static const struct config_switch *config[CONFIG_SWITCH_MAX];

/* What has been said of a port's forged frames. */
struct watch { uint64_t seen, quiet_until; };
static struct watch *watch[CONFIG_SWITCH_MAX];
static uint64_t watch_due;

#define WATCH_NS 1000000000ull
#define QUIET_NS 60000000000ull

/* A deadline of a switch has moved forward. */
static void on_due(void) { sched_must_arm = true; }

static struct vswitch *make(const struct config_switch *c)
{
    uint64_t secret;
    void *mem = host_object(vswitch_size());
    if (!mem)
        return NULL;
    struct vswitch *sw = vswitch_init(mem, c->name.text, c->mtu, c->broadcast_limit);
    host_random(&secret, sizeof(secret));
    vswitch_seed(sw, secret);
    vswitch_on_due(sw, on_due);
    return sw;
}

hv_status switches_init(const struct config *c)
{
    for (uint32_t i = 0; i < c->switches; i++) {
        if (c->sw[i].bad)
            continue;
        switches[count] = make(&c->sw[i]);
        if (!switches[count])
            return HV_NOMEM;
        watch[count] = host_object(VSWITCH_PORTS * sizeof(struct watch));
        if (!watch[count])
            return HV_NOMEM;
        config[count++] = &c->sw[i];
    }
    return HV_OK;
}

struct vswitch *switch_find(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(vswitch_name(switches[i]), name) == 0)
            return switches[i];
    return NULL;
}

struct vswitch *switch_at(uint32_t i, const struct config_switch **cfg)
{
    *cfg = i < count ? config[i] : NULL;
    return i < count ? switches[i] : NULL;
}

uint64_t switches_next(void)
{
    uint64_t next = count ? watch_due : UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t due = vswitch_next(switches[i]);
        next = due < next ? due : next;
    }
    return next;
}

/* An address conflict or a forged sender: a line a minute and port at most. */
static void watch_ports(uint32_t i, uint64_t now)
{
    struct vport *p;
    for (uint32_t n = 0; (p = vswitch_port(switches[i], n)) != NULL; n++) {
        struct vport_count c = vport_counters(p);
        uint64_t bad = c.spoofed + c.conflict;
        if (bad == watch[i][n].seen || now < watch[i][n].quiet_until)
            continue;
        log_warn("switch %s: port %s: %lu frames dropped whose source address is not its own%s",
                 vswitch_name(switches[i]), p->c.name, bad - watch[i][n].seen,
                 c.conflict ? " but another port's" : "");
        watch[i][n] = (struct watch){ bad, now + QUIET_NS };
    }
}

void switches_tick(uint64_t now)
{
    if (now >= watch_due) {
        watch_due = now + WATCH_NS;
        for (uint32_t i = 0; i < count; i++)
            watch_ports(i, now);
    }
    for (uint32_t i = 0; i < count; i++)
        if (vswitch_next(switches[i]) <= now)
            vswitch_tick(switches[i], now);
}
