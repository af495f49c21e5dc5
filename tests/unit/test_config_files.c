/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every file in tests/configs: good ones must be free of errors, bad ones must give
 * exactly the findings that their `# expect: LINE:COL error: TEXT` comments list, in that
 * order. Files whose text matters say so themselves; to add a case, add a file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socle/config.h"

struct loaded {
    char              *text;
    size_t             len;
    void              *memory;
    struct config      config;
    struct config_diag diag;
    hv_status          status;
};

static struct loaded *load(const char *path)
{
    struct loaded *l = calloc(1, sizeof(*l));
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    l->text = calloc(1, CONFIG_FILE_MAX + 1);
    l->len = fread(l->text, 1, CONFIG_FILE_MAX, f);
    fclose(f);

    struct arena arena;
    const size_t size = config_arena_enough(l->len);
    l->memory = malloc(size);
    arena_init(&arena, l->memory, size);
    config_diag_init(&l->diag);
    l->status = config_parse(l->text, l->len, &arena, &l->config, &l->diag);
    return l;
}

static void unload(struct loaded *l)
{
    free(l->text);
    free(l->memory);
    free(l);
}

/*
 * Features that have not landed are spoken of in files named later-* only, so that landing
 * one changes only those. Elsewhere such findings are taken out of the list.
 */
static void drop_later(const char *path, struct config_diag *d)
{
    uint32_t kept = 0;

    if (strstr(path, "/later-"))
        return;
    for (uint32_t i = 0; i < d->count; i++)
        if (!strstr(d->entry[i].text, "in this version yet") &&
            !strstr(d->entry[i].text, "by this version yet"))
            d->entry[kept++] = d->entry[i];
    d->count = kept;
}

/* The finding in the form of an expectation, without the first words of its line. */
static void describe(const struct config_diag_entry *e, char *buf, size_t size)
{
    snprintf(buf, size, "%u:%u %s: %s", e->pos.line, e->pos.col,
             e->severity == CONFIG_ERROR ? "error" : "warning", e->text);
}

/* Number of `# expect: ` comments; each must match the finding of its number. */
static unsigned check_expectations(const char *path, const struct loaded *l)
{
    static const char mark[] = "# expect: ";
    char got[512];
    unsigned n = 0;

    for (const char *at = l->text; (at = memmem(at, l->len - (size_t)(at - l->text), mark,
                                                sizeof(mark) - 1)); n++) {
        at += sizeof(mark) - 1;
        const size_t len = strcspn(at, "\r\n");

        if (n >= l->diag.count)
            fail_msg("%s: expected \"%.*s\", found nothing", path, (int)len, at);
        describe(&l->diag.entry[n], got, sizeof(got));
        if (strlen(got) != len || memcmp(got, at, len) != 0)
            fail_msg("%s: expected \"%.*s\", found \"%s\"", path, (int)len, at, got);
    }
    if (n != l->diag.count) {
        describe(&l->diag.entry[n], got, sizeof(got));
        fail_msg("%s: not expected: \"%s\"", path, got);
    }
    return n;
}

static void check_folder(const char *pattern, size_t least, bool good)
{
    glob_t files;

    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= least);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct loaded *l = load(files.gl_pathv[i]);
        drop_later(files.gl_pathv[i], &l->diag);
        const unsigned expected = check_expectations(files.gl_pathv[i], l);

        if (good && (l->diag.errors || l->status != HV_OK || l->config.guests == 0))
            fail_msg("%s: should be good", files.gl_pathv[i]);
        if (!good && (expected == 0 || l->diag.errors == 0))
            fail_msg("%s: expects no error", files.gl_pathv[i]);
        unload(l);
    }
    globfree(&files);
}

static void good_files(void **state) { check_folder("tests/configs/good/*.toml", 6, true); }
static void bad_files(void **state) { check_folder("tests/configs/bad/*.toml", 180, false); }

/* Whatever the file says, a guest with an error is marked, and only such a guest. */
static void guests_with_errors_are_marked(void **state)
{
    glob_t files;

    assert_int_equal(glob("tests/configs/*/*.toml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct loaded *l = load(files.gl_pathv[i]);
        bool marked[CONFIG_GUESTS_MAX] = { false };

        for (uint32_t k = 0; k < l->diag.count; k++)
            if (l->diag.entry[k].severity == CONFIG_ERROR && l->diag.entry[k].guest >= 0)
                marked[l->diag.entry[k].guest] = true;
        if (l->status != HV_OK)
            assert_int_equal(l->config.guests, 0);
        for (uint32_t g = 0; g < l->config.guests; g++)
            if (l->config.guest[g].bad != marked[g])
                fail_msg("%s: guest %u: bad is %d", files.gl_pathv[i], g, l->config.guest[g].bad);
        unload(l);
    }
    globfree(&files);
}

/* Every prefix of every file is handled, and a full arena at every size as well. */
static void any_prefix_and_any_arena(void **state)
{
    glob_t files;

    assert_int_equal(glob("tests/configs/good/*.toml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct loaded *l = load(files.gl_pathv[i]);
        static struct config_diag diag;
        struct config config;

        for (size_t len = 0; len < l->len; len++) {
            const size_t size = config_arena_enough(len);
            char *text = malloc(len + 1), *memory = malloc(size);   /* guarded by ASan */
            struct arena arena;

            memcpy(text, l->text, len);
            arena_init(&arena, memory, size);
            config_diag_init(&diag);
            const hv_status s = config_parse(text, len, &arena, &config, &diag);
            assert_true(s == HV_OK || (s == HV_INVALID && diag.errors > 0 && config.guests == 0));
            free(text);
            free(memory);
        }
        unload(l);
    }
    globfree(&files);
}

static void arena_of_every_size(void **state)
{
    struct loaded *l = load("tests/configs/good/later-features.toml");
    static struct config_diag diag;
    struct config config;
    size_t size = 0;
    hv_status s;

    do {
        char *memory = malloc(size + 1);
        struct arena arena;

        arena_init(&arena, memory + 1, size);       /* not aligned on purpose */
        config_diag_init(&diag);
        s = config_parse(l->text, l->len, &arena, &config, &diag);
        if (s == HV_NOMEM) {
            assert_int_equal(config.guests, 0);
            assert_int_equal(config.host.baud, 115200);
            assert_int_equal(diag.errors, 1);
            assert_non_null(strstr(diag.entry[0].text, "needs more than"));
        }
        free(memory);
        size++;
    } while (s == HV_NOMEM);
    assert_int_equal(s, HV_OK);
    assert_true(size > 1000 && size < config_arena_enough(l->len));
    unload(l);
}

/* The densest files that there can be fit what config_arena_enough() promises. */
static void densest_files(void **state)
{
    static char text[1 << 19];
    static const struct {
        const char *begin, *item, *end;
        unsigned    groups, items;
    } shapes[] = {
        { "{disk=[", "{},", "]},", CONFIG_GUESTS_MAX, CONFIG_DISKS_MAX },
        { "{pci=[", "{},", "]},", CONFIG_GUESTS_MAX, CONFIG_PCIS_MAX },
        { "{net=[", "{},", "]},", CONFIG_GUESTS_MAX, CONFIG_NETS_MAX },
        { "{disk=[{file='a'},{file='b'}],net=[", "{},", "]},", CONFIG_GUESTS_MAX, CONFIG_NETS_MAX },
        { "", "{},", "", 1, 4000 }, { "[", "1,", "],", 30, 4000 }, { "[", "'',", "],", 30, 4000 },
        { "{initrd=[", "'a',", "]},", CONFIG_GUESTS_MAX, CONFIG_INITRD_MAX },
        { "{modules=[", "'a',", "]},", CONFIG_GUESTS_MAX, CONFIG_MODULE_MAX },
        { "{", "", "a=1},", 1000, 0 },
    };

    static struct config_diag diag;
    struct config config;

    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
        size_t n = (size_t)snprintf(text, sizeof(text), "guest=[");
        for (unsigned g = 0; g < shapes[i].groups; g++) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", shapes[i].begin);
            for (unsigned k = 0; k < shapes[i].items; k++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", shapes[i].item);
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", shapes[i].end);
        }
        n += (size_t)snprintf(text + n, sizeof(text) - n, "]");
        assert_true(n < sizeof(text) - 1);

        const size_t size = config_arena_enough(n);
        char *block = malloc(size);
        struct arena arena;

        arena_init(&arena, block, size);
        config_diag_init(&diag);
        assert_int_equal(config_parse(text, n, &arena, &config, &diag), HV_OK);
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(guests_with_errors_are_marked),
        cmocka_unit_test(any_prefix_and_any_arena),
        cmocka_unit_test(arena_of_every_size),
        cmocka_unit_test(densest_files),
    };
    return cmocka_run_group_tests_name("config files", tests, NULL, NULL);
}
