/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys, key/value pairs and [headers], and the rules on what may be defined how often
 * (TOML 1.0, "Keys", "Table", "Array of Tables"). Every refusal names the line of the
 * earlier definition.
 */
#include "socle/str.h"
#include "toml_priv.h"

/* TOML 1.0, "Keys": ASCII only, so that a key looks the same everywhere. */
static bool is_bare(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

static bool bare_key(struct toml_parser *p, struct config_str *out)
{
    size_t n = 0;

    while (is_bare(toml_peek(p, n)))
        n++;
    if (n == 0 && toml_peek(p, 0) >= 0x80)
        return toml_error(p, p->pos, "a key of other than A-Z a-z 0-9 _ - needs quotes");
    if (n == 0)
        return toml_error(p, p->pos, "a key is missing here");

    char *text = arena_alloc(p->arena, n + 1, 1);
    if (!text) {
        p->nomem = true;
        return false;
    }
    memcpy(text, p->at, n);
    *out = (struct config_str){ text, (uint32_t)n, p->pos };
    toml_step(p, n);
    return true;
}

/* A part of a dotted key; quoted parts may hold any text, dots and nothing included. */
static bool one_key(struct toml_parser *p, struct config_str *out)
{
    const int c = toml_peek(p, 0);

    if (c != '"' && c != '\'')
        return bare_key(p, out);
    if (toml_peek(p, 1) == c && toml_peek(p, 2) == c)
        return toml_error(p, p->pos, "a key cannot be multi-line text");
    return toml_string(p, out);
}

/*
 * `a."b.c".d`, with blanks around the dots. The parts live in the arena; the path itself is
 * on the stack, hence the bound on its length.
 */
bool toml_key_path(struct toml_parser *p, struct toml_path *path)
{
    path->parts = 0;
    for (;;) {
        if (path->parts == TOML_DEPTH_MAX)
            return toml_error(p, p->pos, "more than %d parts in one key", TOML_DEPTH_MAX);
        if (!one_key(p, &path->part[path->parts++]))
            return false;
        toml_skip_blanks(p);
        if (toml_peek(p, 0) != '.')
            return true;
        toml_step(p, 1);
        toml_skip_blanks(p);
    }
}

/* One by one: tables are small, and TOML_KEYS_MAX bounds hostile ones. */
static struct toml_node *find(const struct toml_node *table, const struct config_str *key)
{
    for (struct toml_node *n = table->u.list.first; n; n = n->next)
        if (n->key.len == key->len && memcmp(n->key.text, key->text, key->len) == 0)
            return n;
    return NULL;
}

bool toml_append(struct toml_parser *p, struct toml_node *list, struct toml_node *n,
                 uint32_t max)
{
    if (list->u.list.count == max)
        return toml_error(p, n->pos, "more than %u entries in one %s", max,
                          list->type == TOML_TABLE ? "table" : "list");
    if (list->u.list.last)
        list->u.list.last->next = n;
    else
        list->u.list.first = n;
    list->u.list.last = n;
    list->u.list.count++;
    return true;
}

/* Null after an error, or with `nomem` set. */
static struct toml_node *add_new(struct toml_parser *p, struct toml_node *table,
                                 const struct config_str *key, enum toml_type type,
                                 enum toml_origin origin)
{
    struct toml_node *n = toml_node_new(p, type, key->pos);

    if (!n)
        return NULL;
    n->key = *key;
    n->origin = origin;
    return toml_append(p, table, n, TOML_KEYS_MAX) ? n : NULL;
}

static bool twice(struct toml_parser *p, const struct config_str *key, uint32_t line)
{
    return toml_error(p, key->pos, "\"" TOML_QUOTE "\" is defined twice; first in line %u",
                      toml_shown(key->len), key->text, line);
}

/* For headers and dotted keys that lead through something that takes no more keys. */
static bool not_a_table(struct toml_parser *p, const struct config_str *key,
                        const struct toml_node *n)
{
    if (n->type == TOML_TABLE)
        return toml_error(p, key->pos, "the { table } \"" TOML_QUOTE "\" of line %u is complete "
                                       "and cannot be added to",
                          toml_shown(key->len), key->text, n->pos.line);
    return toml_error(p, key->pos, "\"" TOML_QUOTE "\" is no table: line %u makes it %s",
                      toml_shown(key->len), key->text, n->pos.line, toml_type_text(n));
}

/* One step of a dotted key in front of its last part. */
static struct toml_node *dotted_step(struct toml_parser *p, struct toml_node *table,
                                     const struct config_str *key)
{
    struct toml_node *n = find(table, key);

    if (!n)
        return add_new(p, table, key, TOML_TABLE, TOML_DOTTED);
    if (n->type != TOML_TABLE || n->origin == TOML_PLAIN) {
        not_a_table(p, key, n);
        return NULL;
    }
    if (n->origin == TOML_HEADER) {
        twice(p, key, n->pos.line);
        return NULL;
    }
    n->origin = TOML_DOTTED;
    return n;
}

/* Also catches `key:` and `key =` with nothing behind, as YAML and ini files have them. */
static bool expect_equals(struct toml_parser *p, const struct config_str *key)
{
    const int c = toml_peek(p, 0);

    if (c == '=') {
        toml_step(p, 1);
        toml_skip_blanks(p);
        if (!toml_at_line_end(p) && toml_peek(p, 0) != '#')
            return true;
        return toml_error(p, p->pos, "the key \"" TOML_QUOTE "\" has no value",
                          toml_shown(key->len), key->text);
    }
    return toml_error(p, p->pos, "expected = after the key \"" TOML_QUOTE "\"%s",
                      toml_shown(key->len), key->text, c == ':' ? ", not :" : "");
}

bool toml_key_value(struct toml_parser *p, struct toml_node *table)
{
    struct toml_path path;
    struct toml_node *value;

    if (!toml_key_path(p, &path))
        return false;
    const struct config_str *key = &path.part[path.parts - 1];
    if (!expect_equals(p, key) || !toml_value(p, &value))
        return false;

    /* Only now, with the value read, does the tree change. */
    for (uint32_t i = 0; i + 1 < path.parts; i++) {
        table = dotted_step(p, table, &path.part[i]);
        if (!table)
            return false;
    }
    const struct toml_node *before = find(table, key);
    if (before)
        return twice(p, key, before->key.pos.line);
    value->key = *key;
    return toml_append(p, table, value, TOML_KEYS_MAX);
}

/* One step of a header in front of its last part; enters the last element of an array. */
static struct toml_node *header_step(struct toml_parser *p, struct toml_node *table,
                                     const struct config_str *key)
{
    struct toml_node *n = find(table, key);

    if (!n)
        return add_new(p, table, key, TOML_TABLE, TOML_IMPLICIT);
    if (n->origin == TOML_PLAIN) {
        not_a_table(p, key, n);
        return NULL;
    }
    return n->type == TOML_ARRAY ? n->u.list.last : n;
}

/*
 * [key]: defines a table once. One that so far only stood on the way of a longer header may
 * still be defined; one of dotted keys may not ("Table": defining it twice).
 */
static bool open_table(struct toml_parser *p, struct toml_node *parent,
                       const struct config_str *key, struct config_pos start)
{
    struct toml_node *n = find(parent, key);

    if (!n) {
        n = add_new(p, parent, key, TOML_TABLE, TOML_HEADER);
    } else if (n->type == TOML_ARRAY && n->origin == TOML_HEADER) {
        return toml_error(p, key->pos, "line %u begins [[" TOML_QUOTE "]] with two brackets: "
                                       "write them here as well",
                          n->pos.line, toml_shown(key->len), key->text);
    } else if (n->origin == TOML_PLAIN) {
        return not_a_table(p, key, n);
    } else if (n->origin != TOML_IMPLICIT) {
        return twice(p, key, n->pos.line);
    }
    if (!n)
        return false;
    n->origin = TOML_HEADER;
    n->pos = start;
    p->table = n;
    return true;
}

/* [[key]]: a new element of an array that headers, and nothing else, have made. */
static bool open_element(struct toml_parser *p, struct toml_node *parent,
                         const struct config_str *key, struct config_pos start)
{
    struct toml_node *n = find(parent, key);

    if (!n) {
        n = add_new(p, parent, key, TOML_ARRAY, TOML_HEADER);
        if (!n)
            return false;
        n->pos = start;
    } else if (n->type == TOML_TABLE && n->origin != TOML_PLAIN) {
        return toml_error(p, key->pos, "line %u begins [" TOML_QUOTE "] with one bracket: "
                                       "write two there for a list",
                          n->pos.line, toml_shown(key->len), key->text);
    } else if (n->origin == TOML_PLAIN) {
        return toml_error(p, key->pos, "\"" TOML_QUOTE "\" is already given in line %u and "
                                       "cannot be added to",
                          toml_shown(key->len), key->text, n->pos.line);
    }

    struct toml_node *element = toml_node_new(p, TOML_TABLE, start);
    if (!element)
        return false;
    element->origin = TOML_HEADER;
    p->table = element;
    return toml_append(p, n, element, TOML_ELEMENTS_MAX);
}

/* No blank may stand between two closing brackets. */
static bool close_brackets(struct toml_parser *p, unsigned brackets)
{
    for (unsigned i = 0; i < brackets; i++)
        if (toml_peek(p, i) != ']')
            return toml_error(p, p->pos, "expected %s at the end of the header",
                              brackets == 2 ? "]]" : "]");
    toml_step(p, brackets);
    return true;
}

bool toml_header(struct toml_parser *p)
{
    const struct config_pos start = p->pos;
    const unsigned brackets = toml_peek(p, 1) == '[' ? 2 : 1;
    struct toml_node *parent = p->root;
    struct toml_path path;

    toml_step(p, brackets);
    toml_skip_blanks(p);
    if (!toml_key_path(p, &path) || !close_brackets(p, brackets))
        return false;
    for (uint32_t i = 0; i + 1 < path.parts; i++) {
        parent = header_step(p, parent, &path.part[i]);
        if (!parent)
            return false;
    }
    const struct config_str *key = &path.part[path.parts - 1];
    return brackets == 2 ? open_element(p, parent, key, start)
                         : open_table(p, parent, key, start);
}
