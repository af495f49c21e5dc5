/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: what the TOML file and the boot options say, checked and typed.
 * The same code runs in the hypervisor at boot and in the host-side command. It keeps
 * no state: memory comes from the caller's arena, findings go to the caller's list.
 * docs/config.md is the users' side of this. What a file *contains* (kernel, disk image)
 * is not looked at here; see socle/image.h.
 */
#ifndef SOCLE_CONFIG_H
#define SOCLE_CONFIG_H

#include "socle/log.h"
#include "socle/status.h"
#include "socle/types.h"

enum {
    CONFIG_FILE_MAX    = 1 << 20,   /* bytes of a configuration file */
    CONFIG_GUESTS_MAX  = 64,
    CONFIG_SWITCH_MAX  = 16,
    CONFIG_DISKS_MAX   = 24,        /* per guest, like the next ones */
    CONFIG_NETS_MAX    = 8,
    CONFIG_PCIS_MAX    = 16,
    CONFIG_INITRD_MAX  = 16,
    CONFIG_MODULE_MAX  = 64,
    CONFIG_CONSOLE_MAX = 5,         /* com1 to com4 and the screen */
    CONFIG_VCPUS_MAX   = 64,
    CONFIG_CPUS_MAX    = 1024,      /* physical CPUs a set can name */
    CONFIG_VLAN_MAX    = 4094,      /* 0 and 4095 are no VLANs (IEEE 802.1Q, table 9-2) */
    CONFIG_VLAN_WORDS  = 64,        /* of a set of VLANs: bit v % 64 of word v / 64 */
    CONFIG_SERIAL_MAX  = 20,        /* characters (virtio 1.2, 5.2.6: VIRTIO_BLK_T_GET_ID) */
    CONFIG_DIAG_MAX    = 64,
    CONFIG_DIAG_TEXT   = 256,
};

/* ---- memory -------------------------------------------------------------------- */

/* Hands out pieces of one buffer, front to back; nothing is given back singly. */
struct arena {
    uint8_t *base;
    size_t   size, used;
};

void arena_init(struct arena *a, void *buf, size_t size);
/* Zeroed bytes at a multiple of `align` (a power of two); null when the arena is used up. */
void *arena_alloc(struct arena *a, size_t size, size_t align);
/* An arena of this size suffices for every file of `len` bytes. */
size_t config_arena_enough(size_t len);

/* ---- positions and text --------------------------------------------------------- */

/* Lines and columns count from 1, columns in characters. line 0: not from the file. */
struct config_pos {
    uint32_t line, col;
};

/* Text is NUL-terminated, holds no NUL, and lives in the arena. Unset: text null, len 0. */
struct config_str {
    const char       *text;
    uint32_t          len;
    struct config_pos pos;      /* of the value */
};

/* ---- what was found ------------------------------------------------------------- */

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

struct config_diag_entry {
    struct config_pos    pos;       /* line 0: about the file as a whole */
    enum config_severity severity;
    int                  guest;     /* index into config.guest, or -1 */
    bool                 option;    /* about the boot options, not the file */
    char                 text[CONFIG_DIAG_TEXT];    /* one line, printable, no "error:" prefix */
};

struct config_diag {
    uint32_t count;                 /* of entry[] */
    uint32_t errors, warnings;      /* all, also the dropped ones */
    uint32_t dropped;               /* found after entry[] was full; errors push out warnings */
    struct config_diag_entry entry[CONFIG_DIAG_MAX];
};

void config_diag_init(struct config_diag *d);
/* Adds a finding; d may be null. Control characters and broken UTF-8 in the text become '?'. */
void config_diag_add(struct config_diag *d, enum config_severity severity,
                     struct config_pos pos, int guest, const char *format, ...) PRINTF(5, 6);
/* By position, boot options first; findings at one position keep their order. */
void config_diag_sort(struct config_diag *d);
/*
 * `FILE:LINE:COL: error: TEXT` without line end; boot options come as
 * `boot options: error: TEXT`, findings without position as `FILE: error: TEXT`.
 * Returns the full length like fmt().
 */
size_t config_diag_format(const struct config_diag_entry *e, const char *file, char *buf,
                          size_t size);

/* ---- values --------------------------------------------------------------------- */

enum config_rtc       { CONFIG_RTC_UTC, CONFIG_RTC_LOCAL };
enum config_stopped   { CONFIG_STOPPED_WAIT, CONFIG_STOPPED_POWEROFF, CONFIG_STOPPED_REBOOT };
enum config_on_panic  { CONFIG_PANIC_HALT, CONFIG_PANIC_REBOOT };
enum config_on_reboot { CONFIG_REBOOT_RESTART, CONFIG_REBOOT_STOP };
enum config_on_crash  { CONFIG_CRASH_STOP, CONFIG_CRASH_RESTART, CONFIG_CRASH_PAUSE };
enum config_bus       { CONFIG_BUS_VIRTIO, CONFIG_BUS_AHCI, CONFIG_BUS_IDE };
enum config_nic_model { CONFIG_NIC_VIRTIO };
enum config_console_kind { CONFIG_CONSOLE_UART, CONFIG_CONSOLE_VGA };

struct config_console {
    enum config_console_kind kind;
    uint16_t port;                  /* UART: first I/O port */
};

/* A set of physical CPUs. `all`: every CPU, bits unused. */
struct config_cpuset {
    bool     all;
    uint64_t bits[CONFIG_CPUS_MAX / 64];
};

static inline bool config_cpuset_has(const struct config_cpuset *s, uint32_t cpu)
{
    return s->all || (cpu < CONFIG_CPUS_MAX && (s->bits[cpu / 64] >> (cpu % 64) & 1));
}

static inline bool config_vlans_have(const uint64_t set[CONFIG_VLAN_WORDS], uint32_t vlan)
{
    return vlan <= CONFIG_VLAN_MAX && (set[vlan / 64] >> (vlan % 64) & 1);
}

struct config_pci_addr {
    uint16_t segment;
    uint8_t  bus, device, function;
};

/* ---- keys ----------------------------------------------------------------------- */

/*
 * Every section keeps where each of its keys stands: at[KEY] is the position of the
 * value, line 0 when the key is absent and the default holds.
 */
enum config_host_key {
    HOST_CONSOLE, HOST_BAUD, HOST_LOG, HOST_CPUS, HOST_WHEN_ALL_STOPPED, HOST_ON_PANIC,
    HOST_ESCAPE, HOST_RTC, HOST_KEYS
};
enum config_switch_key {
    SWITCH_NAME, SWITCH_UPLINK, SWITCH_MTU, SWITCH_BROADCAST_LIMIT, SWITCH_UPLINK_VLAN,
    SWITCH_UPLINK_TRUNK, SWITCH_KEYS
};
enum config_guest_key {
    GUEST_NAME, GUEST_CPUS, GUEST_MEMORY, GUEST_KERNEL, GUEST_INITRD, GUEST_MODULES,
    GUEST_CMDLINE, GUEST_FIRMWARE, GUEST_AUTOSTART, GUEST_ON_REBOOT, GUEST_ON_CRASH,
    GUEST_STOP_TIMEOUT, GUEST_WEIGHT, GUEST_CAP, GUEST_PIN, GUEST_DEDICATED, GUEST_UUID,
    GUEST_RTC, GUEST_DISK, GUEST_NET, GUEST_PCI, GUEST_KEYS
};
enum config_disk_key {
    DISK_FILE, DISK_DEVICE, DISK_READONLY, DISK_OVERLAY, DISK_OVERLAY_MAX, DISK_BUS,
    DISK_CDROM, DISK_RATE, DISK_IOPS, DISK_SERIAL, DISK_KEYS
};
enum config_net_key {
    NET_SWITCH, NET_MAC, NET_MODEL, NET_VLAN, NET_TRUNK, NET_ANY_MAC, NET_MIRROR, NET_RATE,
    NET_RATE_IN, NET_KEYS
};
enum config_pci_key { PCI_DEVICE, PCI_KEYS };

struct config_host {
    struct config_pos     at[HOST_KEYS];
    struct config_console console[CONFIG_CONSOLE_MAX];
    uint32_t              consoles;         /* 0: the firmware's console, else all that answer */
    uint32_t              baud;             /* divides 115200 */
    enum log_level        log;
    struct config_cpuset  cpus;
    enum config_stopped   when_all_stopped;
    enum config_on_panic  on_panic;
    uint8_t               escape;           /* the control character, 1 to 31 */
    enum config_rtc       rtc;
};

enum config_uplink_kind { CONFIG_UPLINK_NONE, CONFIG_UPLINK_PCI, CONFIG_UPLINK_MAC };

struct config_switch {
    struct config_pos       pos;            /* of its [[switch]] line */
    struct config_pos       at[SWITCH_KEYS];
    bool                    bad;            /* has an error; so have the guests that name it */
    struct config_str       name;
    enum config_uplink_kind uplink;
    struct config_pci_addr  uplink_pci;
    uint8_t                 uplink_mac[6];
    uint32_t                mtu;
    uint32_t                broadcast_limit;    /* frames a second and port; 0: none */
    uint16_t                uplink_vlan;        /* of untagged frames; 0: none */
    bool                    uplink_trunk;       /* frames of these go tagged over the uplink: */
    uint64_t                uplink_trunk_vlan[CONFIG_VLAN_WORDS];
};

enum config_device_kind {
    CONFIG_DEVICE_PARTUUID,                 /* name: the id in lower case */
    CONFIG_DEVICE_SERIAL,                   /* name: the disk's serial number */
    CONFIG_DEVICE_NAME,                     /* name: nvme0n1p2, sda1, ... */
};

struct config_disk {
    struct config_pos       pos;
    struct config_pos       at[DISK_KEYS];
    struct config_str       file;           /* a module; or, when unset, a real device: */
    struct config_str       device;         /* as written */
    enum config_device_kind device_kind;
    struct config_str       device_name;
    bool                    readonly, cdrom;
    bool                    overlay;        /* the default is resolved */
    uint64_t                overlay_max;    /* bytes; the default is resolved */
    enum config_bus         bus;
    uint64_t                rate;           /* bytes a second; 0: no limit */
    uint32_t                iops;           /* requests a second; 0: no limit */
    struct config_str       serial;         /* the default is resolved; unset only when bad */
};

struct config_net {
    struct config_pos     pos;
    struct config_pos     at[NET_KEYS];
    struct config_str     sw;               /* name of the switch; it exists */
    bool                  has_mac;          /* else derive it */
    uint8_t               mac[6];
    enum config_nic_model model;
    uint16_t              vlan;             /* access port, or native VLAN of a trunk; 0: none */
    bool                  trunk;            /* tagged frames of these: */
    uint64_t              trunk_vlan[CONFIG_VLAN_WORDS];
    bool                  any_mac, mirror;
    uint64_t              rate, rate_in;    /* sent, received: bytes a second; 0: no limit */
};

struct config_pci {
    struct config_pos      pos;
    struct config_pos      at[PCI_KEYS];
    struct config_pci_addr device;
};

struct config_module {
    struct config_str file;                 /* the first word */
    struct config_str string;               /* file and arguments, as the kernel sees it */
};

struct guest_config {
    struct config_pos     pos;              /* of its [[guest]] line */
    struct config_pos     at[GUEST_KEYS];
    bool                  bad;              /* has an error: must not be started */
    struct config_str     name;             /* may be unset when bad */
    uint32_t              cpus;             /* to be used, 1 to CONFIG_VCPUS_MAX */
    uint64_t              memory;           /* bytes, a multiple of 2 MiB */
    struct config_str     kernel, firmware; /* exactly one is set unless bad */
    struct config_str    *initrd;           /* to be concatenated in this order */
    uint32_t              initrds;
    struct config_module *module;
    uint32_t              modules;
    struct config_str     cmdline;
    bool                  autostart;
    enum config_on_reboot on_reboot;
    enum config_on_crash  on_crash;
    uint32_t              stop_timeout;     /* seconds */
    uint32_t              weight;
    uint32_t              cap;              /* percent of one CPU; 0: none */
    struct config_cpuset  pin;              /* all: anywhere */
    bool                  dedicated;
    bool                  has_uuid;         /* else derive it */
    uint8_t               uuid[16];         /* in the order of the text */
    enum config_rtc       rtc;
    struct config_disk   *disk;
    uint32_t              disks;
    struct config_net    *net;
    uint32_t              nets;
    struct config_pci    *pci;
    uint32_t              pcis;
};

enum config_file_role {
    CONFIG_FILE_KERNEL, CONFIG_FILE_INITRD, CONFIG_FILE_MODULE, CONFIG_FILE_FIRMWARE,
    CONFIG_FILE_DISK, CONFIG_FILE_CDROM
};

/* One mention of a file; the same file may be mentioned often. */
struct config_file {
    struct config_str     name;
    enum config_file_role role;
    uint32_t              guest;            /* index of the guest that names it */
};

struct config {
    struct config_host    host;
    struct config_switch *sw;
    uint32_t              switches;
    struct guest_config  *guest;            /* in the order of the file */
    uint32_t              guests;
    struct config_file   *file;             /* every file named, in the order of the file */
    uint32_t              files;
};

/* ---- entry points --------------------------------------------------------------- */

/* The defaults: no guests, no switches. */
void config_defaults(struct config *c);

/*
 * Reads `text` (len bytes, TOML 1.0; no NUL needed at its end) into *out and adds what
 * is wrong with it to *diag, then sorts *diag.
 * HV_OK: the file was understood; errors may still have been found. A guest with an
 *   error has `bad` set and must not be started; the others may. A host value with an
 *   error keeps its default.
 * HV_INVALID: the file is not TOML, or of a version we do not know: *out holds the
 *   defaults and no guest.
 * HV_NOMEM: the arena is too small; as HV_INVALID.
 * There is at least one error in *diag whenever the result is not HV_OK.
 * Context: any, without locks; may take milliseconds. *out points into the arena.
 */
MUST_CHECK hv_status config_parse(const char *text, size_t len, struct arena *arena,
                                  struct config *out, struct config_diag *diag);

/*
 * Boot options: blank-separated KEY=VALUE words, KEY a key of [host] or `config`.
 * Applies them over *c. Lists are comma-separated: console=com2,vga. May be called with
 * the defaults before the file is read, for the console, and again after config_parse();
 * diag may be null in one of the calls. A wrong option is reported and skipped.
 * A first word without '=' is the file name that some loaders put there: skipped.
 */
void config_apply_options(struct config *c, const char *cmdline, struct config_diag *diag);

#define CONFIG_FILE_DEFAULT "socle.toml"
/* The value of config= in the boot options, with its length; null when there is none. */
const char *config_option_file(const char *cmdline, size_t *len);

/* ---- the key table, for documentation and its test ------------------------------ */

struct config_key_doc {
    const char *section;        /* "", "host", "switch", "guest", "guest.disk", ... */
    const char *key;
    const char *example;        /* a right value as it stands in a file; null for sections */
    const char *def;            /* the default, or "required", or in words */
    const char *text;
    bool        landed;         /* false: accepted, but without effect in this version */
};

/* Key number i of all sections; false past the last. */
bool config_key_doc(size_t i, struct config_key_doc *out);

#endif
