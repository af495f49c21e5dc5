/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion at the prompt: command names, then what the command takes. Called by the
 * console when Tab is pressed.
 */
#include "shell_priv.h"
#include "socle/bits.h"
#include "socle/str.h"

enum { LIST_LEN = 400 };

/* Candidates that begin like the word typed so far. */
struct matches {
    const char *typed;
    size_t      len;            /* of typed */
    const char *first;
    size_t      common;         /* bytes all candidates share */
    unsigned    count;
    char        list[LIST_LEN]; /* all of them, for printing */
    size_t      used;
};

static void offer(struct matches *m, const char *word)
{
    if (strncmp(word, m->typed, m->len) != 0)
        return;
    if (!m->count) {
        m->first = word;
        m->common = strlen(word);
    }
    size_t same = 0;
    while (same < m->common && word[same] == m->first[same])
        same++;
    m->common = same;
    m->count++;
    if (m->used < sizeof(m->list))
        m->used += fmt(m->list + m->used, sizeof(m->list) - m->used, m->used ? "  %s" : "%s", word);
}

static void offer_commands(const struct shell *s, struct matches *m)
{
    for (const struct command *c = shell_commands(); c->name; c++)
        if (shell_offers(s, c))
            offer(m, c->name);
}

static void offer_guests(const struct shell *s, struct matches *m)
{
    for (const struct console_guest *g = *s->guests; g; g = g->next)
        offer(m, g->name);
}

static void offer_switches(struct shell *s, struct matches *m)
{
    const uint32_t n = shell_switches(s);
    for (uint32_t i = 0; i < n; i++)
        offer(m, s->rows.switches[i].name);
}

/* Candidates for the argument number `place` of the command named `name`. */
static void offer_arguments(struct shell *s, const char *name, unsigned place, struct matches *m)
{
    const struct command *c = shell_commands();
    while (c->name && strcmp(c->name, name) != 0)
        c++;
    if (!c->name || !shell_offers(s, c) || (place > 1 && c->arg != ARG_MAYBE_SWITCH))
        return;
    switch (c->arg) {
    case ARG_NONE: break;
    case ARG_GUEST: case ARG_MAYBE_GUEST: offer_guests(s, m); break;
    case ARG_MAYBE_NOW: offer(m, "now"); break;
    case ARG_MAYBE_COMMAND: offer_commands(s, m); break;
    case ARG_MAYBE_SWITCH:
        if (place == 1)
            offer_switches(s, m);
        offer(m, "flows");
        break;
    }
}

/* The text to insert: what all candidates share, and a blank behind the only one. */
static size_t addition(const struct matches *m, char *add, size_t max)
{
    size_t n = m->common - m->len;
    if (n + 1 > max)
        return 0;
    memcpy(add, m->first + m->len, n);
    if (m->count == 1)
        add[n++] = ' ';
    return n;
}

size_t shell_complete(struct shell *s, const char *line, size_t cursor, char *add, size_t max,
                      bool *listed)
{
    char copy[LINEEDIT_MAX];
    struct words w;
    size_t len = (size_t)min_u64(cursor, sizeof(copy) - 1);
    memcpy(copy, line, len);
    copy[len] = '\0';
    bool new_word = !len || copy[len - 1] == ' ';
    words_split(&w, copy);
    *listed = false;

    unsigned place = w.count - (new_word ? 0 : 1);      /* index of the word to complete */
    if (place > 2)
        return 0;
    struct matches m = { .typed = new_word ? "" : w.word[place] };
    m.len = strlen(m.typed);
    if (place == 0)
        offer_commands(s, &m);
    else
        offer_arguments(s, w.word[0], place, &m);
    if (!m.count)
        return 0;
    size_t n = addition(&m, add, max);
    if (!n && m.count > 1) {
        s->io.line(s->io.ctx, m.list);
        *listed = true;
    }
    return n;
}
