/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the pieces of the host-side command share: its exit codes, its commands and
 * small helpers for text, paths and messages. Ordinary hosted C; one thread.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdarg.h>

#include "socle/types.h"

/* The exit codes of docs/commands.md. */
enum {
    EXIT_GOOD    = 0,
    EXIT_FOUND   = 1,       /* check, iso, grub: the file has errors. run: a guest failed */
    EXIT_USAGE   = 2,       /* wrong usage, or something this host lacks */
    EXIT_PANIC   = 3,
    EXIT_TIMEOUT = 124,     /* as timeout(1) */
    EXIT_LEFT    = 130,     /* the operator ended the emulator before the guests stopped */
};

int cmd_check(int argc, char **argv);
int cmd_iso(int argc, char **argv);
int cmd_grub(int argc, char **argv);
int cmd_run(int argc, char **argv);

/* ---- messages: one line on stderr, no line end in the text ---- */

/* Names the command in front of messages: "socle", "socle run". Kept, not copied. */
void say_as(const char *who);
void say(const char *format, ...) PRINTF(1, 2);
/* After a change of the terminal to raw mode lines must end in CR LF. */
void say_raw(bool raw);

/* ---- memory: never null; the command ends with a message when it runs out ---- */

void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
char *xprintf(const char *format, ...) PRINTF(1, 2);

/* A growing text, always terminated. Start from {0}; free(t.s) at the end. */
struct text {
    char  *s;
    size_t len, cap;
};
void text_add(struct text *t, const char *format, ...) PRINTF(2, 3);
void text_add_bytes(struct text *t, const char *bytes, size_t n);

/* A growing argument vector, always null-terminated; takes over the strings given. */
struct args {
    char **v;
    size_t n, cap;
};
void args_add(struct args *a, const char *format, ...) PRINTF(2, 3);
void args_free(struct args *a);

/* ---- paths and files ---- */

char *path_dir(const char *path);               /* "a/b" -> "a", "b" -> "." */
const char *path_base(const char *path);
char *path_join(const char *dir, const char *name);     /* an absolute name stands alone */
/* "a//./b" -> "a/b"; null when it is absolute, empty, or leaves its directory by "..". */
char *path_inside(const char *name);
/* Searches PATH for a program. Null when there is none. */
char *find_program(const char *name);
/* Up to `max` bytes from the start of a regular file. -1 with errno set. */
int file_read(const char *path, size_t max, char **data, size_t *len);
/* All `len` bytes of a file, read-only; munmap() at the end. Null with errno set. */
void *file_map(const char *path, size_t len);
int file_write(const char *path, const char *data, size_t len);

/* ---- words and sizes ---- */

/* The word nearest to `word` within a third of its length, or null. */
const char *word_nearest(const char *word, const char *const *words, size_t n);
/* "512M", "2G" and so on to bytes; false when it is not that. */
bool word_to_size(const char *text, uint64_t *bytes);
bool word_to_uint(const char *text, unsigned min, unsigned max, unsigned *value);

#endif
