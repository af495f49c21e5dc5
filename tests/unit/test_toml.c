/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TOML reader against the specification (TOML 1.0.0), section by section: what must
 * be accepted with which value, and what must be refused at which place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../boot/config/toml.h"

static struct config_diag diag;
static char memory[1 << 22];

/* The text is copied to a heap block of its exact length, so that ASan sees overreads. */
static struct toml_node *parse_n(const char *text, size_t len, hv_status *status)
{
    struct arena arena;
    struct toml_node *root;
    char *copy = malloc(len ? len : 1);

    memcpy(copy, text, len);
    arena_init(&arena, memory, sizeof(memory));
    config_diag_init(&diag);
    *status = toml_parse(copy, len, &arena, &diag, &root);
    free(copy);
    return root;
}

static struct toml_node *good_n(const char *text, size_t len)
{
    hv_status s;
    struct toml_node *root = parse_n(text, len, &s);

    if (s != HV_OK)
        fail_msg("refused: %s\n%u:%u %s", text, diag.entry[0].pos.line, diag.entry[0].pos.col,
                 diag.entry[0].text);
    return root;
}

static struct toml_node *good(const char *text) { return good_n(text, strlen(text)); }

static void bad_n(const char *text, size_t len, unsigned line, unsigned col)
{
    hv_status s;
    const struct toml_node *root = parse_n(text, len, &s);

    if (s != HV_INVALID || root || diag.errors == 0)
        fail_msg("accepted: %s", text);
    if (diag.entry[0].pos.line != line || diag.entry[0].pos.col != col)
        fail_msg("%s\nat %u:%u instead of %u:%u: %s", text, diag.entry[0].pos.line,
                 diag.entry[0].pos.col, line, col, diag.entry[0].text);
}

static void bad(const char *text, unsigned line, unsigned col)
{
    bad_n(text, strlen(text), line, col);
}

/* The value behind a path such as "a.b.0.c"; numbers index arrays. */
static const struct toml_node *at(const struct toml_node *n, const char *path)
{
    char part[64];

    while (*path) {
        const size_t len = strcspn(path, ".");
        memcpy(part, path, len);
        part[len] = '\0';
        path += len + (path[len] == '.');
        if (n->type == TOML_ARRAY) {
            const struct toml_node *e = n->u.list.first;
            for (long i = strtol(part, NULL, 10); i > 0 && e; i--)
                e = e->next;
            n = e;
        } else {
            n = toml_get(n, part);
        }
        if (!n)
            fail_msg("nothing at %s", part);
    }
    return n;
}

static void is_int(const struct toml_node *root, const char *path, int64_t value)
{
    const struct toml_node *n = at(root, path);
    assert_int_equal(n->type, TOML_INTEGER);
    assert_true(n->u.integer == value);
}

static void is_str(const struct toml_node *root, const char *path, const char *value)
{
    const struct toml_node *n = at(root, path);
    assert_int_equal(n->type, TOML_STRING);
    assert_string_equal(n->u.str.text, value);
    assert_int_equal(n->u.str.len, strlen(value));
}

static void empty_and_comments(void **state)
{
    assert_int_equal(good("")->u.list.count, 0);
    good("\n\n  \t\n");
    good("# comment");
    good("# comment\n#another\r\n");
    is_int(good("a = 1 # after\n# b = 2"), "a", 1);
    is_str(good("a = \"# no comment\" # one"), "a", "# no comment");
    bad("a = 1\n# bell \a\n", 2, 8);
    bad("a = 1 # \x7f\n", 1, 9);
    bad_n("a = 1\n\0", 7, 2, 1);
}

static void encoding(void **state)
{
    is_int(good("\xef\xbb\xbf" "a = 1"), "a", 1);
    assert_int_equal(at(good("\xef\xbb\xbf" "a = 1"), "a")->pos.col, 5);
    is_str(good("a = \"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""), "a",
           "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    bad("a = \"\xc3\"", 1, 6);                      /* cut short */
    bad("a = \"\x80\"", 1, 6);                      /* tail alone */
    bad("a = \"\xc0\xaf\"", 1, 6);                  /* overlong */
    bad("a = \"\xe0\x80\xaf\"", 1, 6);
    bad("a = \"\xf0\x80\x80\xaf\"", 1, 6);
    bad("a = \"\xed\xa0\x80\"", 1, 6);              /* surrogate */
    bad("a = \"\xf4\x90\x80\x80\"", 1, 6);          /* past U+10FFFF */
    bad("a = \"\xff\"", 1, 6);
    bad("# \xe2\x82", 1, 3);
    bad_n("\xff\xfe" "a\0=\0", 6, 1, 1);
    assert_non_null(strstr(diag.entry[0].text, "UTF-16"));
    bad("a = 1\rb = 2", 1, 6);
    is_int(good("a = 1\r\nb = 2\r\n"), "b", 2);
    /* Columns count characters. */
    bad("\"\xc3\xa9\xe2\x82\xac\" = x", 1, 8);
}

static void keys(void **state)
{
    is_int(good("key = 1"), "key", 1);
    is_int(good("bare-key_9 = 1"), "bare-key_9", 1);
    is_int(good("1234 = 1"), "1234", 1);
    is_int(good("\"quoted key\" = 1"), "quoted key", 1);
    is_int(good("'literal \\n' = 1"), "literal \\n", 1);
    is_int(good("\"\\u00e9\" = 1"), "\xc3\xa9", 1);
    assert_non_null(toml_get(good("\"\" = 1"), ""));
    is_int(good("a.b.c = 1\na.b.d = 2\na . e = 3"), "a.b.d", 2);
    is_int(good("a.\"b\".'c' = 7"), "a.b.c", 7);
    is_int(good("3.14 = 5"), "3.14", 5);
    bad("= 1", 1, 1);
    bad("a = 1 b = 2", 1, 7);
    bad("a b = 1", 1, 3);
    bad("a. = 1", 1, 4);
    bad(".a = 1", 1, 1);
    bad("a..b = 1", 1, 3);
    bad("\xc3\xa9 = 1", 1, 1);
    bad("\"\"\"a\"\"\" = 1", 1, 1);
    bad("a\n= 1", 1, 2);
    bad("a =\n1", 1, 4);
    bad("a", 1, 2);
    bad("a = 1\na = 2", 2, 1);
    bad("a = 1\n\"a\" = 2", 2, 1);
    bad("a = 1\na.b = 2", 2, 1);
    bad("a.b = 1\na = 2", 2, 1);
    bad("a.b.c = 1\na.b = 2", 2, 3);
    bad("a = 1, b = 2", 1, 6);
}

static void basic_strings(void **state)
{
    is_str(good("a = \"\""), "a", "");
    is_str(good("a = \"tab\there\""), "a", "tab\there");
    is_str(good("a = \"\\b\\t\\n\\f\\r\\\"\\\\\""), "a", "\b\t\n\f\r\"\\");
    is_str(good("a = \"\\u0041\\U0001F600\""), "a", "A\xf0\x9f\x98\x80");
    is_str(good("a = \"\\uFFFF\\u07ff\\u0800\\U0010FFFF\""), "a",
           "\xef\xbf\xbf\xdf\xbf\xe0\xa0\x80\xf4\x8f\xbf\xbf");
    bad("a = \"x\ny\"", 1, 5);
    bad("a = \"x", 1, 5);
    bad("a = \"", 1, 5);
    bad("a = \"\\", 1, 6);
    bad("a = \"\\x41\"", 1, 6);
    bad("a = \"\\e\"", 1, 6);
    bad("a = \"\\ \"", 1, 6);
    bad("a = \"\\u00g0\"", 1, 6);
    bad("a = \"\\u004", 1, 6);
    bad("a = \"\\uD800\"", 1, 6);
    bad("a = \"\\uDFFF\"", 1, 6);
    bad("a = \"\\U00110000\"", 1, 6);
    bad("a = \"\\U7FFFFFFF\"", 1, 6);
    bad("a = \"\\u0000\"", 1, 6);                  /* valid TOML; no use for us */
    bad("a = \"\x01\"", 1, 6);
    bad("a = \"x\" y", 1, 9);
}

static void literal_strings(void **state)
{
    is_str(good("a = ''"), "a", "");
    is_str(good("a = 'C:\\new \"x\"'"), "a", "C:\\new \"x\"");
    bad("a = 'x\n'", 1, 5);
    bad("a = 'it's'", 1, 9);
    bad("a = '", 1, 5);
}

static void multi_line_strings(void **state)
{
    is_str(good("a = \"\"\"\"\"\""), "a", "");
    is_str(good("a = \"\"\"\nx\ny\"\"\""), "a", "x\ny");
    is_str(good("a = \"\"\"\r\nx\r\ny\"\"\""), "a", "x\ny");
    is_str(good("a = \"\"\"\n\nx\"\"\""), "a", "\nx");
    is_str(good("a = \"\"\"x \\\n   \t\n  y\"\"\""), "a", "x y");
    is_str(good("a = \"\"\"x \\  \n y\"\"\""), "a", "x y");
    is_str(good("a = \"\"\"\\\n  \"\"\""), "a", "");
    is_str(good("a = \"\"\"two \"\" quotes\"\"\""), "a", "two \"\" quotes");
    is_str(good("a = \"\"\"one\"\"\"\""), "a", "one\"");
    is_str(good("a = \"\"\"two\"\"\"\"\""), "a", "two\"\"");
    is_str(good("a = \"\"\"\"x\"\"\""), "a", "\"x");
    is_str(good("a = \"\"\"esc \\\"\"\"\""), "a", "esc \"");
    is_str(good("a = '''\nI [dw]on't \\n'''"), "a", "I [dw]on't \\n");
    is_str(good("a = ''''that,' she said'''"), "a", "'that,' she said");
    is_str(good("a = '''x''''"), "a", "x'");
    is_int(good("a = \"\"\"\nx\n\"\"\"\nb = 4"), "b", 4);
    bad("a = \"\"\"x", 1, 5);
    bad("a = \"\"\"x\"\"", 1, 5);
    bad("a = '''x''", 1, 5);
    bad("a = \"\"\"six\"\"\"\"\"\"", 1, 16);
    bad("a = \"\"\"x \\ y\"\"\"", 1, 10);
    bad("a = \"\"\"\nx\\q\"\"\"", 2, 2);
}

static void integers(void **state)
{
    is_int(good("a = 0"), "a", 0);
    is_int(good("a = +99"), "a", 99);
    is_int(good("a = -17"), "a", -17);
    is_int(good("a = -0"), "a", 0);
    is_int(good("a = +0"), "a", 0);
    is_int(good("a = 1_000_000"), "a", 1000000);
    is_int(good("a = 9223372036854775807"), "a", INT64_MAX);
    is_int(good("a = -9223372036854775808"), "a", INT64_MIN);
    is_int(good("a = 0xDEAD_beef"), "a", 0xdeadbeef);
    is_int(good("a = 0x7fffffffffffffff"), "a", INT64_MAX);
    is_int(good("a = 0o755"), "a", 0755);
    is_int(good("a = 0b1101_0110"), "a", 0xd6);
    is_int(good("a = 0x00ff"), "a", 255);
    static const char *const wrong[] = {
        "9223372036854775808", "-9223372036854775809", "0x8000000000000000",
        "99999999999999999999999999999999", "01", "-01", "+01", "00", "1__0", "_1", "1_",
        "0x_1", "0x1_", "0x", "0o8", "0b2", "0xg", "0X1", "0O7", "0B1", "-0x1", "+0b1", "+", "-",
        "+-1", "1a", "1-2", "0_1",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[64];
        snprintf(text, sizeof(text), "a = %s", wrong[i]);
        bad(text, 1, 5);
    }
}

static void floats_and_dates_are_named(void **state)
{
    static const char *const floats[] = { "1.0", "-3.1415", "5e+22", "1e06", "-2E-2", "6.626e-34",
                                          "224_617.445_991", "inf", "+inf", "-inf", "nan", "-nan",
                                          "1e5" };
    static const char *const dates[] = { "1979-05-27T07:32:00Z", "1979-05-27T00:32:00-07:00",
                                         "1979-05-27", "07:32:00", "00:32:00.999999",
                                         "1979-05-27t07:32:00", "1979-05-27 07:32:00" };
    char text[64];

    for (size_t i = 0; i < ARRAY_LEN(floats); i++) {
        snprintf(text, sizeof(text), "a = %s", floats[i]);
        bad(text, 1, 5);
        assert_non_null(strstr(diag.entry[0].text, "floats"));
    }
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        snprintf(text, sizeof(text), "a = %s", dates[i]);
        bad(text, 1, 5);
        assert_non_null(strstr(diag.entry[0].text, "dates"));
    }
    /* What only looks like them is text without quotes. */
    bad("a = 52:54:00:12:34:56", 1, 5);
    assert_non_null(strstr(diag.entry[0].text, "quotes"));
    bad("a = 1.2.x", 1, 5);
    assert_non_null(strstr(diag.entry[0].text, "quotes"));
}

static void booleans(void **state)
{
    assert_true(at(good("a = true"), "a")->u.boolean);
    assert_false(at(good("a = false"), "a")->u.boolean);
    bad("a = TRUE", 1, 5);
    assert_string_equal(diag.entry[0].text, "write true instead of TRUE");
    bad("a = Off", 1, 5);
    assert_string_equal(diag.entry[0].text, "write false instead of Off");
    bad("a = truer", 1, 5);
    bad("a = true false", 1, 10);
}

static void arrays(void **state)
{
    assert_int_equal(at(good("a = []"), "a")->u.list.count, 0);
    const struct toml_node *n = good("a = [1, 'x', [true, []], {b = 2}]");
    assert_int_equal(at(n, "a")->u.list.count, 4);
    is_int(n, "a.0", 1);
    is_str(n, "a.1", "x");
    assert_true(at(n, "a.2.0")->u.boolean);
    is_int(n, "a.3.b", 2);
    is_int(good("a = [\n  1, # one\n  2,\n\n  # end\n]\nb = 3"), "b", 3);
    is_int(good("a = [ 1 , 2 , ]"), "a.1", 2);
    is_int(good("a = [\r\n1\r\n]"), "a.0", 1);
    bad("a = [", 1, 5);
    bad("a = [1", 1, 5);
    bad("a = [1,", 1, 5);
    bad("a = [1 2]", 1, 8);
    bad("a = [,1]", 1, 6);
    bad("a = [1,,2]", 1, 8);
    bad("a = [1]]", 1, 8);
    bad("a = [1}", 1, 7);
    bad("a = [x]", 1, 6);
    bad("a = [1,\nb = 2\n", 1, 5);
}

static void inline_tables(void **state)
{
    const struct toml_node *n = good("a = { b = 1, c.d = 2, \"e\" = [ 3,\n 4 ] }");
    is_int(n, "a.b", 1);
    is_int(n, "a.c.d", 2);
    is_int(n, "a.e.1", 4);
    assert_int_equal(at(good("a = {}"), "a")->u.list.count, 0);
    assert_int_equal(at(good("a = {  }"), "a")->u.list.count, 0);
    bad("a = { b = 1,\n c = 2 }", 1, 5);
    bad("a = {\n b = 1 }", 1, 5);
    bad("a = { b = 1, }", 1, 14);
    bad("a = { b = 1 c = 2 }", 1, 13);
    bad("a = { b = 1", 1, 5);
    bad("a = { b = 1, b = 2 }", 1, 14);
    bad("a = { b = { c = 1 }, b.d = 2 }", 1, 22);
    bad("a = { b.c = 1, b = 2 }", 1, 16);
    bad("a = { , }", 1, 7);
    bad("a = { b }", 1, 9);
    bad("a = {}\na.b = 1", 2, 1);
    bad("a = {}\n[a]", 2, 2);
    bad("a = {}\n[a.b]", 2, 2);
    bad("a = { b.c = 1 }\n[a.b]", 2, 2);
    bad("a = {}\n[[a]]", 2, 3);
    bad("a = [ { b = 1 } ]\n[[a]]", 2, 3);
    bad("a = [ { b = 1 } ]\n[a.c]", 2, 2);
}

static void tables(void **state)
{
    is_int(good("[a]\nb = 1\n[c]\nb = 2"), "c.b", 2);
    is_int(good("[a.b.c]\nd = 1"), "a.b.c.d", 1);
    is_int(good("[ a . b ]\nd = 1"), "a.b.d", 1);
    const struct toml_node *quoted = toml_get(at(good("[a.\"b.c\"]\nd = 1"), "a"), "b.c");
    assert_non_null(quoted);
    is_int(quoted, "d", 1);
    assert_int_equal(at(good("[a]\n[b]"), "a")->u.list.count, 0);
}

static void tables_defined_once(void **state)
{
    /* A super-table may come later. */
    is_int(good("[x.y.z.w]\n[x]\na = 1"), "x.a", 1);
    is_int(good("[a.b]\nc = 1\n[a]\nd = 2"), "a.d", 2);
    /* The specification's own example. */
    is_int(good("[fruit]\napple.color = 1\napple.taste.sweet = 2\n"
                "[fruit.apple.texture]\nsmooth = 3"), "fruit.apple.texture.smooth", 3);
    is_int(good("[a.b.c]\nd = 1\n[a]\nb.e = 2"), "a.b.e", 2);
    bad("[a]\n[a]", 2, 2);
    bad("[a]\nb = 1\n[a.b]", 3, 4);
    bad("[a]\nb.c = 1\n[a.b]", 3, 4);
    bad("[a]\nb.c.d = 1\n[a.b.c]", 3, 6);
    bad("a.b = 1\n[a]", 2, 2);
    bad("[a.b]\nc = 1\n[a]\nb.d = 2", 4, 1);
    bad("[a.b.c]\nz = 9\n[a]\nb.c.t = 1", 4, 3);
    bad("a = 1\n[a]", 2, 2);
    bad("a = 1\n[a.b]", 2, 2);
    bad("[]", 1, 2);
    bad("[a", 1, 3);
    bad("[a\nb = 1", 1, 3);
    bad("[a] b = 1", 1, 5);
    bad("[a.]", 1, 4);
    bad("[a..b]", 1, 4);
    bad("[a b]", 1, 4);
    bad("[ [a]]", 1, 3);
}

static void arrays_of_tables(void **state)
{
    const struct toml_node *n = good("[[a]]\nb = 1\n[[a]]\n\n[[a]]\nb = 3\n[a.c]\nd = 4\n"
                                     "[[a.e]]\nf = 5\n[[a.e]]\nf = 6\n[a.e.g]\nh = 7");
    assert_int_equal(at(n, "a")->u.list.count, 3);
    is_int(n, "a.0.b", 1);
    is_int(n, "a.2.b", 3);
    is_int(n, "a.2.c.d", 4);
    is_int(n, "a.2.e.1.f", 6);
    is_int(n, "a.2.e.1.g.h", 7);
    assert_int_equal(at(n, "a.2")->pos.line, 5);
    bad("[[a]]\n[a]", 2, 2);
    bad("[a]\n[[a]]", 2, 3);
    bad("[a.b]\n[[a]]", 2, 3);
    bad("a = []\n[[a]]", 2, 3);
    bad("[[a.b]]\n[a]\nb.c = 1", 3, 1);
    bad("[[a]]\n[a.b]\n[[a.b]]", 3, 5);
    bad("[[a]]\nb = 1\n[[a.b]]", 3, 5);
    bad("[[a]", 1, 4);
    bad("[[a] ]", 1, 4);
    bad("[[a]] b = 1", 1, 7);
}

static void positions(void **state)
{
    const struct toml_node *n = good("\n  key  =  'v'\n\t[ t ]\nx = [ 1,\n    2 ]");
    assert_int_equal(at(n, "key")->key.pos.line, 2);
    assert_int_equal(at(n, "key")->key.pos.col, 3);
    assert_int_equal(at(n, "key")->pos.col, 11);
    assert_int_equal(at(n, "t")->pos.line, 3);
    assert_int_equal(at(n, "t")->pos.col, 2);
    assert_int_equal(at(n, "t.x.1")->pos.line, 5);
    assert_int_equal(at(n, "t.x.1")->pos.col, 5);
}

static void all_errors_in_one_run(void **state)
{
    bad("a = x\nb = 1\nc = y\n[d\ne = 1\ne = 2\n", 1, 5);
    assert_int_equal(diag.errors, 4);
    assert_int_equal(diag.entry[1].pos.line, 3);
    assert_int_equal(diag.entry[2].pos.line, 4);
    assert_int_equal(diag.entry[3].pos.line, 6);
    /* Errors inside lists do not count as lists that are still open. */
    char text[800] = "";
    for (unsigned i = 0; i < 2 * TOML_DEPTH_MAX; i++)
        strcat(text, "a = [[x]]\n");
    bad(text, 1, 7);
    for (unsigned i = 0; i < 2 * TOML_DEPTH_MAX; i++)
        assert_string_equal(diag.entry[i].text, "text needs quotes: \"x\"");
    /* Keys below a wrong header do not clash with those of another table. */
    bad("a = 1\n[b\na = 2\n", 2, 3);
    assert_int_equal(diag.errors, 1);
}

static void limits(void **state)
{
    static char text[200000];
    size_t n = 0;

    for (unsigned i = 0; i < TOML_DEPTH_MAX; i++)
        text[n++] = '[';
    for (unsigned i = 0; i < TOML_DEPTH_MAX; i++)
        text[n++] = ']';
    char deep[128];
    snprintf(deep, sizeof(deep), "a = %.*s", (int)n, text);
    good(deep);
    snprintf(deep, sizeof(deep), "a = [%.*s]", (int)n, text);
    bad(deep, 1, 5 + TOML_DEPTH_MAX);
    good("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p = 1");
    bad("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q = 1", 1, 33);

    n = 0;
    for (unsigned i = 0; i < TOML_KEYS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "k%u=1\n", i);
    good(text);
    snprintf(text + n, sizeof(text) - n, "k%u=1\n", TOML_KEYS_MAX);
    bad(text, TOML_KEYS_MAX + 1, 7);

    n = (size_t)snprintf(text, sizeof(text), "a=[");
    for (unsigned i = 0; i < TOML_ELEMENTS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "1,");
    snprintf(text + n, sizeof(text) - n, "]");
    good(text);
    snprintf(text + n, sizeof(text) - n, "1]");
    bad(text, 1, (unsigned)n + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_and_comments), cmocka_unit_test(encoding), cmocka_unit_test(keys),
        cmocka_unit_test(basic_strings), cmocka_unit_test(literal_strings),
        cmocka_unit_test(multi_line_strings), cmocka_unit_test(integers),
        cmocka_unit_test(floats_and_dates_are_named), cmocka_unit_test(booleans),
        cmocka_unit_test(arrays), cmocka_unit_test(inline_tables), cmocka_unit_test(tables),
        cmocka_unit_test(tables_defined_once), cmocka_unit_test(arrays_of_tables),
        cmocka_unit_test(positions), cmocka_unit_test(all_errors_in_one_run),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests_name("toml", tests, NULL, NULL);
}
