/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small text helpers of the shell. The distance is the optimal string alignment
 * variant of Damerau-Levenshtein: most typing errors are one edit of it.
 */
#include "words.h"

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/str.h"

void words_split(struct words *w, char *line)
{
    w->count = 0;
    for (;;) {
        while (*line == ' ' || *line == '\t')
            line++;
        if (!*line || w->count == ARRAY_LEN(w->word))
            return;
        w->word[w->count++] = line;
        while (*line && *line != ' ' && *line != '\t')
            line++;
        if (*line)
            *line++ = '\0';
    }
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned words_distance(const char *a, const char *b)
{
    size_t alen = strnlen(a, WORD_MAX), blen = strnlen(b, WORD_MAX);
    unsigned row[3][WORD_MAX + 1];              /* rows i - 2, i - 1 and i of the matrix */
    for (unsigned j = 0; j <= blen; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= alen; i++) {
        unsigned *now = row[i % 3];
        const unsigned *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= blen; j++) {
            now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min3(now[j], earlier[j - 2] + 1, now[j]);
        }
    }
    return row[alen % 3][blen];
}

void nearest_begin(struct nearest *n, const char *wrong)
{
    *n = (struct nearest){ wrong, NULL, ~0u };
}

void nearest_offer(struct nearest *n, const char *known)
{
    size_t len = strlen(n->wrong);
    unsigned distance = words_distance(n->wrong, known);
    if (len >= 2 && !strncmp(known, n->wrong, len))     /* a beginning of it: surely meant */
        distance = 1;
    if (distance < n->distance) {
        n->distance = distance;
        n->best = known;
    }
}

const char *nearest_word(const struct nearest *n)
{
    if (!n->best)
        return NULL;
    /* Of a word of 4 two letters may be wrong, of one of 6 three; not all of it. */
    size_t len = strnlen(n->wrong, WORD_MAX);
    return n->distance <= len / 2 && n->distance < strlen(n->best) ? n->best : NULL;
}

char *words_time(char buf[WORDS_TIME], uint64_t ns)
{
    unsigned long long s = ns / 1000000000;
    unsigned ms = (unsigned)(ns / 1000000 % 1000);
    if (s < 10)
        fmt(buf, WORDS_TIME, "%llu.%03u s", s, ms);
    else if (s < 60)
        fmt(buf, WORDS_TIME, "%llu.%u s", s, ms / 100);
    else if (s < 3600)
        fmt(buf, WORDS_TIME, "%llum%02llus", s / 60, s % 60);
    else if (s < 86400)
        fmt(buf, WORDS_TIME, "%lluh%02llum", s / 3600, s / 60 % 60);
    else
        fmt(buf, WORDS_TIME, "%llud%02lluh", s / 86400, s / 3600 % 24);
    return buf;
}
