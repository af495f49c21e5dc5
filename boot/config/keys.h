/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key table: everything that may stand in a configuration, one row per key. The
 * schema pass, the boot options, the defaults, the suggestions and the test of
 * docs/config.md are all driven by it. A feature that lands sets its rows' `landed`.
 */
#ifndef BOOT_CONFIG_KEYS_H
#define BOOT_CONFIG_KEYS_H

#include "socle/config.h"

enum section {
    SECTION_TOP, SECTION_HOST, SECTION_SWITCH, SECTION_GUEST, SECTION_DISK, SECTION_NET,
    SECTION_PCI, SECTION_COUNT
};

enum value_type {
    VALUE_WORD,         /* one of words[]: unsigned index */
    VALUE_BOOL,         /* bool */
    VALUE_NUMBER,       /* min to max: uint32_t */
    VALUE_BAUD,         /* min to max, divides 115200: uint32_t */
    VALUE_SIZE,         /* min to max MiB, whole MiB: uint64_t bytes */
    VALUE_BYTE_RATE,    /* min to max KiB a second: uint64_t bytes */
    VALUE_BIT_RATE,     /* min to max Kbit a second, powers of 1000: uint64_t bytes */
    VALUE_VLAN,         /* min to max: uint16_t */
    VALUE_VLANS,        /* number or list of them: uint64_t[CONFIG_VLAN_WORDS] */
    VALUE_NAME,         /* of a guest or switch: config_str */
    VALUE_TEXT,         /* one line: config_str */
    VALUE_FILE,         /* file name: config_str */
    VALUE_FILES,        /* file name or list of them: in guest_config */
    VALUE_MODULES,      /* "FILE ARGUMENTS" or list of them: in guest_config */
    VALUE_CPUS,         /* "0-3,6" or "all": config_cpuset */
    VALUE_UUID,         /* in guest_config */
    VALUE_MAC,          /* in config_net */
    VALUE_PCI,          /* config_pci_addr */
    VALUE_UPLINK,       /* in config_switch */
    VALUE_DEVICE,       /* in config_disk */
    VALUE_SERIAL,       /* of a disk: config_str */
    VALUE_CONSOLES,     /* in config_host */
    VALUE_ESCAPE,       /* uint8_t */
    VALUE_TABLE,        /* [section] */
    VALUE_TABLES,       /* [[section]], again and again */
};

struct key_spec {
    const char     *name;
    enum value_type type;
    uint8_t         id;             /* in the enum of its section's keys */
    bool            required;
    bool            landed;
    uint16_t        offset;         /* in the section's struct, where the type says so */
    uint32_t        min, max;
    const char *const *words;       /* null-terminated */
    uint8_t         words_landed;   /* only the first so many have an effect; 0: all */
    const char     *def;            /* default, as a boot option would give it; or null */
    const char     *def_text;       /* otherwise: the default in words */
    const char     *example;        /* a right value as it stands in a file */
    const char     *harm;           /* not landed: what ignoring it could do; makes it an error */
    const char     *instead;        /* not landed: what happens instead, for the warning */
    const char     *text;
};

struct section_spec {
    const char            *name;    /* "guest.disk" */
    const char            *label;   /* as it stands in a file: "[[guest.disk]]" */
    const char            *where;   /* " in [[guest.disk]]" */
    const struct key_spec *key;
    uint32_t               keys;
};

extern const struct section_spec section_specs[SECTION_COUNT];

/* Null when the section has no such key. */
const struct key_spec *key_find(enum section section, const char *name);

/* The value that is expected, in words: "a number from 1 to 64". */
void key_type_text(const struct key_spec *spec, char *buf, size_t size);

#endif
