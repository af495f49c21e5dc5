/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages, memory, growing texts and words for all parts of the host command.
 * Running out of memory ends the command: there is nothing sensible left to do.
 */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

static const char *who = "socle";
static const char *line_end = "\n";

void say_as(const char *name) { who = name; }
void say_raw(bool raw) { line_end = raw ? "\r\n" : "\n"; }

void say(const char *format, ...)
{
    /* One write, so that the line stays whole beside the emulator's output. */
    struct text t = { 0 };
    char *line = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&line, format, ap) < 0)
        line = NULL;
    va_end(ap);
    text_add(&t, "%s: %s%s", who, line ? line : format, line_end);
    fflush(stdout);
    fputs(t.s, stderr);
    fflush(stderr);
    free(line);
    free(t.s);
}

static NORETURN void out_of_memory(void)
{
    fputs("socle: out of memory\n", stderr);
    cleanup_run();
    exit(EXIT_USAGE);
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        out_of_memory();
    return p;
}

char *xstrdup(const char *s)
{
    char *copy = strdup(s);
    if (!copy)
        out_of_memory();
    return copy;
}

char *xprintf(const char *format, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&s, format, ap) < 0)
        out_of_memory();
    va_end(ap);
    return s;
}

static void text_room(struct text *t, size_t more)
{
    if (t->len + more + 1 <= t->cap)
        return;
    size_t cap = (t->len + more + 1) * 2;
    char *s = realloc(t->s, cap);
    if (!s)
        out_of_memory();
    t->s = s;
    t->cap = cap;
}

void text_add_bytes(struct text *t, const char *bytes, size_t n)
{
    text_room(t, n);
    memcpy(t->s + t->len, bytes, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void text_add(struct text *t, const char *format, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&s, format, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory();
    text_add_bytes(t, s, (size_t)n);
    free(s);
}

void args_add(struct args *a, const char *format, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&s, format, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory();
    if (a->n + 2 > a->cap) {
        size_t cap = (a->n + 2) * 2;
        char **v = realloc(a->v, cap * sizeof(*v));
        if (!v)
            out_of_memory();
        a->v = v;
        a->cap = cap;
    }
    a->v[a->n++] = s;
    a->v[a->n] = NULL;
}

void args_free(struct args *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i]);
    free(a->v);
    *a = (struct args){ 0 };
}

/* Levenshtein's distance; words longer than the table are taken as far away. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t row[LONGEST + 1], la = strlen(a), lb = strlen(b);
    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *word_nearest(const char *word, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1;
    for (size_t i = 0; i < n; i++) {
        /* A beginning that is cut short, as in "plat" for "platform", is near as well. */
        bool starts = strlen(word) >= 2 && !strncmp(words[i], word, strlen(word));
        size_t d = starts ? 0 : distance(word, words[i]);
        if (d <= limit && d < strlen(words[i])) {
            best = words[i];
            limit = d ? d - 1 : 0;
            if (d == 0)
                break;
        }
    }
    return best;
}

bool word_to_uint(const char *text, unsigned min, unsigned max, unsigned *value)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || v < min || v > max)
        return false;
    *value = (unsigned)v;
    return true;
}

bool word_to_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || errno || !*end || end[1])
        return false;
    const char *unit = strchr(units, *end);
    if (!unit)
        return false;
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    if (v > UINT64_MAX >> shift)
        return false;
    *bytes = (uint64_t)v << shift;
    return true;
}
