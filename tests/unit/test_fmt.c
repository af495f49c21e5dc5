/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/lib/fmt.c beside libc's snprintf over all flags, widths, lengths and many values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "socle/fmt.h"

/* The formats are built at run time on purpose. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

static void same(size_t size, const char *format, ...)
{
    char *mine = malloc(size + 1), *theirs = malloc(size + 1);
    va_list a, b;

    mine[size] = theirs[size] = 0x7f;
    va_start(a, format);
    va_copy(b, a);
    size_t n = fmt_v(mine, size, format, a);
    int m = vsnprintf(theirs, size, format, b);
    va_end(a);
    va_end(b);
    if (n != (size_t)m || (size && strcmp(mine, theirs)) || mine[size] != 0x7f)
        fail_msg("format \"%s\" size %zu: \"%s\" (%zu), libc \"%s\" (%d)", format, size,
                 size ? mine : "", n, size ? theirs : "", m);
    free(mine);
    free(theirs);
}

static const uint64_t values[] = {
    0, 1, 9, 10, 15, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 0x7fffffff,
    0x80000000ull, 0xffffffffull, 0x100000000ull, 0x7fffffffffffffffull,
    0x8000000000000000ull, 0xffffffffffffffffull, 1234567890123456789ull,
};
static const char *const widths[] = { "", "1", "5", "12", "25" };
static const char *const precisions[] = { "", ".", ".0", ".1", ".7", ".22" };

static void one_length(const char *flags, const char *width, const char *prec, char conv)
{
    static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };
    char f[40];

    for (unsigned l = 0; l < ARRAY_LEN(lengths); l++) {
        snprintf(f, sizeof(f), "<%%%s%s%s%s%c>", flags, width, prec, lengths[l], conv);
        for (unsigned v = 0; v < ARRAY_LEN(values); v++) {
            if (l <= 2)
                same(80, f, (int)values[v]);
            else
                same(80, f, values[v]);
        }
    }
}

static void integers_match_libc(void **unused)
{
    for (unsigned set = 0; set < 32; set++) {
        char flags[6];
        unsigned n = 0;
        for (unsigned i = 0; i < 5; i++)
            if (set & (1u << i))
                flags[n++] = "-0+ #"[i];
        flags[n] = 0;
        for (unsigned w = 0; w < ARRAY_LEN(widths); w++)
            for (unsigned p = 0; p < ARRAY_LEN(precisions); p++)
                for (const char *c = "diuxX"; *c; c++)
                    one_length(flags, widths[w], precisions[p], *c);
    }
}

static void text_matches_libc(void **unused)
{
    static const char *const text[] = { "", "a", "hello", "a longer text than the width" };

    for (unsigned i = 0; i < ARRAY_LEN(text); i++) {
        same(60, "%s", text[i]);
        same(60, "<%10s|%-10s>", text[i], text[i]);
        same(60, "<%.3s|%.0s|%10.2s>", text[i], text[i], text[i]);
        same(60, "<%*s|%-*s|%.*s>", 8, text[i], 8, text[i], 2, text[i]);
        same(60, "<%*s|%.*s>", -8, text[i], -1, text[i]);
    }
    same(60, "%c%5c%-5c%c|", 'a', 'b', 'c', 0);
    same(60, "100%% %d%%", 5);
    same(60, "%*d|%-*d|%0*d|%.*d", 6, 1, 6, 2, 6, 3, 4, 5);
    same(60, "%s", (const char *)NULL);
    same(60, "%p", (void *)(uintptr_t)0xdeadbeef1234);
    same(60, "%20p|%-20p|", (void *)(uintptr_t)16, (void *)(uintptr_t)17);
}

static void precision_reads_no_further(void **unused)
{
    char *three = malloc(3);        /* no NUL: the sanitizer sees a read too far */
    memcpy(three, "abc", 3);
    same(20, "%.3s", three);
    same(20, "%.2s", three);
    free(three);
}

static void output_is_bounded(void **unused)
{
    for (size_t size = 0; size < 24; size++) {
        same(size, "%d %s %#x", -12345, "middle", 0xbeef);
        same(size, "%15d", 1);
        same(size, "plain text that is longer");
    }
    assert_int_equal(fmt(NULL, 0, "%d", 12345), 5);
}

/* fmt() without the compiler's knowledge of formats, for those that are wrong on purpose. */
static size_t raw(char *buf, size_t size, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    size_t n = fmt_v(buf, size, format, a);
    va_end(a);
    return n;
}

static void unknown_conversions_are_shown(void **unused)
{
    char b[40];
    const char *bad = "a%d b%q %d";
    assert_int_equal(raw(b, sizeof(b), bad, 1), 9);
    assert_string_equal(b, "a1 b%q %d");
    bad = "end%";
    raw(b, sizeof(b), bad);
    assert_string_equal(b, "end%");
    bad = "end%-5l";
    raw(b, sizeof(b), bad);
    assert_string_equal(b, "end%-5l");
    bad = "%n";
    raw(b, sizeof(b), bad, NULL);
    assert_string_equal(b, "%n");
}

static void huge_widths_are_limited(void **unused)
{
    char b[8];
    const char *f = "%999999999999d";
    assert_true(raw(b, sizeof(b), f, 1) <= 50000);
    assert_true(raw(b, sizeof(b), "%*d", 2147483647, 1) <= 50000);
    assert_true(raw(b, sizeof(b), "%*d", -2147483647 - 1, 1) <= 50000);
}

static void sizes_are_exact(void **unused)
{
    static const struct { uint64_t bytes; const char *text; } want[] = {
        { 0, "0" }, { 1, "1" }, { 1000, "1000" }, { 1024, "1K" }, { 1025, "1025" },
        { MIB(1536), "1536M" }, { GIB(4), "4G" }, { GIB(1024), "1T" }, { GIB(1536), "1536G" },
        { KIB(1), "1K" }, { MIB(1) + 1024, "1025K" }, { 1ull << 60, "1048576T" },
        { UINT64_MAX, "18446744073709551615" },
    };
    char b[FMT_SIZE_LEN];
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        assert_ptr_equal(fmt_size(b, want[i].bytes), b);
        assert_string_equal(b, want[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_match_libc),
        cmocka_unit_test(text_matches_libc),
        cmocka_unit_test(precision_reads_no_further),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(unknown_conversions_are_shown),
        cmocka_unit_test(huge_widths_are_limited),
        cmocka_unit_test(sizes_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
