/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a value in the file, or in a boot option, to a typed member of the configuration.
 * Readers return false after reporting what is wrong; *base then keeps its default.
 */
#ifndef BOOT_CONFIG_VALUES_H
#define BOOT_CONFIG_VALUES_H

#include "keys.h"
#include "toml.h"

struct reader {
    struct arena       *arena;      /* null for boot options, which need none */
    struct config_diag *diag;       /* null: silent */
    struct config      *cfg;
    int                 guest;      /* the guest being read, -1: none */
    bool               *bad;        /* set by every error; may be null */
    bool                option;     /* reading boot options */
    bool                nomem;
    uint32_t            errors;     /* reported so far */
};

/* Always returns false, for `return read_error(...)`. */
bool read_error(struct reader *r, struct config_pos pos, const char *format, ...) PRINTF(3, 4);
void read_warning(struct reader *r, struct config_pos pos, const char *format, ...) PRINTF(3, 4);

/* Zeroed memory of the arena; null with `nomem` set when it is used up. */
void *read_alloc(struct reader *r, size_t size, size_t align);

/* base: the struct of the key's section. For every type but VALUE_TABLE and VALUE_TABLES. */
bool read_value(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                void *base);

/* A value given as text without type, as boot options and defaults are. */
bool read_value_text(struct reader *r, const struct key_spec *spec, const char *text,
                     size_t len, void *base);

/* A wrong word for one of the type's values, with the nearest right one. */
bool read_wrong_type(struct reader *r, const struct key_spec *spec, const struct toml_node *n);

/* The readers by file; `to` is the member, or the section's struct where keys.h says so. */
/* values_text.c */
bool read_name(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to);
bool read_text(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to);
bool read_file(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to);
bool read_files(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                struct guest_config *to);
bool read_modules(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                  struct guest_config *to);
/* values_size.c */
bool read_size(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               uint64_t *to);
/* values_rate.c: both in bytes a second */
bool read_byte_rate(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                    uint64_t *to);
bool read_bit_rate(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                   uint64_t *to);
/* values_vlan.c */
bool read_vlan(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               uint16_t *to);
bool read_vlans(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                uint64_t to[CONFIG_VLAN_WORDS]);
/* values_host.c */
bool read_cpus(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_cpuset *to);
bool read_consoles(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                   struct config_host *to);
bool read_escape(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 uint8_t *to);
/* values_address.c */
bool read_uuid(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct guest_config *to);
bool read_mac(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
              uint8_t to[6]);
bool read_pci(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
              struct config_pci_addr *to);
bool read_uplink(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_switch *to);
/* values_disk.c */
bool read_device(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_disk *to);
bool read_serial(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_str *to);

#endif
