/* SPDX-License-Identifier: BSD-2-Clause */
/* What `devices` and `switch` show: the machine's devices, switches, their ports and flows. */
#include "socle/shell_devices.h"

#include "socle/drivers.h"
#include "socle/fmt.h"
#include "socle/net/control.h"
#include "socle/net/macaddr.h"
#include "socle/sched.h"
#include "socle/str.h"
#include "socle/vm_devices.h"

size_t shell_devices(void *ctx, size_t first, struct device_row *rows, size_t max)
{
    return drivers_rows(first, rows, max);
}

/* ---- switches ---- */

static uint64_t count_flows(struct vswitch *sw)
{
    struct flow_info info;
    uint32_t index = 0;
    uint64_t n = 0;
    while (control_flow_next(sw, &index, host_now(), &info))
        n++;
    return n;
}

static void uplink_text(const struct config_switch *c, char *buf, size_t size)
{
    char mac[MAC_TEXT];
    const struct config_pci_addr *p = &c->uplink_pci;
    if (c->uplink == CONFIG_UPLINK_PCI) {
        fmt(buf, size, "%04x:%02x:%02x.%x", p->segment, p->bus, p->device, p->function);
    } else if (c->uplink == CONFIG_UPLINK_MAC) {
        mac_format(mac, c->uplink_mac);
        fmt(buf, size, "%s", mac);
    }
}

bool shell_switch(void *ctx, uint32_t index, struct switch_row *row)
{
    const struct config_switch *c;
    struct vswitch *sw = switch_at(index, &c);
    if (!sw)
        return false;
    *row = (struct switch_row){ .mtu = vswitch_mtu(sw), .flows = count_flows(sw) };
    fmt(row->name, sizeof(row->name), "%s", vswitch_name(sw));
    uplink_text(c, row->uplink, sizeof(row->uplink));
    return true;
}

static void port_text(struct vport *p, struct port_row *r)
{
    const struct vport_count c = vport_counters(p);
    *r = (struct port_row){
        .up = p->up, .rx = c.rx, .tx = c.tx, .rx_bytes = c.rx_bytes, .tx_bytes = c.tx_bytes,
        .dropped = {
            [PORT_DROP_FULL] = c.rx_full + c.rx_refused, [PORT_DROP_SPOOFED] = c.spoofed + c.conflict,
            [PORT_DROP_VLAN] = c.vlan, [PORT_DROP_MALFORMED] = c.malformed, [PORT_DROP_STORM] = c.storm,
            [PORT_DROP_NO_FLOW] = c.no_flow,
        },
    };
    fmt(r->port, sizeof(r->port), "%s", p->c.name);
    mac_format(r->mac, p->c.mac);
    if (p->c.mirror)
        fmt(r->vlan, sizeof(r->vlan), "mirror");
    else
        shell_vlan_text(r->vlan, p->c.vlan, p->c.trunk ? p->c.trunk_vlan : NULL);
}

size_t shell_ports(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max)
{
    const struct config_switch *c;
    struct vswitch *sw = switch_at(index, &c);
    struct vport *p;
    size_t n = 0;
    while (sw && n < max && (p = vswitch_port(sw, (uint32_t)(first + n))) != NULL)
        port_text(p, &rows[n++]);
    return n;
}

/* ---- flows ---- */

static size_t match_text(const struct flow_match *m, char *line, size_t size)
{
    char mac[MAC_TEXT];
    uint8_t bytes[MAC_LEN];
    size_t n = 0;
    line[0] = 0;
    if (m->fields & FLOW_IN_PORT)
        n += fmt(line + n, size - n, "in port %u, ", m->in_port);
    if (m->fields & FLOW_VLAN)
        n += fmt(line + n, size - n, m->vlan ? "vlan %u, " : "untagged, ", m->vlan);
    if (m->fields & FLOW_SRC) {
        mac_store(bytes, m->src);
        mac_format(mac, bytes);
        n += fmt(line + n, size - n, "from %s, ", mac);
    }
    if (m->fields & FLOW_DST) {
        mac_store(bytes, m->dst);
        mac_format(mac, bytes);
        n += fmt(line + n, size - n, "to %s, ", mac);
    }
    if (m->fields & FLOW_TYPE)
        n += fmt(line + n, size - n, "type 0x%04x, ", m->type);
    if (!m->fields)
        n += fmt(line + n, size - n, "any, ");
    return n;
}

static size_t actions_text(struct vswitch *sw, const struct flow_actions *a, char *line, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < a->outputs && n < size; i++) {
        const struct vport *p = vswitch_port(sw, a->port[i]);
        n += fmt(line + n, size - n, "%s%s", i ? " + " : "", p ? p->c.name : "?");
    }
    if (a->flags & FLOW_FLOOD && n < size)
        n += fmt(line + n, size - n, "%sall of the VLAN", n ? " + " : "");
    if (a->flags & FLOW_TO_CONTROLLER && n < size)
        n += fmt(line + n, size - n, "%scontroller", n ? " + " : "");
    return n ? n : fmt(line, size, "drop");
}

bool shell_flow(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size)
{
    const struct config_switch *c;
    struct vswitch *sw = switch_at(index, &c);
    struct flow_info f;
    uint32_t at = (uint32_t)*cursor;
    if (!sw || !control_flow_next(sw, &at, host_now(), &f))
        return false;
    *cursor = at;
    size_t n = match_text(&f.spec.match, line, size);
    n += fmt(line + n, size - n, "priority %u: ", f.spec.priority);
    n += actions_text(sw, &f.spec.actions, line + n, size - n);
    if (n < size)
        fmt(line + n, size - n, ", %lu frames, %lu bytes, %s, idle %lu s", f.packets, f.bytes,
            f.built_in ? "learnt" : "by the controller", f.idle_ns / 1000000000);
    return true;
}
