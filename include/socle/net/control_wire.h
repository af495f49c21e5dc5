/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of the switch's control interface, as bytes: little-endian, no padding but what
 * is named `zero` and must be. docs/switch.md says what each means.
 */
#ifndef SOCLE_NET_CONTROL_WIRE_H
#define SOCLE_NET_CONTROL_WIRE_H

#include "socle/net/control.h"

enum control_type {
    CONTROL_HELLO = 0x00, CONTROL_ECHO, CONTROL_BARRIER,
    CONTROL_FLOW_ADD = 0x10, CONTROL_FLOW_MODIFY, CONTROL_FLOW_DELETE, CONTROL_FLOW_STATS, CONTROL_PORT_STATS,
    CONTROL_PACKET_OUT,
    CONTROL_PACKET_IN = 0x40, CONTROL_FLOW_REMOVED, CONTROL_PORT_STATUS, CONTROL_LOST,
    CONTROL_REPLY = 0x80,       /* added to the type of what is answered */
    CONTROL_ERROR = 0xff,
};

enum control_error {
    CONTROL_BAD_VERSION = 1, CONTROL_BAD_LENGTH, CONTROL_BAD_TYPE, CONTROL_BAD_VALUE,
    CONTROL_NO_HELLO,           /* the first message is HELLO, also after a silence */
    CONTROL_TABLE_FULL, CONTROL_NOT_FOUND, CONTROL_EXISTS,
};

enum {                          /* flags of HELLO */
    CONTROL_MISSES = 1,         /* frames no flow knows come as PACKET_IN; the learning switch stops */
    CONTROL_SOURCES = 2,        /* with MISSES: so do frames of new stations at ports with many */
    CONTROL_SECURE = 4,         /* with MISSES: when the controller has gone, such frames are dropped, not learnt */
    CONTROL_HELLO_FLAGS = 7,
    CONTROL_NO_PORT = 0xffff,
    CONTROL_END = 0xffffffff,   /* of a list */
    CONTROL_ALL = 1,            /* scope of FLOW_DELETE: every flow within the match; 0: that one */
    CONTROL_COUNTERS = 12,      /* of a port, in the order of struct vport_count */
};

enum {                          /* flags of a port */
    CONTROL_PORT_UP = 1, CONTROL_PORT_UPLINK = 2, CONTROL_PORT_ANY_MAC = 4, CONTROL_PORT_TRUNK = 8,
    CONTROL_PORT_MIRROR = 16, CONTROL_PORT_FULL = 32,
};

struct control_header { uint8_t version, type; uint16_t length; uint32_t xid; } PACKED;

struct control_flow {
    uint16_t fields, in_port, vlan, ethertype;
    uint8_t  dst[6], src[6];
    uint16_t priority, flags, idle_s, hard_s;
    uint8_t  action_flags, outputs;
    uint16_t zero;
    uint16_t port[FLOW_OUTPUTS];
    uint64_t cookie;
} PACKED;

struct control_hello { struct control_header h; uint32_t flags; uint16_t keepalive_s, zero; } PACKED;
struct control_features {
    struct control_header h;
    uint32_t flags_known, ports, exact_max, wild_max;
    uint16_t outputs_max, mtu, message_max, zero;
    char     name[VSWITCH_NAME];
} PACKED;
struct control_flow_edit { struct control_header h; struct control_flow flow; } PACKED;
struct control_flow_delete { struct control_header h; struct control_flow flow; uint32_t scope, zero; } PACKED;
struct control_list { struct control_header h; uint32_t start, zero; } PACKED;
struct control_listed { struct control_header h; uint32_t next; uint16_t count, zero; } PACKED;
struct control_flow_stats {
    struct control_flow flow;
    uint64_t packets, bytes, age_ns, idle_ns;
    uint32_t built_in, zero;
} PACKED;
struct control_port_stats {
    uint16_t number, flags, vlan, zero;
    uint8_t  mac[6];
    uint16_t zero2;
    char     name[VSWITCH_NAME];
    uint64_t count[CONTROL_COUNTERS];
} PACKED;
struct control_packet_out {
    struct control_header h;
    uint16_t in_port, vlan;
    uint8_t  action_flags, outputs, pcp, zero;
    uint16_t port[FLOW_OUTPUTS];
    uint8_t  frame[];
} PACKED;

struct control_packet_in {
    struct control_header h;
    uint16_t in_port, vlan;
    uint8_t  reason, pcp;
    uint16_t count;             /* of the bytes that follow */
    uint32_t frame_len, zero;
    uint64_t cookie;
    uint8_t  frame[];
} PACKED;
struct control_flow_removed {
    struct control_header h;
    uint32_t reason, zero;
    struct control_flow flow;
    uint64_t packets, bytes;
} PACKED;
struct control_port_status {
    struct control_header h;
    uint16_t port, reason, flags, vlan;
    uint8_t  mac[6];            /* its own; CONFLICT: the one that is another port's */
    uint16_t zero;
    char     name[VSWITCH_NAME];
} PACKED;
struct control_lost { struct control_header h; uint32_t events, packets; } PACKED;
struct control_error_message { struct control_header h; uint16_t code, type; uint32_t zero; } PACKED;

_Static_assert(sizeof(struct control_header) == 8, "wire format");
_Static_assert(sizeof(struct control_flow) == 56, "wire format");
_Static_assert(sizeof(struct control_hello) == 16, "wire format");
_Static_assert(sizeof(struct control_features) == 72, "wire format");
_Static_assert(sizeof(struct control_flow_edit) == 64, "wire format");
_Static_assert(sizeof(struct control_flow_delete) == 72, "wire format");
_Static_assert(sizeof(struct control_list) == 16, "wire format");
_Static_assert(sizeof(struct control_listed) == 16, "wire format");
_Static_assert(sizeof(struct control_flow_stats) == 96, "wire format");
_Static_assert(sizeof(struct control_port_stats) == 152, "wire format");
_Static_assert(sizeof(struct control_packet_out) == 32, "wire format");
_Static_assert(sizeof(struct control_packet_in) == 32, "wire format");
_Static_assert(sizeof(struct control_flow_removed) == 88, "wire format");
_Static_assert(sizeof(struct control_port_status) == 64, "wire format");
_Static_assert(sizeof(struct control_lost) == 16, "wire format");
_Static_assert(sizeof(struct control_error_message) == 16, "wire format");
_Static_assert(sizeof(struct vport_count) == CONTROL_COUNTERS * 8, "wire format");

#endif
