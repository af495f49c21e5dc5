/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/lib/str.c beside libc. The hypervisor's functions carry libc's names, so the
 * source is included here under others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  hv_memcpy
#define memmove hv_memmove
#define memset  hv_memset
#define memcmp  hv_memcmp
#define memchr  hv_memchr
#define strlen  hv_strlen
#define strnlen hv_strnlen
#define strcmp  hv_strcmp
#define strncmp hv_strncmp
#define strchr  hv_strchr
#define strrchr hv_strrchr
#define strstr  hv_strstr
#include "../../vmm/lib/str.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

enum { SIZE = 192 };

static void pattern(uint8_t *p, unsigned salt)
{
    for (unsigned i = 0; i < SIZE; i++)
        p[i] = (uint8_t)(i * 7 + salt);
}

static void copies_match(void **unused)
{
    uint8_t src[SIZE], mine[SIZE], theirs[SIZE];
    for (size_t n = 0; n <= 130; n++)
        for (size_t from = 0; from < 9; from++)
            for (size_t to = 0; to < 9; to++) {
                pattern(src, 1);
                pattern(mine, 100);
                pattern(theirs, 100);
                assert_ptr_equal(hv_memcpy(mine + to, src + from, n), mine + to);
                memcpy(theirs + to, src + from, n);
                assert_memory_equal(mine, theirs, SIZE);
            }
}

static void moves_match_with_any_overlap(void **unused)
{
    uint8_t mine[SIZE], theirs[SIZE];
    for (size_t n = 0; n <= 100; n++)
        for (size_t from = 0; from < 48; from++)
            for (size_t to = 0; to < 48; to++) {
                pattern(mine, 3);
                pattern(theirs, 3);
                assert_ptr_equal(hv_memmove(mine + to, mine + from, n), mine + to);
                memmove(theirs + to, theirs + from, n);
                if (memcmp(mine, theirs, SIZE))
                    fail_msg("memmove n %zu from %zu to %zu", n, from, to);
            }
}

static void fills_match(void **unused)
{
    uint8_t mine[SIZE], theirs[SIZE];
    for (size_t n = 0; n <= 130; n++)
        for (size_t to = 0; to < 9; to++) {
            pattern(mine, 5);
            pattern(theirs, 5);
            assert_ptr_equal(hv_memset(mine + to, 0x1c3, n), mine + to);
            memset(theirs + to, 0xc3, n);
            assert_memory_equal(mine, theirs, SIZE);
        }
}

static int sign(int v) { return (v > 0) - (v < 0); }

static void compares_match(void **unused)
{
    uint8_t a[40], b[40];
    for (size_t n = 0; n <= 33; n++)
        for (size_t diff = 0; diff <= n; diff++) {
            memset(a, 0x80, sizeof(a));
            memset(b, 0x80, sizeof(b));
            a[diff] = 0xff;
            b[diff] = 0x01;
            assert_int_equal(sign(hv_memcmp(a, b, n)), sign(memcmp(a, b, n)));
            assert_int_equal(sign(hv_memcmp(b, a, n)), sign(memcmp(b, a, n)));
            assert_int_equal(hv_memcmp(a, a, n), 0);
        }
}

static const char *const text[] = {
    "", "a", "b", "ab", "aab", "aaab", "abc", "abd", "abcabcabd", "\xff", "\x7f", "a\xff", "kernel",
};

static void strings_match(void **unused)
{
    for (unsigned i = 0; i < ARRAY_LEN(text); i++) {
        /* Exact heap copies: a read past the NUL is caught. */
        char *s = strdup(text[i]);
        assert_int_equal(hv_strlen(s), strlen(s));
        for (size_t max = 0; max < 12; max++)
            assert_int_equal(hv_strnlen(s, max), strnlen(s, max));
        for (int c = 0; c < 256; c++) {
            assert_ptr_equal(hv_strchr(s, c), strchr(s, c));
            assert_ptr_equal(hv_strrchr(s, c), strrchr(s, c));
            assert_ptr_equal(hv_memchr(s, c, strlen(s)), memchr(s, c, strlen(s)));
        }
        for (unsigned j = 0; j < ARRAY_LEN(text); j++) {
            assert_int_equal(sign(hv_strcmp(s, text[j])), sign(strcmp(s, text[j])));
            assert_ptr_equal(hv_strstr(s, text[j]), strstr(s, text[j]));
            for (size_t n = 0; n < 12; n++)
                assert_int_equal(sign(hv_strncmp(s, text[j], n)), sign(strncmp(s, text[j], n)));
        }
        free(s);
    }
}

static void large_blocks(void **unused)
{
    size_t n = 3u << 20;
    uint8_t *a = malloc(n), *b = malloc(n);
    for (size_t i = 0; i < n; i++)
        a[i] = (uint8_t)(i * 31 + (i >> 8));
    hv_memset(b, 0, n);
    hv_memcpy(b, a, n);
    assert_int_equal(memcmp(a, b, n), 0);
    assert_int_equal(hv_memcmp(a, b, n), 0);
    b[n - 1] ^= 1;
    assert_int_not_equal(hv_memcmp(a, b, n), 0);
    hv_memmove(a + 1, a, n - 1);
    b[n - 1] ^= 1;
    assert_int_equal(memcmp(a + 1, b, n - 1), 0);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_match),
        cmocka_unit_test(moves_match_with_any_overlap),
        cmocka_unit_test(fills_match),
        cmocka_unit_test(compares_match),
        cmocka_unit_test(strings_match),
        cmocka_unit_test(large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
