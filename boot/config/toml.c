/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TOML reader's line loop (TOML 1.0). Called by config_parse(). After an error it goes
 * on with the next line, so that one run shows everything that is wrong; errors inside of
 * something that spans lines end the run, since what follows would only be noise.
 */
#include "toml.h"

#include "diag.h"
#include "socle/str.h"
#include "toml_priv.h"

void toml_step(struct toml_parser *p, size_t bytes)
{
    for (; bytes > 0 && p->at < p->end; bytes--, p->at++) {
        if (*p->at == '\n') {
            p->pos.line++;
            p->pos.col = 1;
        } else if (((uint8_t)*p->at & 0xc0) != 0x80) {
            p->pos.col++;                   /* UTF-8 tails are part of their character */
        }
    }
}

void toml_skip_blanks(struct toml_parser *p)
{
    while (toml_peek(p, 0) == ' ' || toml_peek(p, 0) == '\t')
        toml_step(p, 1);
}

static void skip_rest_of_line(struct toml_parser *p)
{
    while (!toml_at_line_end(p))
        toml_step(p, 1);
}

void toml_skip_comment(struct toml_parser *p)
{
    if (toml_peek(p, 0) == '#')
        skip_rest_of_line(p);
}

void toml_skip_line_end(struct toml_parser *p)
{
    toml_step(p, toml_peek(p, 0) == '\r' ? 2 : 1);
}

void toml_skip_blank_lines(struct toml_parser *p)
{
    for (;;) {
        toml_skip_blanks(p);
        toml_skip_comment(p);
        if (!toml_at_line_end(p) || toml_peek(p, 0) == TOML_END)
            return;
        toml_skip_line_end(p);
    }
}

bool toml_error(struct toml_parser *p, struct config_pos pos, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    config_diag_add_v(p->diag, (struct diag_about){ CONFIG_ERROR, pos, -1, false }, format, args);
    va_end(args);
    p->errors++;
    return false;
}

struct toml_node *toml_node_new(struct toml_parser *p, enum toml_type type,
                                struct config_pos pos)
{
    struct toml_node *n = arena_alloc(p->arena, sizeof(*n), _Alignof(struct toml_node));

    if (!n) {
        p->nomem = true;
        return NULL;
    }
    n->type = type;
    n->pos = pos;
    return n;
}

/* After a wrong header its keys go to a table of their own, where they harm nobody. */
static bool header_line(struct toml_parser *p)
{
    if (toml_header(p))
        return true;
    p->table = toml_node_new(p, TOML_TABLE, p->pos);
    return false;
}

/* One line: a header or a key with its value, which may itself span lines. */
static bool statement(struct toml_parser *p)
{
    const bool fine = toml_peek(p, 0) == '[' ? header_line(p) : toml_key_value(p, p->table);
    if (!fine)
        return false;

    toml_skip_blanks(p);
    toml_skip_comment(p);
    if (toml_at_line_end(p))
        return true;

    uint32_t rest = 0;
    while (toml_peek(p, rest) > ' ')
        rest++;
    return toml_error(p, p->pos, "expected the end of the line here, not \"" TOML_QUOTE "\"",
                      toml_shown(rest), p->at);
}

/* Ends at the end of the text, or where going on would only produce noise. */
static void statements(struct toml_parser *p)
{
    for (;;) {
        toml_skip_blank_lines(p);
        if (toml_peek(p, 0) == TOML_END)
            return;

        const uint32_t line = p->pos.line;
        if (statement(p))
            continue;
        /* A cursor on another line stopped inside a list or a text of several lines. */
        if (p->nomem || p->lost || p->errors >= CONFIG_DIAG_MAX || p->pos.line != line)
            return;
        p->depth = 0;
        skip_rest_of_line(p);
    }
}

hv_status toml_parse(const char *text, size_t len, struct arena *arena,
                     struct config_diag *diag, struct toml_node **root)
{
    struct toml_parser p = {
        .at = text, .end = text + len, .pos = { 1, 1 }, .arena = arena, .diag = diag,
    };

    *root = NULL;
    if (!toml_text_valid(&p))
        return HV_INVALID;
    p.root = p.table = toml_node_new(&p, TOML_TABLE, p.pos);
    if (!p.root)
        return HV_NOMEM;
    p.root->origin = TOML_HEADER;
    statements(&p);
    if (p.nomem)
        return HV_NOMEM;
    if (p.errors)
        return HV_INVALID;
    *root = p.root;
    return HV_OK;
}

const struct toml_node *toml_get(const struct toml_node *table, const char *key)
{
    const size_t len = strlen(key);

    for (const struct toml_node *n = table->u.list.first; n; n = n->next)
        if (n->key.len == len && memcmp(n->key.text, key, len) == 0)
            return n;
    return NULL;
}

const char *toml_type_text(const struct toml_node *n)
{
    switch (n->type) {
    case TOML_STRING:
        return "text";
    case TOML_INTEGER:
        return "a number";
    case TOML_BOOL:
        return n->u.boolean ? "true" : "false";
    case TOML_ARRAY:
        return "a list";
    case TOML_TABLE:
        return "a table";
    }
    return "nothing";
}
