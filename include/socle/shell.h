/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the prompt. The shell knows words, tables and messages; what the
 * commands do is behind struct shell_ops, which the core provides, and what they
 * need of the console behind struct shell_io. docs/console.md describes each command.
 */
#ifndef SOCLE_SHELL_H
#define SOCLE_SHELL_H

#include "socle/console/table.h"
#include "socle/log.h"
#include "socle/status.h"
#include "socle/types.h"

struct console_guest;

enum {
    SHELL_WORDS   = 8,      /* of a command line */
    SHELL_WHY     = 192,    /* room for a reason */
    SHELL_ROWS    = 96,     /* rows asked of an operation at once */
    SHELL_SWITCHES = 16,    /* CONFIG_SWITCH_MAX */
    SHELL_VLANS    = 32,    /* room for the VLANs of a port in words */
    SHELL_STOP_TIMEOUT_S = 60,
};

enum guest_state {
    GUEST_OFF,              /* not started yet, or stopped */
    GUEST_FAILED,           /* could not be started: row.note says why */
    GUEST_STARTING,         /* its memory is being filled; there is nothing to lose yet */
    GUEST_RUNNING,
    GUEST_STOPPING,         /* power button pressed, still running */
    GUEST_PAUSED,
    GUEST_CRASHED,          /* state kept for `info` (on_crash = "pause") */
    GUEST_WAITING,          /* will be restarted after a back-off */
};

enum guest_action {
    ACTION_START, ACTION_STOP, ACTION_KILL, ACTION_RESET, ACTION_PAUSE, ACTION_RESUME
};

struct guest_row {
    enum guest_state state;
    uint32_t cpus;
    uint64_t memory;        /* bytes */
    uint64_t cpu_ns;        /* time its vCPUs ran, all together */
    uint64_t exits;
    uint64_t uptime_ns;     /* since the last start */
    uint32_t restarts;
    uint32_t stop_timeout_s;    /* 0: SHELL_STOP_TIMEOUT_S */
    char     note[SHELL_WHY];   /* last stop's reason, or why it could not start; may be empty */
};

struct exit_row   { const char *reason; uint64_t count, ns; };
struct mem_row    { char what[48]; uint64_t bytes; bool total; };  /* total: the others' 100 % */
struct cpu_row    { uint32_t index, apic_id; char doing[48]; uint64_t busy_ns, up_ns; };

/*
 * One line of `devices`: a PCI function or another device of the machine,
 *   at "0000:00:03.0", driver "virtio-net", owner "socle" or "switch lan" or "-",
 *   what "virtio network (1af4:1041)";
 * or, behind these and with `below` set, a disk or a partition,
 *   at "vda" or "vda1", owner "web" (the guests that use it), what "disk, 64.0 MiB, serial:data1" or
 *   "partition, 32.0 MiB, PARTUUID=6f1c2d3e-01": the last word is what `device` wants in a file.
 */
struct device_row { char at[24], what[104], driver[32], owner[40]; bool below; };

/* Why frames of a port were dropped, as in struct vport_count. */
enum port_drop {
    PORT_DROP_FULL, PORT_DROP_SPOOFED, PORT_DROP_VLAN, PORT_DROP_MALFORMED, PORT_DROP_STORM,
    PORT_DROP_NO_FLOW, PORT_DROPS
};

struct switch_row {
    char     name[40];
    uint32_t mtu;
    char     uplink[64];        /* "0000:00:03.0 52:54:00:12:34:57"; empty: none */
    uint64_t flows;             /* in its table now */
};

struct port_row {
    char     port[40];          /* "web", "web.1", "uplink" */
    char     mac[20];
    char     vlan[SHELL_VLANS]; /* from shell_vlan_text(), or "mirror" */
    bool     up;
    uint64_t rx, tx, rx_bytes, tx_bytes;    /* as its guest sees them */
    uint64_t dropped[PORT_DROPS];
};

/*
 * What the core provides. All are called under the console lock and must not call back
 * into the console except through console_log_line/console_notice/console_guest_*().
 * A null operation takes its command out of `help`. Functions that fill rows return how
 * many; they fill at most max.
 */
struct shell_ops {
    void *ctx;
    /* Fails with a reason in why[]: one phrase without full stop. */
    hv_status (*act)(void *ctx, enum guest_action what, struct console_guest *g,
                     char why[SHELL_WHY]);
    void   (*row)(void *ctx, struct console_guest *g, struct guest_row *row);
    /* More lines for `info`, from index 0 until false: "kernel" "vmlinuz", "vcpu 0" "rip ...". */
    bool   (*info)(void *ctx, struct console_guest *g, uint32_t index, char key[24],
                   char value[200]);
    size_t (*exits)(void *ctx, struct console_guest *g, struct exit_row *rows, size_t max);
    size_t (*mem)(void *ctx, struct mem_row *rows, size_t max);
    size_t (*cpus)(void *ctx, struct cpu_row *rows, size_t max);
    /* The rows from number `first` on; less than max: these are the last. */
    size_t (*devices)(void *ctx, size_t first, struct device_row *rows, size_t max);
    /* Switch number `index`, in the order of the configuration; false past the last. */
    bool   (*switch_row)(void *ctx, uint32_t index, struct switch_row *row);
    /* Ports of switch number `index`, from port number `first` on; less than max: the last. */
    size_t (*ports)(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max);
    /*
     * Next line about the flows of switch number `index`, *cursor starting at 0; false at the
     * end. The first line may be headings. Flows may come and go between two calls. May be
     * null: then `switch` shows no flows.
     */
    bool   (*flow)(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size);
    /* Text of the configuration; stays valid. */
    const char *(*config)(void *ctx, size_t *len);
    /* Next line of the trace, *cursor starting at 0; false at the end. */
    bool   (*trace)(void *ctx, uint64_t *cursor, char *line, size_t size);
    /* The machine is going down (or, false, no longer): start and restart no guest. */
    void   (*closing)(void *ctx, bool going_down);
    /* Flushes disks, then turns the machine off or restarts it; may return and do so later. */
    void   (*machine_end)(void *ctx, bool reboot);
    const char *version;    /* "0.1.0", and where we run: "0.1.0, AMD-V, 4 CPUs" */
};

/* What the console provides. */
struct shell_io {
    void *ctx;
    void (*line)(void *ctx, const char *text);                      /* one line of the answer */
    void (*attach)(void *ctx, struct console_guest *g);
    void (*show_log)(void *ctx, struct console_guest *g);           /* null: the hypervisor's */
    void (*show_text)(void *ctx, const char *text, size_t len);     /* streamed */
    void (*show_trace)(void *ctx);                                  /* streamed from ops->trace */
    /* Streamed from ops->flow: of switch `index` only, or of all from there on. */
    void (*show_flows)(void *ctx, uint32_t index, bool only);
    void (*top)(void *ctx);                                         /* refreshed until a key */
    void (*log)(void *ctx, enum log_level level, const char *text); /* like console_log_line */
    bool (*drained)(void *ctx);                                     /* all output has left */
};

enum shell_ending { ENDING_NONE, ENDING_WAIT, ENDING_KILLED, ENDING_DRAIN, ENDING_DONE };

struct shell {
    const struct shell_ops *ops;
    struct shell_io         io;
    struct console_guest   *const *guests;  /* head of the console's list */
    struct console_guest   *attached;       /* what `console` without a name means; may be null */
    enum shell_ending       ending;         /* of the machine: poweroff or reboot under way */
    bool                    reboot;
    uint64_t                ending_due;
    uint64_t                now;            /* time of the command, ns since boot */
    char                    escape[8];      /* name of the key that opens the prompt */
    uint64_t                top_time;       /* previous picture of `top` */
    struct table            table;
    union {
        struct exit_row   exits[SHELL_ROWS];
        struct mem_row    mem[SHELL_ROWS];
        struct cpu_row    cpus[SHELL_ROWS];
        struct device_row devices[SHELL_ROWS];
        struct port_row   ports[SHELL_ROWS];
        struct switch_row switches[SHELL_SWITCHES];
    } rows;
};

void shell_init(struct shell *s, const struct shell_ops *ops, const struct shell_io *io,
                struct console_guest *const *guests);
/* Runs one line typed by the operator. */
void shell_execute(struct shell *s, const char *line, uint64_t now);
/*
 * Completes the word that ends at line[cursor]: the text to insert goes to add[] (its
 * length is returned); when several words fit and nothing can be added, prints them.
 */
size_t shell_complete(struct shell *s, const char *line, size_t cursor, char *add, size_t max,
                      bool *listed);
/* Drives poweroff and reboot; UINT64_MAX when there is nothing to wait for. */
uint64_t shell_tick(struct shell *s, uint64_t now);
/* Gives up a poweroff or reboot that still waits; false when none does. */
bool shell_cancel(struct shell *s);
/* Prints one picture of `top`: what each guest used since the previous one. */
void shell_top(struct shell *s, uint64_t now);
/* A short word such as "running"; never null. */
const char *guest_state_text(enum guest_state state);
/* The line above a switch's ports or flows. */
void shell_switch_title(struct shell *s, const struct switch_row *row);
/*
 * A port's VLANs in words: "10" (access port), "tagged 10,20-29" (trunk), "1, tagged 10"
 * (with native VLAN), "-" (none). set: 64 words, bit v % 64 of word v / 64; null: no trunk.
 * What is too long ends with "...".
 */
char *shell_vlan_text(char buf[SHELL_VLANS], uint16_t vlan, const uint64_t *set);

#endif
