/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions with their C-library names and meaning, provided by
 * vmm/lib/str.c in the hypervisor and by libc in native builds.
 */
#ifndef SOCLE_STR_H
#define SOCLE_STR_H

#include "socle/types.h"

void  *memcpy(void *restrict dst, const void *restrict src, size_t n);
void  *memmove(void *dst, const void *src, size_t n);
void  *memset(void *dst, int byte, size_t n);
int    memcmp(const void *a, const void *b, size_t n);
void  *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int    strcmp(const char *a, const char *b);
int    strncmp(const char *a, const char *b, size_t n);
char  *strchr(const char *s, int c);
char  *strrchr(const char *s, int c);
char  *strstr(const char *haystack, const char *needle);

#endif
