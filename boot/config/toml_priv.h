/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the toml_*.c files: the cursor over the text, errors, and one function per
 * kind of thing in the grammar. Functions that return bool have reported their error,
 * or set `nomem`, when they return false.
 */
#ifndef BOOT_CONFIG_TOML_PRIV_H
#define BOOT_CONFIG_TOML_PRIV_H

#include "toml.h"

struct toml_parser {
    const char          *at, *end;
    struct config_pos    pos;           /* of *at */
    struct arena        *arena;
    struct config_diag  *diag;
    uint32_t             errors;
    bool                 nomem;
    bool                 lost;          /* what follows an error would only be noise */
    unsigned             depth;         /* of arrays and inline tables */
    struct toml_node    *root, *table;  /* table: where key/value lines go */
};

enum { TOML_END = -1 };

/* The byte `ahead` of the cursor, or TOML_END. */
static inline int toml_peek(const struct toml_parser *p, size_t ahead)
{
    return (size_t)(p->end - p->at) > ahead ? (uint8_t)p->at[ahead] : TOML_END;
}

/* Carriage returns stand only before line feeds; toml_text_valid() has made sure. */
static inline bool toml_at_line_end(const struct toml_parser *p)
{
    const int c = toml_peek(p, 0);
    return c == '\n' || c == '\r' || c == TOML_END;
}

void toml_step(struct toml_parser *p, size_t bytes);
void toml_skip_blanks(struct toml_parser *p);           /* spaces and tabs */
void toml_skip_comment(struct toml_parser *p);          /* to the end of the line */
void toml_skip_line_end(struct toml_parser *p);
void toml_skip_blank_lines(struct toml_parser *p);      /* blanks, comments and line ends */

/* Always returns false, for `return toml_error(...)`. */
bool toml_error(struct toml_parser *p, struct config_pos pos, const char *format, ...)
    PRINTF(3, 4);

/* A zeroed node; null with `nomem` set when the arena is used up. */
struct toml_node *toml_node_new(struct toml_parser *p, enum toml_type type,
                                struct config_pos pos);

/* toml_text.c: encoding and control characters of the whole file. */
bool toml_text_valid(struct toml_parser *p);

/* toml_string.c: the cursor stands on the opening quote. */
bool toml_string(struct toml_parser *p, struct config_str *out);        /* one line */
bool toml_string_any(struct toml_parser *p, struct config_str *out);    /* also multi-line */

/* toml_scalar.c: numbers, booleans, and what people write instead. */
bool toml_scalar(struct toml_parser *p, struct toml_node **out);

/* toml_value.c */
bool toml_value(struct toml_parser *p, struct toml_node **out);

/* toml_table.c */
struct toml_path {
    struct config_str part[TOML_DEPTH_MAX];
    uint32_t          parts;
};
bool toml_key_path(struct toml_parser *p, struct toml_path *path);
bool toml_key_value(struct toml_parser *p, struct toml_node *table);
bool toml_header(struct toml_parser *p);
bool toml_append(struct toml_parser *p, struct toml_node *list, struct toml_node *n,
                 uint32_t max);

/* Part of a message: at most this much of the file's own words. */
#define TOML_QUOTE "%.*s"
static inline int toml_shown(uint32_t len) { return len < 40 ? (int)len : 40; }

#endif
