/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schema pass over the keys of one section: finds each in the key table, has its
 * value read, and says what is unknown, missing, or of a later version. Called by
 * schema.c for every section of a file.
 */
#include "schema.h"

#include "socle/fmt.h"
#include "socle/str.h"
#include "words.h"

void schema_defaults(enum section section, void *base)
{
    struct reader silent = { .guest = -1 };
    const struct section_spec *s = &section_specs[section];

    for (uint32_t i = 0; i < s->keys; i++) {
        const char *def = s->key[i].def;
        /* Defaults in the table are right values; a unit test reads each of them. */
        if (def && section != SECTION_TOP)
            (void)!read_value_text(&silent, &s->key[i], def, strlen(def), base);
    }
}

static const char *home_of(const char *key, enum section except)
{
    static const enum section likely_first[] = { SECTION_GUEST, SECTION_HOST, SECTION_DISK,
                                                 SECTION_NET, SECTION_SWITCH, SECTION_PCI };

    for (unsigned i = 0; i < ARRAY_LEN(likely_first); i++)
        if (likely_first[i] != except && key_find(likely_first[i], key))
            return section_specs[likely_first[i]].label;
    return NULL;
}

/* The key that an advice such as `write cpus = 2` speaks of; null when it is none. */
static const struct key_spec *advised_key(enum section section, const char *advice)
{
    const struct section_spec *s = &section_specs[section];

    for (uint32_t i = 0; i < s->keys; i++) {
        const size_t len = strlen(s->key[i].name);
        if (strncmp(advice, "write ", 6) == 0 && strncmp(advice + 6, s->key[i].name, len) == 0 &&
            advice[6 + len] == ' ')
            return &s->key[i];
    }
    return NULL;
}

/* Returns the key that is probably meant, so that it is not called missing as well. */
static const struct key_spec *unknown_key(struct reader *r, enum section section,
                                          const struct toml_node *n)
{
    const struct section_spec *s = &section_specs[section];
    const struct config_str *key = &n->key;
    struct nearest near = { .word = key->text, .len = key->len };
    const char *advice = foreign_key(section, key->text);
    const char *home = home_of(key->text, section);
    const bool header = n->origin != TOML_PLAIN;
    const char *what = header ? "section" : "key";
    const char *where = header && section == SECTION_TOP ? "" : s->where;

    /* Past a full list of findings nobody sees a suggestion, so none is sought. */
    for (uint32_t i = 0; i < s->keys && r->errors < CONFIG_DIAG_MAX; i++)
        nearest_try(&near, s->key[i].name);

    if (advice) {
        read_error(r, key->pos, "unknown %s \"%.40s\"%s; %s", what, key->text, where,
                   advice);
        return advised_key(section, advice);
    }
    if (near.best && (near.distance == 0 || !home)) {
        read_error(r, key->pos, "unknown %s \"%.40s\"%s; did you mean \"%s\"?", what,
                   key->text, where, near.best);
        return key_find(section, near.best);
    }
    if (home)
        read_error(r, key->pos, "unknown %s \"%.40s\"%s; it belongs in %s", what,
                   key->text, where, home);
    else
        read_error(r, key->pos, "unknown %s \"%.40s\"%s; docs/config.md lists them all",
                   what, key->text, where);
    return NULL;
}

/* Does the value say the same as leaving the key out? */
static bool says_default(const struct key_spec *spec, const void *base)
{
    const void *member = (const char *)base + spec->offset;

    if (!spec->def)
        return false;
    switch (spec->type) {
    case VALUE_BOOL:
        return *(const bool *)member == (strcmp(spec->def, "true") == 0);
    case VALUE_NUMBER:
        /* The numbers whose feature has not landed have defaults of one digit. */
        return *(const uint32_t *)member == (uint32_t)(spec->def[0] - '0');
    case VALUE_CPUS:
        return ((const struct config_cpuset *)member)->all;
    default:
        return false;
    }
}

void schema_not_landed(struct reader *r, const char *what, const struct key_spec *spec,
                       struct config_pos pos)
{
    if (spec->harm)
        read_error(r, pos, "%s is not supported by this version yet, and it cannot be ignored: %s",
                   what, spec->harm);
    else
        read_warning(r, pos, "%s has no effect in this version yet%s%s", what,
                     spec->instead ? ": " : "", spec->instead ? spec->instead : "");
}

/* Of a key that has landed, the value may belong to a later version. */
static bool word_waits(const struct key_spec *spec, const void *base)
{
    const void *member = (const char *)base + spec->offset;

    return spec->type == VALUE_WORD && spec->words_landed &&
           *(const unsigned *)member >= spec->words_landed;
}

/* In a section without effect only the keys that must not be ignored are worth a word. */
static void check_landed(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                         const void *base, bool section_landed)
{
    char what[64];

    if (word_waits(spec, base)) {
        fmt(what, sizeof(what), "%s = \"%s\"", spec->name, n->u.str.text);
        schema_not_landed(r, what, spec, n->pos);
    } else if (!spec->landed && (section_landed || spec->harm) && !says_default(spec, base)) {
        schema_not_landed(r, spec->name, spec, n->pos);
    }
}

static void need_keys(struct reader *r, const struct section_spec *s,
                      const struct config_pos *at, struct config_pos pos)
{
    for (uint32_t i = 0; i < s->keys; i++)
        if (s->key[i].required && at[s->key[i].id].line == 0)
            read_error(r, pos, "this %s needs %s, for example %s = %s", s->label, s->key[i].name,
                       s->key[i].name, s->key[i].example);
}

void schema_keys(struct reader *r, enum section section, const struct toml_node *table,
                 void *base, struct config_pos *at, bool landed)
{
    for (const struct toml_node *n = table->u.list.first; n && !r->nomem; n = n->next) {
        const struct key_spec *spec = key_find(section, n->key.text);

        if (!spec) {
            spec = unknown_key(r, section, n);
            if (spec && at[spec->id].line == 0)
                at[spec->id] = n->pos;
            continue;
        }
        at[spec->id] = n->pos;
        if (spec->type == VALUE_TABLE || spec->type == VALUE_TABLES)
            continue;
        if (read_value(r, spec, n, base))
            check_landed(r, spec, n, base, landed);
    }
    need_keys(r, &section_specs[section], at, table->pos);
}
