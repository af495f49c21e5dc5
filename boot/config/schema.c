/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schema pass: walks the tree section by section and fills struct config. Called by
 * config_parse() once the file has proved to be TOML. What must hold between keys is in
 * check_*.c.
 */
#include "schema.h"

#include "socle/fmt.h"

/* [guest.web] in place of [[guest]] with a name: what other formats do. */
static bool is_named_section(const struct toml_node *n)
{
    for (const struct toml_node *c = n->u.list.first; c; c = c->next)
        if (c->type != TOML_TABLE)
            return false;
    return n->u.list.first != NULL;
}

static bool wrong_section(struct reader *r, const char *label, const struct toml_node *n)
{
    if (n->type == TOML_TABLE && n->origin == TOML_IMPLICIT && is_named_section(n)) {
        const struct config_str *name = &n->u.list.first->key;
        return read_error(r, name->pos, "write %s, and below it name = \"%.40s\"", label,
                          name->text);
    }
    if (n->type == TOML_TABLE)
        return read_error(r, n->pos, "write %s with two brackets: there may be several", label);
    return read_error(r, n->pos, "\"%s\" is a section, not a value: write %s and its keys below",
                      n->key.text, label);
}

/* The first of the tables of a [[section]], with their number; null when there are none. */
static const struct toml_node *tables_of(struct reader *r, enum section parent,
                                         enum section section, const struct toml_node *table,
                                         const char *key, uint32_t *count)
{
    const struct toml_node *n = toml_get(table, key);
    const uint32_t max = key_find(parent, key)->max;

    *count = 0;
    if (!n)
        return NULL;
    if (n->type != TOML_ARRAY) {
        wrong_section(r, section_specs[section].label, n);
        return NULL;
    }
    for (const struct toml_node *t = n->u.list.first; t; t = t->next) {
        if (t->type != TOML_TABLE) {
            read_error(r, t->pos, "each entry of \"%s\" must be a section: write %s and its keys "
                                  "below", key, section_specs[section].label);
            return NULL;
        }
        if (*count == max) {
            read_error(r, t->pos, "more than %u sections %s", max, section_specs[section].label);
            return n->u.list.first;
        }
        ++*count;
    }
    return n->u.list.first;
}

/* A section is announced at its header, once; its keys keep quiet unless they must not. */
static void section_landed(struct reader *r, enum section parent, enum section section,
                           const char *key, struct config_pos pos)
{
    const struct key_spec *spec = key_find(parent, key);

    if (!spec->landed)
        schema_not_landed(r, section_specs[section].label, spec, pos);
}

/* [host] is the one section that stands alone; without it all defaults hold. */
static void read_host(struct reader *r, const struct toml_node *root)
{
    const struct toml_node *n = toml_get(root, "host");

    if (!n)
        return;
    if (n->type == TOML_TABLE)
        schema_keys(r, SECTION_HOST, n, &r->cfg->host, r->cfg->host.at, true);
    else if (n->type == TOML_ARRAY)
        read_error(r, n->pos, "there is one machine: write [host] with single brackets");
    else
        read_error(r, n->pos, "\"host\" is a section: write [host] and its keys below");
}

static bool any_vlan(const uint64_t set[CONFIG_VLAN_WORDS])
{
    for (unsigned i = 0; i < CONFIG_VLAN_WORDS; i++)
        if (set[i])
            return true;
    return false;
}

/* An error marks the switch; check_cross.c passes the mark on to who is plugged in. */
static void read_switches(struct reader *r, const struct toml_node *root)
{
    const bool landed = key_find(SECTION_TOP, "switch")->landed;
    uint32_t count;
    const struct toml_node *t = tables_of(r, SECTION_TOP, SECTION_SWITCH, root, "switch", &count);
    struct config_switch *sw = read_alloc(r, count * sizeof(*sw), _Alignof(struct config_switch));

    if (!sw)
        return;
    r->cfg->sw = sw;
    for (; r->cfg->switches < count; t = t->next, sw++) {
        r->cfg->switches++;
        r->bad = &sw->bad;
        sw->pos = t->pos;
        schema_defaults(SECTION_SWITCH, sw);
        section_landed(r, SECTION_TOP, SECTION_SWITCH, "switch", t->pos);
        schema_keys(r, SECTION_SWITCH, t, sw, sw->at, landed);
        sw->uplink_trunk = any_vlan(sw->uplink_trunk_vlan);
    }
    r->bad = NULL;
}

/* "web-disk0". Of a long name the beginning: the number is what tells disks apart. */
static void derive_serial(struct reader *r, const struct guest_config *g, struct config_disk *d)
{
    char end[16];
    const int room = CONFIG_SERIAL_MAX - (int)fmt(end, sizeof(end), "-disk%u", g->disks);
    char *text = g->name.text ? read_alloc(r, CONFIG_SERIAL_MAX + 1, 1) : NULL;

    if (!text)
        return;
    const size_t len = fmt(text, CONFIG_SERIAL_MAX + 1, "%.*s%s", room, g->name.text, end);
    d->serial = (struct config_str){ .text = text, .len = (uint32_t)len };
}

/* Defaults that depend on other keys. */
static void resolve_disk(struct reader *r, const struct guest_config *g, struct config_disk *d)
{
    d->readonly |= d->cdrom;
    if (d->cdrom && d->at[DISK_BUS].line == 0)
        d->bus = CONFIG_BUS_AHCI;
    if (d->at[DISK_OVERLAY].line == 0)
        d->overlay = d->file.text && !d->readonly;
    if (d->at[DISK_OVERLAY_MAX].line == 0)
        d->overlay_max = g->memory / 4;
    if (d->at[DISK_SERIAL].line == 0)
        derive_serial(r, g, d);
}

/* After the guest's own keys, since defaults of disks depend on its memory. */
static void read_disks(struct reader *r, const struct toml_node *guest, struct guest_config *g)
{
    const bool landed = key_find(SECTION_GUEST, "disk")->landed;
    uint32_t count;
    const struct toml_node *t = tables_of(r, SECTION_GUEST, SECTION_DISK, guest, "disk", &count);
    struct config_disk *d = read_alloc(r, count * sizeof(*d), _Alignof(struct config_disk));

    if (!d)
        return;
    g->disk = d;
    for (; g->disks < count; g->disks++, t = t->next, d++) {
        d->pos = t->pos;
        schema_defaults(SECTION_DISK, d);
        section_landed(r, SECTION_GUEST, SECTION_DISK, "disk", t->pos);
        schema_keys(r, SECTION_DISK, t, d, d->at, landed);
        resolve_disk(r, g, d);
    }
}

static void read_nets(struct reader *r, const struct toml_node *guest, struct guest_config *g)
{
    const bool landed = key_find(SECTION_GUEST, "net")->landed;
    uint32_t count;
    const struct toml_node *t = tables_of(r, SECTION_GUEST, SECTION_NET, guest, "net", &count);
    struct config_net *net = read_alloc(r, count * sizeof(*net), _Alignof(struct config_net));

    if (!net)
        return;
    g->net = net;
    for (; g->nets < count; g->nets++, t = t->next, net++) {
        net->pos = t->pos;
        schema_defaults(SECTION_NET, net);
        section_landed(r, SECTION_GUEST, SECTION_NET, "net", t->pos);
        schema_keys(r, SECTION_NET, t, net, net->at, landed);
        net->trunk = any_vlan(net->trunk_vlan);
    }
}

static void read_pcis(struct reader *r, const struct toml_node *guest, struct guest_config *g)
{
    const bool landed = key_find(SECTION_GUEST, "pci")->landed;
    uint32_t count;
    const struct toml_node *t = tables_of(r, SECTION_GUEST, SECTION_PCI, guest, "pci", &count);
    struct config_pci *pci = read_alloc(r, count * sizeof(*pci), _Alignof(struct config_pci));

    if (!pci)
        return;
    g->pci = pci;
    for (; g->pcis < count; g->pcis++, t = t->next, pci++) {
        pci->pos = t->pos;
        section_landed(r, SECTION_GUEST, SECTION_PCI, "pci", t->pos);
        schema_keys(r, SECTION_PCI, t, pci, pci->at, landed);
    }
}

void about_guest(struct reader *r, uint32_t i)
{
    r->guest = (int)i;
    r->bad = &r->cfg->guest[i].bad;
}

/* cfg->guests grows with each, so that findings never name one that is not there. */
static void read_guests(struct reader *r, const struct toml_node *root)
{
    uint32_t count;
    const struct toml_node *t = tables_of(r, SECTION_TOP, SECTION_GUEST, root, "guest", &count);
    struct guest_config *g = read_alloc(r, count * sizeof(*g), _Alignof(struct guest_config));

    if (!g)
        return;
    r->cfg->guest = g;
    for (uint32_t i = 0; i < count; i++, t = t->next, g++) {
        r->cfg->guests++;
        about_guest(r, i);
        g->pos = t->pos;
        schema_defaults(SECTION_GUEST, g);
        schema_keys(r, SECTION_GUEST, t, g, g->at, true);
        read_disks(r, t, g);
        read_nets(r, t, g);
        read_pcis(r, t, g);
    }
    r->guest = -1;
    r->bad = NULL;
}

void schema_read(struct reader *r, const struct toml_node *root)
{
    struct config_pos at[SECTION_COUNT];        /* of no further interest */
    struct { uint32_t version; } top;

    schema_keys(r, SECTION_TOP, root, &top, at, true);
    read_host(r, root);
    read_switches(r, root);
    read_guests(r, root);
}

const char *guest_label(const struct guest_config *g, char buf[GUEST_LABEL])
{
    if (g->name.text)
        fmt(buf, GUEST_LABEL, "guest \"%s\"", g->name.text);
    else
        fmt(buf, GUEST_LABEL, "the guest of line %u", g->pos.line);
    return buf;
}
