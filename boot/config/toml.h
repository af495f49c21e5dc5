/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TOML 1.0 (toml.io/en/v1.0.0) to a tree in which every key and value knows its place in
 * the file. Complete but for three things the configuration has no use for and which are
 * refused by name: floats, dates and times, and U+0000 inside text.
 */
#ifndef BOOT_CONFIG_TOML_H
#define BOOT_CONFIG_TOML_H

#include "socle/config.h"

enum {
    TOML_DEPTH_MAX    = 16,     /* arrays and inline tables in each other; parts of a key */
    TOML_KEYS_MAX     = 1024,   /* keys of one table: looked up one by one */
    TOML_ELEMENTS_MAX = 4096,   /* elements of one array */
};

enum toml_type { TOML_STRING, TOML_INTEGER, TOML_BOOL, TOML_ARRAY, TOML_TABLE };

/* How a table or array came to be; decides what may be added to it later. */
enum toml_origin {
    TOML_PLAIN,                 /* a value: may not be added to (inline table, [ ... ]) */
    TOML_IMPLICIT,              /* table on the way of a [header]; may still get its own */
    TOML_HEADER,                /* [table], an element of [[array]], or the [[array]] */
    TOML_DOTTED,                /* table made by a dotted key */
};

struct toml_node {
    enum toml_type    type;
    enum toml_origin  origin;
    struct config_pos pos;      /* of the value; of the header's line for header tables */
    struct config_str key;      /* unset in arrays and in the root */
    struct toml_node *next;     /* in the same table or array */
    union {
        struct config_str str;
        int64_t           integer;
        bool              boolean;
        struct {
            struct toml_node *first, *last;
            uint32_t          count;
        } list;                 /* array, table: in the order of the file */
    } u;
};

/*
 * HV_INVALID: *diag has at least one more error, and *root is null. HV_NOMEM: the arena
 * ran out; nothing is added to *diag for that. At most CONFIG_DIAG_MAX errors are sought.
 */
MUST_CHECK hv_status toml_parse(const char *text, size_t len, struct arena *arena,
                                struct config_diag *diag, struct toml_node **root);

/* The value of a key in a table; null when it has none. */
const struct toml_node *toml_get(const struct toml_node *table, const char *key);

/* "text", "a number", "true or false", "a list", "a table". */
const char *toml_type_text(const struct toml_node *n);

#endif
