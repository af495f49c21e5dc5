/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four kinds of TOML strings (TOML 1.0, "String"). Called for values and for quoted
 * keys. The text is decoded straight into the free end of the arena and claimed when it
 * is complete, so a string costs one pass and its own length.
 */
#include "socle/str.h"
#include "toml_priv.h"
#include "utf8.h"

struct text {
    char  *to;
    size_t len, room;           /* room: without the closing NUL */
};

/* Nothing else may be allocated between this and end_text(). */
static bool begin_text(struct toml_parser *p, struct text *t)
{
    const size_t left = p->arena->size - p->arena->used;

    p->nomem |= left == 0;
    t->to = (char *)p->arena->base + p->arena->used;
    t->len = 0;
    t->room = left - 1;
    return left != 0;
}

static bool put_text(struct toml_parser *p, struct text *t, const char *from, size_t n)
{
    if (t->room - t->len < n) {
        p->nomem = true;
        return false;
    }
    memcpy(t->to + t->len, from, n);
    t->len += n;
    return true;
}

static void end_text(struct toml_parser *p, const struct text *t, struct config_str *out)
{
    t->to[t->len] = '\0';
    p->arena->used += t->len + 1;
    out->text = t->to;
    out->len = (uint32_t)t->len;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Behind \u (4 digits) or \U (8). utf8_put() refuses surrogates and what is too large. */
static bool unicode_escape(struct toml_parser *p, struct text *t, unsigned digits,
                           struct config_pos start)
{
    uint32_t code = 0;

    for (unsigned i = 0; i < digits; i++) {
        const int digit = hex_value(toml_peek(p, 0));
        if (digit < 0)
            return toml_error(p, start, "\\%c needs exactly %u hexadecimal digits",
                              digits == 4 ? 'u' : 'U', digits);
        code = code << 4 | (uint32_t)digit;
        toml_step(p, 1);
    }

    char bytes[UTF8_MAX];
    const size_t n = utf8_put(bytes, code);
    if (n == 0)
        return toml_error(p, start, "U+%04X is not a Unicode character", code);
    if (code == 0)
        return toml_error(p, start, "U+0000 cannot be part of a configuration's text");
    return put_text(p, t, bytes, n);
}

/* A backslash at the end of a line swallows all white space up to the next character. */
static bool line_continuation(struct toml_parser *p, struct config_pos start)
{
    toml_skip_blanks(p);
    if (!toml_at_line_end(p))
        return toml_error(p, start, "a backslash before blanks must end its line; for a "
                                    "backslash itself write \\\\ or use single quotes");
    while (toml_peek(p, 0) != TOML_END && toml_at_line_end(p)) {
        toml_skip_line_end(p);
        toml_skip_blanks(p);
    }
    return true;
}

/* The cursor stands on the backslash. */
static bool escape(struct toml_parser *p, struct text *t, bool multi_line)
{
    static const char letters[] = "btnfr\"\\";
    static const char meanings[] = "\b\t\n\f\r\"\\";
    const struct config_pos start = p->pos;
    const int c = toml_peek(p, 1);

    toml_step(p, 1);
    if (multi_line && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
        return line_continuation(p, start);
    if (c == 'u' || c == 'U') {
        toml_step(p, 1);
        return unicode_escape(p, t, c == 'u' ? 4 : 8, start);
    }

    const char *letter = c > 0 && c < 0x80 ? strchr(letters, c) : NULL;
    if (!letter)
        return toml_error(p, start, "unknown escape after a backslash; for a backslash itself "
                                    "write \\\\ or use single quotes");
    toml_step(p, 1);
    return put_text(p, t, &meanings[letter - letters], 1);
}

/* Whole characters, so that the column stays right; the file is known to be UTF-8. */
static bool copy_character(struct toml_parser *p, struct text *t)
{
    if (toml_at_line_end(p)) {              /* \r\n becomes \n */
        toml_skip_line_end(p);
        return put_text(p, t, "\n", 1);
    }
    const size_t n = utf8_length(p->at, (size_t)(p->end - p->at));
    if (!put_text(p, t, p->at, n))
        return false;
    toml_step(p, n);
    return true;
}

bool toml_string(struct toml_parser *p, struct config_str *out)
{
    const int quote = toml_peek(p, 0);
    struct text t;

    out->pos = p->pos;
    if (!begin_text(p, &t))
        return false;
    toml_step(p, 1);
    while (toml_peek(p, 0) != quote) {
        if (toml_at_line_end(p))
            return toml_error(p, out->pos, "this text has no closing %c on its line", quote);
        const bool fine = quote == '"' && toml_peek(p, 0) == '\\' ? escape(p, &t, false)
                                                                  : copy_character(p, &t);
        if (!fine)
            return false;
    }
    toml_step(p, 1);
    end_text(p, &t, out);
    return true;
}

/* At most six: three that close, two of the text before them, one to notice an excess. */
static unsigned count_quotes(const struct toml_parser *p, int quote)
{
    unsigned n = 0;
    while (n < 6 && toml_peek(p, n) == quote)
        n++;
    return n;
}

/* Up to two quotes may stand right before the closing three. */
static bool close_multi_line(struct toml_parser *p, struct text *t, int quote, unsigned quotes)
{
    const char own = (char)quote;

    for (unsigned i = 3; i < quotes; i++)
        if (!put_text(p, t, &own, 1))
            return false;
    toml_step(p, quotes);
    return true;
}

static bool multi_line_string(struct toml_parser *p, struct config_str *out)
{
    const int quote = toml_peek(p, 0);
    struct text t;

    out->pos = p->pos;
    if (!begin_text(p, &t))
        return false;
    toml_step(p, 3);
    if (toml_peek(p, 0) != TOML_END && toml_at_line_end(p))
        toml_skip_line_end(p);

    for (;;) {
        if (toml_peek(p, 0) == TOML_END)
            return toml_error(p, out->pos, "this text has no closing %c%c%c", quote, quote, quote);
        const unsigned quotes = count_quotes(p, quote);
        if (quotes >= 3) {
            if (!close_multi_line(p, &t, quote, quotes < 5 ? quotes : 5))
                return false;
            end_text(p, &t, out);
            return true;
        }
        const bool fine = quote == '"' && toml_peek(p, 0) == '\\' ? escape(p, &t, true)
                                                                  : copy_character(p, &t);
        if (!fine)
            return false;
    }
}

bool toml_string_any(struct toml_parser *p, struct config_str *out)
{
    if (count_quotes(p, toml_peek(p, 0)) >= 3)
        return multi_line_string(p, out);
    return toml_string(p, out);
}
