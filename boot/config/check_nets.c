/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contradictions inside one [[switch]] and one [[guest.net]]. Called by check_cross.c and
 * check_guest.c. What must hold between cards and switches is in check_cross.c.
 */
#include "schema.h"

static bool given(const struct config_net *n, enum config_net_key key)
{
    return n->at[key].line != 0;
}

/* One VLAN cannot go both without tag and with it. */
static void check_native(struct reader *r, uint16_t vlan, struct config_pos native,
                         const uint64_t *trunk, struct config_pos list, const char *keys[2])
{
    if (vlan && config_vlans_have(trunk, vlan))
        read_error(r, list, "%s lists VLAN %u, which %s (line %u) sends without tag", keys[1],
                   vlan, keys[0], native.line);
}

void check_switch(struct reader *r, const struct config_switch *sw)
{
    static const char *keys[] = { "uplink_vlan", "uplink_trunk" };
    static const enum config_switch_key ids[] = { SWITCH_UPLINK_VLAN, SWITCH_UPLINK_TRUNK };

    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        if (sw->at[ids[i]].line && !sw->at[SWITCH_UPLINK].line)
            read_error(r, sw->at[ids[i]], "%s is about the uplink, and this [[switch]] has none; "
                                          "add uplink = \"0000:00:03.0\"", keys[i]);
    check_native(r, sw->uplink_vlan, sw->at[SWITCH_UPLINK_VLAN], sw->uplink_trunk_vlan,
                 sw->at[SWITCH_UPLINK_TRUNK], keys);
}

/* A mirror port hears everything and says nothing, so nothing else about sending holds. */
static void check_mirror(struct reader *r, const struct config_net *n)
{
    const struct {
        const char         *name;
        enum config_net_key key;
        bool                set;
    } others[] = {
        { "vlan", NET_VLAN, n->vlan != 0 },
        { "trunk", NET_TRUNK, n->trunk },
        { "any_mac", NET_ANY_MAC, n->any_mac },
        { "rate", NET_RATE, n->rate != 0 },
    };

    for (unsigned i = 0; n->mirror && i < ARRAY_LEN(others); i++)
        if (others[i].set && given(n, others[i].key))
            read_error(r, n->at[others[i].key], "%s has no place here: with mirror = true (line "
                                                "%u) the card gets the frames of every VLAN and "
                                                "sends none", others[i].name,
                       n->at[NET_MIRROR].line);
}

void check_nets(struct reader *r, const struct guest_config *g)
{
    static const char *keys[] = { "vlan", "trunk" };

    for (uint32_t i = 0; i < g->nets; i++) {
        const struct config_net *n = &g->net[i];

        check_native(r, n->vlan, n->at[NET_VLAN], n->trunk_vlan, n->at[NET_TRUNK], keys);
        check_mirror(r, n);
    }
}
