/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a command line, and which known word a wrong one may have meant. */
#ifndef VMM_CONSOLE_WORDS_H
#define VMM_CONSOLE_WORDS_H

#include "socle/types.h"

enum { WORD_MAX = 32 };     /* longer words are compared by their beginning */

struct words {
    char    *word[9];       /* SHELL_WORDS and one more, which says there are too many */
    unsigned count;
};

/* Cuts `line` at blanks, in place. Words beyond the last place stay uncut in it. */
void words_split(struct words *w, char *line);
/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
unsigned words_distance(const char *a, const char *b);

/* Looks for the known word nearest to `wrong`. */
struct nearest {
    const char *wrong, *best;
    unsigned    distance;
};
void nearest_begin(struct nearest *n, const char *wrong);
void nearest_offer(struct nearest *n, const char *known);
/* The nearest word, null when none is near enough to be worth a guess. */
const char *nearest_word(const struct nearest *n);

/* "0.532 s", "12.3 s", "3m07s", "2h05m", "12d03h" */
enum { WORDS_TIME = 24 };
char *words_time(char buf[WORDS_TIME], uint64_t ns);

#endif
