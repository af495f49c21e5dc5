/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `switch`: the network switches, their ports and why frames were dropped; flows are streamed
 * by the console, since there may be thousands. Called through the table of commands.
 */
#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { VLANS = 4096 };

uint32_t shell_switches(struct shell *s)
{
    uint32_t n = 0;
    while (n < SHELL_SWITCHES && s->ops->switch_row(s->ops->ctx, n, &s->rows.switches[n]))
        n++;
    return n;
}

void shell_switch_title(struct shell *s, const struct switch_row *r)
{
    shell_say(s, "switch %s: mtu %u, %s%s, %llu flow%s", r->name, r->mtu,
              r->uplink[0] ? "uplink " : "no uplink", r->uplink, (unsigned long long)r->flows,
              r->flows == 1 ? "" : "s");
}

/* ---- VLANs in words ----------------------------------------------------------------------- */

static bool has(const uint64_t *set, uint32_t vlan)
{
    return vlan < VLANS && (set[vlan / 64] >> (vlan % 64) & 1);
}

/* The next run of VLANs from *first on: its first and last number. */
static bool next_range(const uint64_t *set, uint32_t *first, uint32_t *last)
{
    while (*first < VLANS && !has(set, *first))
        ++*first;
    *last = *first;
    while (has(set, *last + 1))
        ++*last;
    return *first < VLANS;
}

/* A list ends where the next range and the dots behind it might not fit. */
static void add_trunk(char *buf, size_t used, const uint64_t *set)
{
    enum { RANGE = sizeof("4000-4001,...") };
    uint32_t first = 0, last;
    const char *before = used ? ", tagged " : "tagged ";
    while (next_range(set, &first, &last)) {
        if (used + strlen(before) + RANGE > SHELL_VLANS) {
            fmt(buf + used, SHELL_VLANS - used, ",...");
            return;
        }
        used += fmt(buf + used, SHELL_VLANS - used, first == last ? "%s%u" : "%s%u-%u", before,
                    first, last);
        before = ",";
        first = last + 1;
    }
}

char *shell_vlan_text(char buf[SHELL_VLANS], uint16_t vlan, const uint64_t *set)
{
    uint32_t first = 0, last;
    const bool trunk = set && next_range(set, &first, &last);
    const size_t used = vlan ? fmt(buf, SHELL_VLANS, "%u", vlan) : 0;
    if (trunk)
        add_trunk(buf, used, set);
    else if (!vlan)
        fmt(buf, SHELL_VLANS, "-");
    return buf;
}

/* ---- ports -------------------------------------------------------------------------------- */

static const char *const drop_text[] = {
    [PORT_DROP_FULL]      = "receiver full",
    [PORT_DROP_SPOOFED]   = "foreign source address",
    [PORT_DROP_VLAN]      = "foreign VLAN",
    [PORT_DROP_MALFORMED] = "malformed",
    [PORT_DROP_STORM]     = "broadcast limit",
    [PORT_DROP_NO_FLOW]   = "no flow",
};
_Static_assert(ARRAY_LEN(drop_text) == PORT_DROPS, "every reason has its words");

/* All that was dropped, and the most frequent reason; of equal ones the first. */
static uint64_t sum_drops(const struct port_row *r, const char **most)
{
    uint64_t sum = 0, highest = 0;
    *most = "";
    for (unsigned i = 0; i < PORT_DROPS; i++) {
        sum += r->dropped[i];
        if (r->dropped[i] > highest) {
            highest = r->dropped[i];
            *most = drop_text[i];
        }
    }
    return sum;
}

static void add_port(struct table *t, const struct port_row *r)
{
    const uint64_t number[] = { r->rx, r->rx_bytes, r->tx, r->tx_bytes };
    const char *most;
    table_cell(t, "%s", r->port);
    table_cell(t, "%s", r->mac);
    table_cell(t, "%s", r->vlan);
    table_cell(t, "%s", r->up ? "up" : "down");
    for (size_t i = 0; i < ARRAY_LEN(number); i++)
        table_cell(t, "%llu", (unsigned long long)number[i]);
    table_cell(t, "%llu", (unsigned long long)sum_drops(r, &most));
    table_cell(t, "%s", most);
}

static void show_ports(struct shell *s, uint32_t index)
{
    struct port_row *rows = s->rows.ports;
    size_t first = 0, n;
    do {
        n = (size_t)min_u64(s->ops->ports(s->ops->ctx, index, first, rows, SHELL_ROWS), SHELL_ROWS);
        if (!n && !first)
            shell_say(s, "nothing is plugged in");
        if (!n)
            return;
        table_begin(&s->table,
                    "PORT|MAC|VLAN|LINK|>RECEIVED|>BYTES|>SENT|>BYTES|>DROPPED|MOSTLY");
        for (size_t i = 0; i < n; i++)
            add_port(&s->table, &rows[i]);
        table_print(&s->table, s->io.line, s->io.ctx);
        first += n;
    } while (n == SHELL_ROWS);
}

/* ---- the command -------------------------------------------------------------------------- */

/* Index of the switch named; false after saying which one may have been meant. */
static bool find_switch(struct shell *s, const char *name, uint32_t *index)
{
    struct nearest near;
    const uint32_t n = shell_switches(s);
    nearest_begin(&near, name);
    for (*index = 0; *index < n; ++*index) {
        if (!strcmp(s->rows.switches[*index].name, name))
            return true;
        nearest_offer(&near, s->rows.switches[*index].name);
    }
    nearest_offer(&near, "flows");
    const char *guess = nearest_word(&near);
    if (guess)
        shell_say(s, "no switch is named `%s`; did you mean `%s`?", name, guess);
    else
        shell_say(s, "no switch is named `%s`; `switch` shows all", name);
    return false;
}

static void show_switch(struct shell *s, uint32_t index)
{
    struct switch_row row;
    if (!s->ops->switch_row(s->ops->ctx, index, &row))
        return;
    shell_switch_title(s, &row);
    show_ports(s, index);
}

static void show_flows(struct shell *s, uint32_t index, bool only)
{
    struct switch_row row;
    if (!s->ops->flow) {
        shell_say(s, "this version does not show flows");
        return;
    }
    if (!s->ops->switch_row(s->ops->ctx, index, &row))
        return;
    shell_switch_title(s, &row);
    s->io.show_flows(s->io.ctx, index, only);
}

void run_switch(struct shell *s, const struct call *call)
{
    struct switch_row row;
    uint32_t index = 0;
    if (!s->ops->switch_row(s->ops->ctx, 0, &row)) {
        shell_say(s, "there is no switch: the configuration names none");
        return;
    }
    const bool flows = call->second || (call->word && !strcmp(call->word, "flows"));
    const bool named = call->word && (call->second || !flows);
    if (named && !find_switch(s, call->word, &index))
        return;
    if (flows) {
        show_flows(s, index, named);
        return;
    }
    if (named) {
        show_switch(s, index);
        return;
    }
    for (; index < SHELL_SWITCHES && s->ops->switch_row(s->ops->ctx, index, &row); index++) {
        if (index)
            shell_say(s, "%s", "");
        show_switch(s, index);
    }
}
