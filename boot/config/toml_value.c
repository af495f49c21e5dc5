/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values: dispatch on the first character, arrays and inline tables (TOML 1.0, "Array",
 * "Inline Table"). The only recursion of the reader; bounded by TOML_DEPTH_MAX, since the
 * hypervisor has one stack per CPU.
 */
#include "toml_priv.h"

static bool enter(struct toml_parser *p)
{
    if (p->depth == TOML_DEPTH_MAX)
        return toml_error(p, p->pos, "more than %d lists and tables inside each other",
                          TOML_DEPTH_MAX);
    p->depth++;
    return true;
}

/* `KEY =` at the cursor: what stands in a list that somebody forgot to close. */
static bool looks_like_key(const struct toml_parser *p)
{
    size_t n = 0;

    for (int c = toml_peek(p, 0); (c >= 'a' && c <= 'z') || c == '_'; c = toml_peek(p, n))
        n++;
    const bool word = n > 0;
    while (toml_peek(p, n) == ' ' || toml_peek(p, n) == '\t')
        n++;
    return word && toml_peek(p, n) == '=';
}

static bool array_body(struct toml_parser *p, struct toml_node *array)
{
    for (;;) {
        struct toml_node *element;

        toml_skip_blank_lines(p);
        if (toml_peek(p, 0) == ']')
            return true;
        if (toml_peek(p, 0) == TOML_END)
            return toml_error(p, array->pos, "this list has no closing ]");
        if (looks_like_key(p))
            return toml_error(p, array->pos, "this list has no closing ] before line %u",
                              p->pos.line);
        if (!toml_value(p, &element) || !toml_append(p, array, element, TOML_ELEMENTS_MAX))
            return false;

        toml_skip_blank_lines(p);
        if (toml_peek(p, 0) == ',')
            toml_step(p, 1);
        else if (toml_peek(p, 0) == TOML_END)
            return toml_error(p, array->pos, "this list has no closing ]");
        else if (toml_peek(p, 0) != ']')
            return toml_error(p, p->pos, "expected , or ] in the list that begins in line %u",
                              array->pos.line);
    }
}

static bool array(struct toml_parser *p, struct toml_node **out)
{
    struct toml_node *n = toml_node_new(p, TOML_ARRAY, p->pos);

    if (!n || !enter(p))
        return false;
    toml_step(p, 1);
    if (!array_body(p, n))
        return false;
    toml_step(p, 1);
    p->depth--;
    *out = n;
    return true;
}

/* TOML 1.0 allows no line end between { and }. */
static bool on_one_line(struct toml_parser *p, const struct toml_node *table)
{
    toml_skip_blanks(p);
    if (!toml_at_line_end(p))
        return true;
    p->lost = true;
    return toml_error(p, table->pos, "a { table } must begin and end on one line");
}

static bool inline_table_body(struct toml_parser *p, struct toml_node *table)
{
    if (!on_one_line(p, table))
        return false;
    if (toml_peek(p, 0) == '}')
        return true;
    for (;;) {
        if (!toml_key_value(p, table) || !on_one_line(p, table))
            return false;
        if (toml_peek(p, 0) == '}')
            return true;
        if (toml_peek(p, 0) != ',')
            return toml_error(p, p->pos, "expected , or } in this table");
        toml_step(p, 1);
        if (!on_one_line(p, table))
            return false;
        if (toml_peek(p, 0) == '}')
            return toml_error(p, p->pos, "no comma may stand before }");
    }
}

static bool inline_table(struct toml_parser *p, struct toml_node **out)
{
    struct toml_node *n = toml_node_new(p, TOML_TABLE, p->pos);

    if (!n || !enter(p))
        return false;
    toml_step(p, 1);
    if (!inline_table_body(p, n))
        return false;
    toml_step(p, 1);
    p->depth--;
    *out = n;
    return true;
}

static bool string(struct toml_parser *p, struct toml_node **out)
{
    struct toml_node *n = toml_node_new(p, TOML_STRING, p->pos);

    *out = n;
    return n && toml_string_any(p, &n->u.str);
}

bool toml_value(struct toml_parser *p, struct toml_node **out)
{
    switch (toml_peek(p, 0)) {
    case '"':
    case '\'':
        return string(p, out);
    case '[':
        return array(p, out);
    case '{':
        return inline_table(p, out);
    default:
        return toml_scalar(p, out);
    }
}
