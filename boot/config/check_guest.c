/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contradictions inside one guest: what it boots, and its CPUs. Called by config_parse()
 * after all keys were read. Errors stand at the later of the two keys and name the line
 * of the earlier.
 */
#include "schema.h"

static bool given(const struct guest_config *g, enum config_guest_key key)
{
    return g->at[key].line != 0;
}

static const char *const guest_key_names[] = {
    [GUEST_KERNEL] = "kernel", [GUEST_INITRD] = "initrd", [GUEST_MODULES] = "modules",
    [GUEST_CMDLINE] = "cmdline", [GUEST_FIRMWARE] = "firmware", [GUEST_CAP] = "cap",
    [GUEST_DEDICATED] = "dedicated",
};

static bool is_later(struct config_pos a, struct config_pos b)
{
    return a.line != b.line ? a.line > b.line : a.col > b.col;
}

/* Two keys that exclude each other. */
static void exclusive(struct reader *r, const struct guest_config *g, enum config_guest_key a,
                      enum config_guest_key b, const char *why)
{
    if (!given(g, a) || !given(g, b))
        return;
    const bool a_later = is_later(g->at[a], g->at[b]);
    const enum config_guest_key later = a_later ? a : b, earlier = a_later ? b : a;

    read_error(r, g->at[later], "%s and %s (line %u) exclude each other: %s",
               guest_key_names[later], guest_key_names[earlier], g->at[earlier].line, why);
}

static void check_boot(struct reader *r, const struct guest_config *g)
{
    static const enum config_guest_key kernels_own[] = { GUEST_INITRD, GUEST_MODULES,
                                                         GUEST_CMDLINE };

    if (!given(g, GUEST_KERNEL) && !given(g, GUEST_FIRMWARE)) {
        read_error(r, g->pos, "this [[guest]] has nothing to boot; it needs kernel, for example "
                              "kernel = \"vmlinuz\"");
        return;
    }
    exclusive(r, g, GUEST_KERNEL, GUEST_FIRMWARE, "a guest boots one of them");
    exclusive(r, g, GUEST_INITRD, GUEST_MODULES,
              "initrd is for Linux, modules are for Multiboot kernels");
    for (unsigned i = 0; i < ARRAY_LEN(kernels_own); i++)
        if (given(g, kernels_own[i]) && !given(g, GUEST_KERNEL))
            read_error(r, g->at[kernels_own[i]], "%s goes with a kernel, and this guest has only "
                                                 "firmware (line %u)",
                       guest_key_names[kernels_own[i]], g->at[GUEST_FIRMWARE].line);
    if (given(g, GUEST_FIRMWARE) && g->disks == 0 && !g->bad)
        read_warning(r, g->at[GUEST_FIRMWARE], "the firmware will find nothing to boot: this "
                                               "guest has no [[guest.disk]]");
}

static uint32_t count_cpus(const struct config_cpuset *s)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < ARRAY_LEN(s->bits); i++)
        for (uint64_t left = s->bits[i]; left; left &= left - 1)    /* drops the lowest bit */
            n++;
    return n;
}

/* Whether the CPUs exist is known only on the machine; what the file itself says, here. */
static void check_pin(struct reader *r, const struct guest_config *g)
{
    const struct config_host *host = &r->cfg->host;

    if (g->pin.all || host->cpus.all)
        return;
    for (uint32_t cpu = 0; cpu < CONFIG_CPUS_MAX; cpu++) {
        if (config_cpuset_has(&g->pin, cpu) && !config_cpuset_has(&host->cpus, cpu)) {
            read_error(r, g->at[GUEST_PIN], "pin names CPU %u, which is not among the cpus of "
                                            "[host] (line %u)", cpu, host->at[HOST_CPUS].line);
            return;
        }
    }
}

/* Shares and CPUs that cannot be had together. */
static void check_cpus(struct reader *r, const struct guest_config *g)
{
    check_pin(r, g);
    if (g->cap > 100 * g->cpus)
        read_error(r, g->at[GUEST_CAP], "cap = %u is more than cpus = %u can use (%u)", g->cap,
                   g->cpus, 100 * g->cpus);
    if (!g->dedicated)
        return;
    if (!given(g, GUEST_PIN))
        read_error(r, g->at[GUEST_DEDICATED], "dedicated needs pin to say which CPUs, for example "
                                              "pin = \"2-3\"");
    else if (!g->pin.all && count_cpus(&g->pin) < g->cpus)
        read_error(r, g->at[GUEST_DEDICATED], "dedicated: %u CPUs in pin (line %u) are too few "
                                              "for cpus = %u", count_cpus(&g->pin),
                   g->at[GUEST_PIN].line, g->cpus);
    if (g->cap != 0)
        exclusive(r, g, GUEST_CAP, GUEST_DEDICATED, "nobody else may use the time that cap saves");
}

void check_guest(struct reader *r, struct guest_config *g)
{
    check_boot(r, g);
    check_cpus(r, g);
    check_disks(r, g);
    check_nets(r, g);
}
