/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values without quotes: integers and booleans (TOML 1.0, "Integer", "Boolean"), and a
 * good word for everything people write there instead: text without quotes, floats and
 * dates (both valid TOML, but of no use in a configuration), True, yes, 0x in capitals.
 */
#include "socle/str.h"
#include "toml_priv.h"

struct word {
    const char *s;
    uint32_t    len;
};

enum number { NUMBER_FINE, NUMBER_NOT, NUMBER_ZERO_FIRST, NUMBER_UNDERSCORE, NUMBER_TOO_BIG };

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

/* All else belongs to the word, so that messages show in one piece what was meant. */
static bool ends_word(int c)
{
    return c == TOML_END || c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' ||
           c == ']' || c == '}' || c == '#';
}

/* The cursor stays; callers step over the word once they have accepted it. */
static struct word read_word(struct toml_parser *p)
{
    struct word w = { p->at, 0 };

    while (!ends_word(toml_peek(p, w.len)))
        w.len++;
    return w;
}

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.s, text, w.len) == 0;
}

static bool word_is_any_case(struct word w, const char *lower)
{
    if (strlen(lower) != w.len)
        return false;
    for (uint32_t i = 0; i < w.len; i++) {
        const char c = w.s[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != lower[i])
            return false;
    }
    return true;
}

static unsigned digit_value(int c)
{
    if (is_digit(c))
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A' + 10);
    return 99;
}

/* Digits of `base` with single underscores between them. */
static enum number read_digits(struct word w, unsigned base, uint64_t limit, uint64_t *value)
{
    bool after_digit = false, too_big = false;

    *value = 0;
    if (w.len == 0)
        return NUMBER_NOT;
    for (uint32_t i = 0; i < w.len; i++) {
        if (w.s[i] == '_') {
            if (!after_digit)
                return NUMBER_UNDERSCORE;
            after_digit = false;
            continue;
        }
        const unsigned digit = digit_value(w.s[i]);
        if (digit >= base)
            return NUMBER_NOT;
        too_big |= *value > (limit - digit) / base;
        *value = too_big ? 0 : *value * base + digit;
        after_digit = true;
    }
    if (!after_digit)
        return NUMBER_UNDERSCORE;
    return too_big ? NUMBER_TOO_BIG : NUMBER_FINE;
}

static unsigned base_of(char letter)
{
    return letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
}

/* TOML 1.0, "Integer": prefixes take no sign, and 64 signed bits are the range. */
static enum number read_integer(struct word w, int64_t *out)
{
    uint64_t value;
    enum number result;

    if (w.len > 2 && w.s[0] == '0' && base_of(w.s[1])) {
        const struct word digits = { w.s + 2, w.len - 2 };
        result = read_digits(digits, base_of(w.s[1]), INT64_MAX, &value);
        *out = (int64_t)value;
        return result;
    }

    const bool negative = w.len && w.s[0] == '-';
    if (negative || (w.len && w.s[0] == '+')) {
        w.s++;
        w.len--;
    }
    result = read_digits(w, 10, (uint64_t)INT64_MAX + negative, &value);
    /* Negated as unsigned: the smallest number has no positive twin. */
    *out = (int64_t)(negative ? -value : value);
    if (result == NUMBER_FINE && w.len > 1 && w.s[0] == '0')
        return NUMBER_ZERO_FIRST;
    return result;
}

/* Follows a pattern of '0' for any digit and itself for the rest; w may go on behind it. */
static bool has_shape(struct word w, const char *pattern)
{
    const size_t n = strlen(pattern);

    if (w.len < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (pattern[i] == '0' ? !is_digit(w.s[i]) : w.s[i] != pattern[i])
            return false;
    return true;
}

/* RFC 3339 dates and times; a MAC address begins like a time, but goes on. */
static bool is_date_or_time(struct word w)
{
    return has_shape(w, "0000-00-00") ||
           (has_shape(w, "00:00:00") && (w.len == 8 || w.s[8] == '.'));
}

/* Digits with a point or an exponent, well formed or not: the advice is the same. */
static bool is_float(struct word w)
{
    bool digits = false, mark = false;

    if (w.len && (w.s[0] == '+' || w.s[0] == '-')) {
        w.s++;
        w.len--;
    }
    if (word_is(w, "inf") || word_is(w, "nan"))
        return true;
    for (uint32_t i = 0; i < w.len; i++) {
        const char c = w.s[i];
        const bool exponent = c == 'e' || c == 'E';

        if (exponent && i + 1 < w.len && (w.s[i + 1] == '+' || w.s[i + 1] == '-'))
            i++;
        if (!is_digit(c) && c != '.' && c != '_' && !exponent)
            return false;
        digits |= is_digit(c);
        mark |= c == '.' || exponent;
    }
    return digits && mark;
}

/* Python and YAML spell them like this. */
static const char *boolean_meant(struct word w)
{
    static const char *const on[] = { "true", "yes", "on" };
    static const char *const off[] = { "false", "no", "off" };

    for (unsigned i = 0; i < ARRAY_LEN(on); i++) {
        if (word_is_any_case(w, on[i]))
            return "true";
        if (word_is_any_case(w, off[i]))
            return "false";
    }
    return NULL;
}

/* Does more of the value follow on this line, as in a kernel command line? */
static bool goes_on(const struct toml_parser *p, struct word w)
{
    size_t i = w.len;

    while (toml_peek(p, i) == ' ' || toml_peek(p, i) == '\t')
        i++;
    return i > w.len && !ends_word(toml_peek(p, i));
}

/* From the most specific guess at what was meant to the most general. */
static bool refuse(struct toml_parser *p, struct word w)
{
    const int shown = toml_shown(w.len);

    if (w.len == 0)
        return toml_error(p, p->pos, "a value is missing here");
    if (boolean_meant(w))
        return toml_error(p, p->pos, "write %s instead of " TOML_QUOTE, boolean_meant(w),
                          shown, w.s);
    if (is_date_or_time(w))
        return toml_error(p, p->pos, "dates and times are not used here; text needs quotes: "
                                     "\"" TOML_QUOTE "\"", shown, w.s);
    if (is_float(w))
        return toml_error(p, p->pos, "numbers with a fraction or an exponent (floats) are not "
                                     "used here: write a whole number");
    if (w.len > 2 && w.s[0] == '0' && base_of((char)(w.s[1] | 0x20)))
        return toml_error(p, p->pos, TOML_QUOTE " is not a number: after 0x (16), 0o (8) or 0b "
                                     "(2), in small letters, stand only digits of that base",
                          shown, w.s);
    if (goes_on(p, w))
        return toml_error(p, p->pos, "text needs quotes around all of it: \"" TOML_QUOTE " ...\"",
                          shown, w.s);
    return toml_error(p, p->pos, "text needs quotes: \"" TOML_QUOTE "\"", shown, w.s);
}

static bool number(struct toml_parser *p, struct word w, struct toml_node **out)
{
    int64_t value;

    switch (read_integer(w, &value)) {
    case NUMBER_FINE:
        break;
    case NUMBER_NOT:
        return refuse(p, w);
    case NUMBER_ZERO_FIRST:
        return toml_error(p, p->pos, "a number cannot begin with 0 (an octal one begins with 0o)");
    case NUMBER_UNDERSCORE:
        return toml_error(p, p->pos, "an underscore in a number must stand between two digits");
    case NUMBER_TOO_BIG:
        return toml_error(p, p->pos, "the number " TOML_QUOTE " is too large",
                          toml_shown(w.len), w.s);
    }
    *out = toml_node_new(p, TOML_INTEGER, p->pos);
    if (!*out)
        return false;
    (*out)->u.integer = value;
    toml_step(p, w.len);
    return true;
}

bool toml_scalar(struct toml_parser *p, struct toml_node **out)
{
    const struct word w = read_word(p);

    if (!word_is(w, "true") && !word_is(w, "false"))
        return w.len && (is_digit(w.s[0]) || w.s[0] == '+' || w.s[0] == '-') ? number(p, w, out)
                                                                            : refuse(p, w);
    *out = toml_node_new(p, TOML_BOOL, p->pos);
    if (!*out)
        return false;
    (*out)->u.boolean = w.s[0] == 't';
    toml_step(p, w.len);
    return true;
}
