/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot options: the words on the loader's multiboot2 line. Called at boot before the
 * configuration is read (for the console and its name) and after (options win). They are
 * the keys of [host], read by the same readers, so that both accept the same values.
 */
#include "schema.h"
#include "socle/str.h"
#include "words.h"

enum { KEY_MAX = 32 };

struct word {
    const char *s;
    size_t      len;
    const char *value;              /* behind the '='; null: none */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* The next word at *at, which moves behind it; false at the end. */
static bool next_word(const char **at, struct word *w)
{
    while (is_blank(**at))
        (*at)++;
    *w = (struct word){ .s = *at };
    for (; **at && !is_blank(**at); (*at)++)
        if (**at == '=' && !w->value)
            w->value = *at + 1;
    w->len = (size_t)(*at - w->s);
    return w->len > 0;
}

static size_t value_len(const struct word *w) { return (size_t)(w->s + w->len - w->value); }

static bool key_is(const struct word *w, const char *key)
{
    const size_t len = strlen(key);

    return w->value && (size_t)(w->value - 1 - w->s) == len && memcmp(w->s, key, len) == 0;
}

const char *config_option_file(const char *cmdline, size_t *len)
{
    struct word w;

    while (next_word(&cmdline, &w)) {
        if (key_is(&w, "config") && value_len(&w) > 0) {
            *len = value_len(&w);
            return w.value;
        }
    }
    return NULL;
}

static void unknown_option(struct reader *r, const struct word *w, const char *key)
{
    struct nearest near = { .word = key, .len = strlen(key) };
    const struct section_spec *host = &section_specs[SECTION_HOST];

    /* Past a full list of findings nobody sees a suggestion, so none is sought. */
    for (uint32_t i = 0; i < host->keys && r->errors < CONFIG_DIAG_MAX; i++)
        nearest_try(&near, host->key[i].name);
    nearest_try(&near, "config");

    const struct config_pos nowhere = { 0 };
    if (near.best)
        read_error(r, nowhere, "unknown option \"%.*s\"; did you mean %s=?",
                   (int)(w->len < 60 ? w->len : 60), w->s, near.best);
    else
        read_error(r, nowhere, "unknown option \"%.*s\"; options are config= and the keys of "
                               "[host], such as console=com2",
                   (int)(w->len < 60 ? w->len : 60), w->s);
}

static void apply(struct reader *r, const struct word *w)
{
    const struct config_pos nowhere = { 0 };
    char key[KEY_MAX] = "";
    const size_t len = w->value ? (size_t)(w->value - 1 - w->s) : w->len;

    if (len < KEY_MAX)
        memcpy(key, w->s, len);
    const struct key_spec *spec = key_find(SECTION_HOST, key);
    if (!spec) {
        unknown_option(r, w, key);
        return;
    }
    if (!w->value || value_len(w) == 0) {
        read_error(r, nowhere, "option %s needs a value, such as %s=%s", key, key,
                   spec->def ? spec->def : "com1");
        return;
    }
    if (!read_value_text(r, spec, w->value, value_len(w), &r->cfg->host))
        return;
    if (!spec->landed)
        read_warning(r, nowhere, "%s has no effect in this version yet", key);
}

void config_apply_options(struct config *c, const char *cmdline, struct config_diag *diag)
{
    struct reader r = { .diag = diag, .cfg = c, .guest = -1, .option = true };
    bool first = true;
    struct word w;

    for (; next_word(&cmdline, &w); first = false) {
        /* QEMU's loader and GRUB 1 pass the kernel's file name as the first word. */
        const bool file_name = first && !w.value;

        if (!file_name && !key_is(&w, "config"))
            apply(&r, &w);
    }
    if (diag)
        config_diag_sort(diag);
}
