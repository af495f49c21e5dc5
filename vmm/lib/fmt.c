/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded text formatting for log lines, tables and the shell (C11, 7.21.6.1, the
 * subset named in fmt.h). Callable in any context, panic included: no state, no
 * allocation. No floating point, no %n, no locale.
 */
#include "socle/fmt.h"

#include "socle/bits.h"
#include "socle/str.h"

struct out {
    char  *buf;
    size_t size;
    size_t len;         /* what the whole text has so far, written or not */
};

struct spec {
    bool  left, zero, plus, space, alt;
    int   width;
    int   precision;    /* -1: none given */
    char  length;       /* 0, 'H' (hh), 'h', 'l', 'L' (ll), 'z' */
};

/* What a number looks like: sign or 0x, then digits. */
struct number {
    const char *prefix;
    uint64_t    value;
    unsigned    base;
    bool        upper;
};

enum { MAX_DIGITS = 20, MAX_FIELD = 4096 };

static void emit(struct out *o, char c)
{
    if (o->size && o->len < o->size - 1)
        o->buf[o->len] = c;
    o->len++;
}

static void emit_many(struct out *o, char c, int n)
{
    while (n-- > 0)
        emit(o, c);
}

static void emit_text(struct out *o, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        emit(o, s[i]);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    if (!text)
        text = "(null)";
    /* A precision allows text without NUL: look no further than it reaches. */
    size_t n = s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text);
    int pad = n < (size_t)s->width ? s->width - (int)n : 0;

    emit_many(o, ' ', s->left ? 0 : pad);
    emit_text(o, text, n);
    emit_many(o, ' ', s->left ? pad : 0);
}

static int to_digits(const struct number *n, char digits[MAX_DIGITS])
{
    const char *set = n->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    uint64_t v = n->value;
    int count = 0;

    for (; v; v /= n->base)
        digits[MAX_DIGITS - ++count] = set[v % n->base];
    return count;
}

static void put_number(struct out *o, const struct spec *s, const struct number *n)
{
    char digits[MAX_DIGITS];
    int count = to_digits(n, digits);
    int prefix = (int)strlen(n->prefix);
    /* A precision of 0 prints no digit for zero and switches the 0 flag off. */
    int zeros = (s->precision < 0 ? 1 : s->precision) - count;
    if (zeros < 0)
        zeros = 0;
    if (s->precision < 0 && s->zero && !s->left && s->width > prefix + count + zeros)
        zeros = s->width - prefix - count;
    int pad = s->width - prefix - zeros - count;

    emit_many(o, ' ', s->left ? 0 : pad);
    emit_text(o, n->prefix, (size_t)prefix);
    emit_many(o, '0', zeros);
    emit_text(o, digits + MAX_DIGITS - count, (size_t)count);
    emit_many(o, ' ', s->left ? pad : 0);
}

/* va_list may be an array type; wrapped, it can be handed on by address everywhere. */
struct args { va_list list; };

static uint64_t get_unsigned(struct args *a, char length)
{
    switch (length) {
    case 'H': return (unsigned char)va_arg(a->list, unsigned);
    case 'h': return (unsigned short)va_arg(a->list, unsigned);
    case 'l': return va_arg(a->list, unsigned long);
    case 'L': return va_arg(a->list, unsigned long long);
    case 'z': return va_arg(a->list, size_t);
    }
    return va_arg(a->list, unsigned);
}

static int64_t get_signed(struct args *a, char length)
{
    switch (length) {
    case 'H': return (signed char)va_arg(a->list, int);
    case 'h': return (short)va_arg(a->list, int);
    case 'l': return va_arg(a->list, long);
    case 'L': return va_arg(a->list, long long);
    case 'z': return va_arg(a->list, ptrdiff_t);
    }
    return va_arg(a->list, int);
}

static void put_signed(struct out *o, const struct spec *s, int64_t v)
{
    struct number n = { .base = 10 };

    n.prefix = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";
    n.value = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    put_number(o, s, &n);
}

static void put_hex(struct out *o, const struct spec *s, uint64_t v, bool upper)
{
    struct number n = { .value = v, .base = 16, .upper = upper };

    n.prefix = !s->alt || !v ? "" : upper ? "0X" : "0x";
    put_number(o, s, &n);
}

static bool parse_flag(struct spec *s, char c)
{
    switch (c) {
    case '-': s->left = true; return true;
    case '0': s->zero = true; return true;
    case '+': s->plus = true; return true;
    case ' ': s->space = true; return true;
    case '#': s->alt = true; return true;
    }
    return false;
}

/* A number or `*`; bounded so that nothing can print without end. */
static const char *parse_count(const char *f, struct args *a, int *count)
{
    if (*f == '*') {
        int n = va_arg(a->list, int);
        *count = n > MAX_FIELD ? MAX_FIELD : n < -MAX_FIELD ? -MAX_FIELD : n;
        return f + 1;
    }
    *count = 0;
    for (; *f >= '0' && *f <= '9'; f++)
        if (*count < MAX_FIELD)
            *count = *count * 10 + (*f - '0');
    return f;
}

static const char *parse_length(const char *f, char *length)
{
    *length = 0;
    if (*f != 'h' && *f != 'l' && *f != 'z')
        return f;
    *length = *f++;
    if (*f == *length && *f != 'z') {
        *length = *f == 'h' ? 'H' : 'L';
        f++;
    }
    return f;
}

/* f points behind the `%`; returns where the conversion character is. */
static const char *parse_spec(const char *f, struct args *a, struct spec *s)
{
    *s = (struct spec){ .precision = -1 };
    while (parse_flag(s, *f))
        f++;
    f = parse_count(f, a, &s->width);
    if (s->width < 0) {
        s->left = true;
        s->width = -s->width;
    }
    if (*f == '.') {
        f = parse_count(f + 1, a, &s->precision);
        if (s->precision < 0)
            s->precision = -1;
    }
    return parse_length(f, &s->length);
}

static bool convert(struct out *o, struct spec *s, char c, struct args *a)
{
    char one[2] = { 0 };

    switch (c) {
    case 'd':
    case 'i':
        put_signed(o, s, get_signed(a, s->length));
        return true;
    case 'u':
        put_number(o, s, &(struct number){ "", get_unsigned(a, s->length), 10, false });
        return true;
    case 'x':
    case 'X':
        put_hex(o, s, get_unsigned(a, s->length), c == 'X');
        return true;
    case 'p':
        put_number(o, s, &(struct number){ "0x", (uintptr_t)va_arg(a->list, void *), 16, false });
        return true;
    case 's':
        put_string(o, s, va_arg(a->list, const char *));
        return true;
    case 'c':
        /* Not through put_string(): the character may be NUL. */
        one[0] = (char)va_arg(a->list, int);
        emit_many(o, ' ', s->left ? 0 : s->width - 1);
        emit(o, one[0]);
        emit_many(o, ' ', s->left ? s->width - 1 : 0);
        return true;
    case '%':
        emit(o, '%');
        return true;
    }
    return false;
}

size_t fmt_v(char *buf, size_t size, const char *format, va_list list)
{
    struct out o = { buf, size, 0 };
    struct args a;
    struct spec s;

    va_copy(a.list, list);
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            emit(&o, *f);
            continue;
        }
        const char *start = f;
        f = parse_spec(f + 1, &a, &s);
        if (convert(&o, &s, *f, &a))
            continue;
        /* Unknown: the arguments' types are unknown from here on, so show the rest. */
        emit_text(&o, start, strlen(start));
        break;
    }
    va_end(a.list);
    if (size)
        buf[o.len < size ? o.len : size - 1] = '\0';
    return o.len;
}

size_t fmt(char *buf, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    size_t n = fmt_v(buf, size, format, list);
    va_end(list);
    return n;
}

char *fmt_size(char buf[FMT_SIZE_LEN], uint64_t bytes)
{
    static const char unit[] = "KMGT";
    const char *best = "";

    for (const char *u = unit; *u && bytes && is_aligned(bytes, 1024); u++) {
        bytes >>= 10;
        best = u;
    }
    fmt(buf, FMT_SIZE_LEN, "%llu%.1s", (unsigned long long)bytes, best);
    return buf;
}
