/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The readers of simple values, the choice of the reader by the key's type, and what to
 * say about values of the wrong type. Called by the schema pass for the file, by
 * options.c for boot options, and for the defaults of the key table.
 */
#include "values.h"

#include "diag.h"
#include "socle/fmt.h"
#include "socle/str.h"
#include "words.h"

bool read_error(struct reader *r, struct config_pos pos, const char *format, ...)
{
    const struct diag_about about = { CONFIG_ERROR, pos, r->guest, r->option };
    va_list args;

    r->errors++;
    if (r->bad)
        *r->bad = true;
    if (r->nomem)                       /* what seems to be missing may just not have fit */
        return false;
    va_start(args, format);
    config_diag_add_v(r->diag, about, format, args);
    va_end(args);
    return false;
}

void read_warning(struct reader *r, struct config_pos pos, const char *format, ...)
{
    const struct diag_about about = { CONFIG_WARNING, pos, r->guest, r->option };
    va_list args;

    va_start(args, format);
    config_diag_add_v(r->diag, about, format, args);
    va_end(args);
}

void *read_alloc(struct reader *r, size_t size, size_t align)
{
    void *p = r->arena ? arena_alloc(r->arena, size, align) : NULL;

    r->nomem |= !p;
    return p;
}

/* For text where something else stands: shows it with the quotes that it needs. */
static bool needs_quotes(struct reader *r, const struct key_spec *spec, const struct toml_node *n)
{
    char size[FMT_SIZE_LEN];

    if (n->type == TOML_BOOL)
        return read_error(r, n->pos, "%s cannot be %s; write for example %s = %s", spec->name,
                          toml_type_text(n), spec->name, spec->example);
    if (spec->type == VALUE_BYTE_RATE || spec->type == VALUE_BIT_RATE)
        return read_error(r, n->pos, "%s needs a unit and quotes, for example %s = %s", spec->name,
                          spec->name, spec->example);
    if (spec->type != VALUE_SIZE)
        return read_error(r, n->pos, "%s needs quotes: %s = \"%lld\"", spec->name, spec->name,
                          (long long)n->u.integer);
    if (n->u.integer <= 0 || n->u.integer > INT64_MAX >> 20)
        return read_error(r, n->pos, "%s must be a size in quotes such as %s", spec->name,
                          spec->example);

    const uint64_t number = (uint64_t)n->u.integer;
    fmt_size(size, number % MIB(1) == 0 ? number : MIB(number));
    return read_error(r, n->pos, "%s needs a unit and quotes: %s = \"%s\"", spec->name,
                      spec->name, size);
}

/* Short enough that its value fits 32 bits without a check. */
static bool is_number_text(const struct config_str *s)
{
    for (uint32_t i = 0; i < s->len; i++)
        if (s->text[i] < '0' || s->text[i] > '9')
            return false;
    return s->len > 0 && s->len < 10;
}

/* What other formats accept for true and false. */
static bool on_or_off(const char *text, bool *on)
{
    static const char *const words[2][5] = { { "false", "no", "off", "0", "never" },
                                             { "true", "yes", "on", "1", "always" } };

    for (unsigned w = 0; w < 2; w++) {
        for (unsigned i = 0; i < ARRAY_LEN(words[w]); i++) {
            if (same_any_case(text, words[w][i])) {
                *on = w;
                return true;
            }
        }
    }
    return false;
}

/* Types in which a number makes sense once it stands in quotes. */
static bool only_lacks_quotes(enum value_type type)
{
    return type == VALUE_SIZE || type == VALUE_NAME || type == VALUE_TEXT || type == VALUE_FILE ||
           type == VALUE_FILES || type == VALUE_CPUS || type == VALUE_SERIAL ||
           type == VALUE_BYTE_RATE || type == VALUE_BIT_RATE;
}

bool read_wrong_type(struct reader *r, const struct key_spec *spec, const struct toml_node *n)
{
    const bool want_number = spec->type == VALUE_NUMBER || spec->type == VALUE_BAUD ||
                             spec->type == VALUE_VLAN;
    bool on = n->type == TOML_INTEGER && n->u.integer;

    if (n->type == TOML_ARRAY)
        return read_error(r, n->pos, "%s takes one value, not a list", spec->name);
    if (n->type == TOML_TABLE)
        return read_error(r, n->pos, "%s is a key, not a section; write %s = %s", spec->name,
                          spec->name, spec->example);
    if (want_number && n->type == TOML_STRING && is_number_text(&n->u.str))
        return read_error(r, n->pos, "%s is a number: write %s without quotes", spec->name,
                          n->u.str.text);
    if (spec->type == VALUE_BOOL &&
        ((n->type == TOML_STRING && on_or_off(n->u.str.text, &on)) ||
         (n->type == TOML_INTEGER && (uint64_t)n->u.integer <= 1)))
        return read_error(r, n->pos, "write %s = %s", spec->name,
                          on ? "true, without quotes" : "false, without quotes");
    if (n->type != TOML_STRING && only_lacks_quotes(spec->type))
        return needs_quotes(r, spec, n);

    char type[96];
    key_type_text(spec, type, sizeof(type));
    return read_error(r, n->pos, "%s must be %s, not %s", spec->name, type, toml_type_text(n));
}

/* Words are exact; what is near or foreign is named, not guessed. */
static bool read_word(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                      unsigned *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);

    const struct config_str *s = &n->u.str;
    struct nearest near = { .word = s->text, .len = s->len };
    for (unsigned i = 0; spec->words[i]; i++) {
        if (strcmp(s->text, spec->words[i]) == 0) {
            *to = i;
            return true;
        }
        nearest_try(&near, spec->words[i]);
    }

    const char *right = foreign_value(spec->name, s->text);
    if (right)
        return read_error(r, n->pos, "%s cannot be \"%.40s\"; write \"%s\"", spec->name, s->text,
                          right);
    if (near.best)
        return read_error(r, n->pos, "%s cannot be \"%.40s\"; did you mean \"%s\"?", spec->name,
                          s->text, near.best);

    char type[96];
    key_type_text(spec, type, sizeof(type));
    return read_error(r, n->pos, "%s cannot be \"%.40s\"; it can be %s", spec->name, s->text,
                      type);
}

static bool read_number(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                        uint32_t *to)
{
    if (n->type != TOML_INTEGER)
        return read_wrong_type(r, spec, n);
    if (n->u.integer < spec->min || n->u.integer > spec->max)
        return read_error(r, n->pos, "%s = %lld is out of range: %u to %u", spec->name,
                          (long long)n->u.integer, spec->min, spec->max);
    *to = (uint32_t)n->u.integer;
    return true;
}

/* A PC's UART divides 115200 by a whole number (PC16550D datasheet, table III). */
static bool read_baud(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                      uint32_t *to)
{
    uint32_t baud = spec->max;

    if (!read_number(r, spec, n, &baud))
        return false;
    if (115200 % baud != 0)
        return read_error(r, n->pos, "baud = %u is not a speed of a PC's serial port; the nearest "
                                     "is %u", baud, 115200 / (115200 / baud));
    *to = baud;
    return true;
}

static bool read_bool(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                      bool *to)
{
    if (n->type != TOML_BOOL)
        return read_wrong_type(r, spec, n);
    *to = n->u.boolean;
    return true;
}

static bool read_net_mac(struct reader *r, const struct key_spec *spec,
                         const struct toml_node *n, struct config_net *to)
{
    to->has_mac = read_mac(r, spec, n, to->mac);
    return to->has_mac;
}

/* All cases are named: a new type without its reader does not compile cleanly. */
bool read_value(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                void *base)
{
    void *member = (char *)base + spec->offset;

    switch (spec->type) {
    case VALUE_WORD:
        return read_word(r, spec, n, member);
    case VALUE_BOOL:
        return read_bool(r, spec, n, member);
    case VALUE_NUMBER:
        return read_number(r, spec, n, member);
    case VALUE_BAUD:
        return read_baud(r, spec, n, member);
    case VALUE_SIZE:
        return read_size(r, spec, n, member);
    case VALUE_BYTE_RATE:
        return read_byte_rate(r, spec, n, member);
    case VALUE_BIT_RATE:
        return read_bit_rate(r, spec, n, member);
    case VALUE_VLAN:
        return read_vlan(r, spec, n, member);
    case VALUE_VLANS:
        return read_vlans(r, spec, n, member);
    case VALUE_NAME:
        return read_name(r, spec, n, member);
    case VALUE_TEXT:
        return read_text(r, spec, n, member);
    case VALUE_FILE:
        return read_file(r, spec, n, member);
    case VALUE_FILES:
        return read_files(r, spec, n, base);
    case VALUE_MODULES:
        return read_modules(r, spec, n, base);
    case VALUE_CPUS:
        return read_cpus(r, spec, n, member);
    case VALUE_UUID:
        return read_uuid(r, spec, n, base);
    case VALUE_MAC:
        return read_net_mac(r, spec, n, base);
    case VALUE_PCI:
        return read_pci(r, spec, n, member);
    case VALUE_UPLINK:
        return read_uplink(r, spec, n, base);
    case VALUE_DEVICE:
        return read_device(r, spec, n, base);
    case VALUE_SERIAL:
        return read_serial(r, spec, n, member);
    case VALUE_CONSOLES:
        return read_consoles(r, spec, n, base);
    case VALUE_ESCAPE:
        return read_escape(r, spec, n, member);
    case VALUE_TABLE:
    case VALUE_TABLES:
        break;                          /* sections are read by schema.c */
    }
    return false;
}

/* The text is copied to the stack: good for all types that keep no text, as in [host]. */
bool read_value_text(struct reader *r, const struct key_spec *spec, const char *text,
                     size_t len, void *base)
{
    struct toml_node n = { .type = TOML_STRING };
    char copy[64];

    if (len >= sizeof(copy))
        return read_error(r, n.pos, "%s cannot be \"%.40s...\"", spec->name, text);
    memcpy(copy, text, len);
    copy[len] = '\0';
    n.u.str = (struct config_str){ .text = copy, .len = (uint32_t)len };

    if (spec->type == VALUE_BOOL && (strcmp(copy, "true") == 0 || strcmp(copy, "false") == 0)) {
        n.type = TOML_BOOL;
        n.u.boolean = copy[0] == 't';
    } else if ((spec->type == VALUE_NUMBER || spec->type == VALUE_BAUD ||
                spec->type == VALUE_VLAN) && is_number_text(&n.u.str)) {
        int64_t value = 0;
        for (size_t i = 0; i < len; i++)
            value = value * 10 + (copy[i] - '0');
        n.type = TOML_INTEGER;
        n.u.integer = value;
    }
    return read_value(r, spec, &n, base);
}
