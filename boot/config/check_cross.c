/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conflicts between guests, and between guests and switches: names, addresses, devices
 * and CPUs that only one may have. Called by config_parse() last. The error is the later
 * one's and names the earlier; so the earlier guest still starts.
 */
#include "schema.h"
#include "socle/str.h"
#include "words.h"

static bool same_text(const struct config_str *a, const struct config_str *b)
{
    return a->text && b->text && strcmp(a->text, b->text) == 0;
}

static bool same_pci(const struct config_pci_addr *a, const struct config_pci_addr *b)
{
    return a->segment == b->segment && a->bus == b->bus && a->device == b->device &&
           a->function == b->function;
}

/* ---- switches ------------------------------------------------------------------- */

/* b stands before a. */
static void check_switch_pair(struct reader *r, const struct config_switch *a,
                              const struct config_switch *b)
{
    if (same_text(&a->name, &b->name))
        read_error(r, a->name.pos, "switch \"%s\" is defined twice; first in line %u",
                   a->name.text, b->name.pos.line);
    if (a->uplink == b->uplink &&
        ((a->uplink == CONFIG_UPLINK_PCI && same_pci(&a->uplink_pci, &b->uplink_pci)) ||
         (a->uplink == CONFIG_UPLINK_MAC &&
          memcmp(a->uplink_mac, b->uplink_mac, sizeof(a->uplink_mac)) == 0)))
        read_error(r, a->at[SWITCH_UPLINK], "this network card is the uplink of another switch "
                                            "already (line %u)", b->at[SWITCH_UPLINK].line);
}

static void check_switches(struct reader *r)
{
    struct config *c = r->cfg;

    for (uint32_t i = 0; i < c->switches; i++) {
        r->bad = &c->sw[i].bad;
        check_switch(r, &c->sw[i]);
        for (uint32_t j = 0; j < i; j++)
            check_switch_pair(r, &c->sw[i], &c->sw[j]);
    }
    r->bad = NULL;
}

/* A card on a switch with an error would sit on a network that does not come up. */
static void check_plugged(struct reader *r, const struct config_net *net)
{
    const struct config *c = r->cfg;
    struct nearest near = { .word = net->sw.text, .len = net->sw.len };

    for (uint32_t i = 0; i < c->switches; i++) {
        if (!c->sw[i].name.text)
            continue;
        if (same_text(&c->sw[i].name, &net->sw)) {
            if (c->sw[i].bad)
                read_error(r, net->sw.pos, "switch \"%s\" (line %u) has an error", net->sw.text,
                           c->sw[i].pos.line);
            return;
        }
        nearest_try(&near, c->sw[i].name.text);
    }
    if (near.best)
        read_error(r, net->sw.pos, "there is no switch \"%s\"; did you mean \"%s\"?",
                   net->sw.text, near.best);
    else
        read_error(r, net->sw.pos, "there is no switch \"%s\"; define it with [[switch]] and "
                                   "name = \"%s\"", net->sw.text, net->sw.text);
}

/* ---- MAC addresses -------------------------------------------------------------- */

/* The first card before this one with the same address, and whose it is. */
static const struct config_net *mac_before(const struct config *c, uint32_t guest, uint32_t net,
                                           uint32_t *owner)
{
    const uint8_t *mac = c->guest[guest].net[net].mac;

    for (uint32_t g = 0; g <= guest; g++) {
        const uint32_t end = g == guest ? net : c->guest[g].nets;
        for (uint32_t n = 0; n < end; n++) {
            const struct config_net *other = &c->guest[g].net[n];
            if (other->has_mac && memcmp(other->mac, mac, sizeof(other->mac)) == 0) {
                *owner = g;
                return other;
            }
        }
    }
    return NULL;
}

/* Two cards with one address make a switch send frames to either: never harmless. */
static void check_mac(struct reader *r, uint32_t guest, uint32_t i)
{
    const struct config *c = r->cfg;
    const struct config_net *net = &c->guest[guest].net[i];
    char label[GUEST_LABEL];
    uint32_t owner = 0;

    if (!net->has_mac)
        return;
    const struct config_net *other = mac_before(c, guest, i, &owner);
    if (other)
        read_error(r, net->at[NET_MAC], "%s has this mac already (line %u)",
                   guest_label(&c->guest[owner], label), other->at[NET_MAC].line);
    for (uint32_t s = 0; s < c->switches; s++)
        if (c->sw[s].uplink == CONFIG_UPLINK_MAC &&
            memcmp(c->sw[s].uplink_mac, net->mac, sizeof(net->mac)) == 0)
            read_error(r, net->at[NET_MAC], "this is the mac of the uplink in line %u",
                       c->sw[s].at[SWITCH_UPLINK].line);
}

/* ---- passed-through devices ----------------------------------------------------- */

/* An address that did not parse is all zero: the host bridge, which nobody can have. */
static bool is_set(const struct config_pci_addr *a)
{
    static const struct config_pci_addr none;
    return !same_pci(a, &none);
}

/* One report per device, against the first owner. */
static void check_pci_before(struct reader *r, uint32_t guest, uint32_t i)
{
    const struct config *c = r->cfg;
    const struct config_pci *pci = &c->guest[guest].pci[i];
    char label[GUEST_LABEL];

    for (uint32_t g = 0; g <= guest; g++) {
        const uint32_t end = g == guest ? i : c->guest[g].pcis;
        for (uint32_t p = 0; p < end; p++) {
            if (same_pci(&c->guest[g].pci[p].device, &pci->device)) {
                read_error(r, pci->at[PCI_DEVICE], "%s has this device already (line %u)",
                           guest_label(&c->guest[g], label),
                           c->guest[g].pci[p].at[PCI_DEVICE].line);
                return;
            }
        }
    }
}

static void check_pci(struct reader *r, uint32_t guest, uint32_t i)
{
    const struct config *c = r->cfg;
    const struct config_pci *pci = &c->guest[guest].pci[i];

    if (!is_set(&pci->device))
        return;
    check_pci_before(r, guest, i);
    for (uint32_t s = 0; s < c->switches; s++)
        if (c->sw[s].uplink == CONFIG_UPLINK_PCI && same_pci(&c->sw[s].uplink_pci, &pci->device))
            read_error(r, pci->at[PCI_DEVICE], "this device is the uplink of a switch (line %u)",
                       c->sw[s].at[SWITCH_UPLINK].line);
}

/* ---- guests --------------------------------------------------------------------- */

static bool cpus_overlap(const struct config_cpuset *a, const struct config_cpuset *b,
                         uint32_t *cpu)
{
    for (*cpu = 0; *cpu < CONFIG_CPUS_MAX; ++*cpu)
        if (config_cpuset_has(a, *cpu) && config_cpuset_has(b, *cpu))
            return true;
    return false;
}

/* One wants CPUs for itself that the other says it uses. Guests without pin move aside. */
static void check_dedicated(struct reader *r, const struct guest_config *g,
                            const struct guest_config *other)
{
    char label[GUEST_LABEL];
    uint32_t cpu;

    if ((!g->dedicated && !other->dedicated) || g->at[GUEST_PIN].line == 0 ||
        other->at[GUEST_PIN].line == 0 || !cpus_overlap(&g->pin, &other->pin, &cpu))
        return;
    read_error(r, g->at[GUEST_PIN], "CPU %u is also in the pin of %s (line %u), and %s guest is "
                                    "dedicated", cpu, guest_label(other, label),
               other->at[GUEST_PIN].line, g->dedicated ? "this" : "that");
}

/* `other` stands before g. */
static void check_guest_pair(struct reader *r, const struct guest_config *g,
                             const struct guest_config *other)
{
    char label[GUEST_LABEL];

    if (same_text(&g->name, &other->name))
        read_error(r, g->name.pos, "guest \"%s\" is defined twice; first in line %u",
                   g->name.text, other->name.pos.line);
    if (g->has_uuid && other->has_uuid && memcmp(g->uuid, other->uuid, sizeof(g->uuid)) == 0)
        read_error(r, g->at[GUEST_UUID], "%s has this uuid already (line %u)",
                   guest_label(other, label), other->at[GUEST_UUID].line);
    check_dedicated(r, g, other);
}

/* Every CPU of [host] dedicated leaves a guest without pin nowhere to run. */
static void check_cpu_left(struct reader *r, const struct guest_config *g)
{
    const struct config *c = r->cfg;
    uint32_t taken_by = 0;

    if (g->pin.all == false || g->dedicated || c->host.cpus.all)
        return;
    for (uint32_t cpu = 0; cpu < CONFIG_CPUS_MAX; cpu++) {
        bool taken = !config_cpuset_has(&c->host.cpus, cpu);
        for (uint32_t i = 0; i < c->guests && !taken; i++) {
            const struct guest_config *other = &c->guest[i];
            if (other->dedicated && config_cpuset_has(&other->pin, cpu)) {
                taken = true;
                taken_by = i;
            }
        }
        if (!taken)
            return;
    }
    read_error(r, g->pos, "no CPU is left for this guest: all of [host] (line %u) are dedicated to "
                          "others, the last in line %u", c->host.at[HOST_CPUS].line,
               c->guest[taken_by].at[GUEST_DEDICATED].line);
}

/* Pairs of everything with everything before it: bounded by the CONFIG_*_MAX limits. */
void check_cross(struct reader *r)
{
    struct config *c = r->cfg;

    check_switches(r);
    for (uint32_t i = 0; i < c->guests; i++) {
        struct guest_config *g = &c->guest[i];

        about_guest(r, i);
        for (uint32_t j = 0; j < i; j++)
            check_guest_pair(r, g, &c->guest[j]);
        check_cpu_left(r, g);
        for (uint32_t n = 0; n < g->nets; n++) {
            if (g->net[n].sw.text)
                check_plugged(r, &g->net[n]);
            check_mac(r, i, n);
        }
        for (uint32_t p = 0; p < g->pcis; p++)
            check_pci(r, i, p);
    }
    check_disk_sharing(r);
    r->guest = -1;
    r->bad = NULL;
}
