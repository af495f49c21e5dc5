/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VLANs: one number, or a list that becomes a bitmap. A list of one may be written as the
 * number alone. Called through read_value().
 */
#include "values.h"

bool read_vlan(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               uint16_t *to)
{
    if (n->type != TOML_INTEGER)
        return read_wrong_type(r, spec, n);
    if (n->u.integer < spec->min || n->u.integer > spec->max)
        return read_error(r, n->pos, "%s = %lld is out of range: VLANs are numbered 1 to %d",
                          spec->name, (long long)n->u.integer, CONFIG_VLAN_MAX);
    *to = (uint16_t)n->u.integer;
    return true;
}

/* The entry's number, or 0 after reporting what is wrong with it. */
static uint32_t list_entry(struct reader *r, const struct key_spec *spec,
                           const struct toml_node *n)
{
    if (n->type != TOML_INTEGER) {
        read_error(r, n->pos, "%s: each entry must be a number without quotes, such as %s, not %s",
                   spec->name, spec->example, toml_type_text(n));
        return 0;
    }
    if (n->u.integer < 1 || n->u.integer > CONFIG_VLAN_MAX) {
        read_error(r, n->pos, "%s: %lld is out of range: VLANs are numbered 1 to %d", spec->name,
                   (long long)n->u.integer, CONFIG_VLAN_MAX);
        return 0;
    }
    return (uint32_t)n->u.integer;
}

/* All entries are looked at, so that one run shows every wrong one. */
bool read_vlans(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                uint64_t to[CONFIG_VLAN_WORDS])
{
    const bool list = n->type == TOML_ARRAY;
    bool fine = true;

    if (!list && n->type != TOML_INTEGER)
        return read_error(r, n->pos, "%s must be a list of VLANs: write %s = %s", spec->name,
                          spec->name, spec->example);
    if (list && n->u.list.count == 0)
        return read_error(r, n->pos, "%s is an empty list; leave the key out instead", spec->name);
    for (const struct toml_node *e = list ? n->u.list.first : n; e; e = list ? e->next : NULL) {
        const uint32_t vlan = list_entry(r, spec, e);

        if (config_vlans_have(to, vlan))
            fine = read_error(r, e->pos, "%s: VLAN %u is listed twice", spec->name, vlan);
        else if (vlan)
            to[vlan / 64] |= 1ull << (vlan % 64);
        fine &= vlan != 0;
    }
    return fine;
}
