/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of findings about a configuration. Filled by the TOML reader, the schema pass
 * and the cross checks, and by the callers of config_parse() with what they find later
 * (a missing module, a kernel of the wrong kind). Printed at boot and by `socle check`.
 */
#include "diag.h"

#include "socle/fmt.h"
#include "socle/str.h"
#include "utf8.h"

void config_diag_init(struct config_diag *d)
{
    d->count = d->errors = d->warnings = d->dropped = 0;
}

/* Quoted file contents must neither break the line nor steer the operator's terminal. */
static void make_printable(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const uint8_t first = (uint8_t)text[0];
        size_t n = utf8_length(text, left);

        if (n == 0 || (n == 1 && (first < ' ' || first == 0x7f))) {
            text[0] = '?';
            n = 1;
        } else if (n == 2 && first == 0xc2 && (uint8_t)text[1] < 0xa0) {
            text[0] = text[1] = '?';        /* U+0080 to U+009F, the C1 controls */
        }
        text += n;
        left -= n;
    }
}

/* Where the next entry goes; null when it is to be dropped. */
static struct config_diag_entry *make_room(struct config_diag *d, enum config_severity severity)
{
    if (d->count < CONFIG_DIAG_MAX)
        return &d->entry[d->count++];

    d->dropped++;
    if (severity == CONFIG_WARNING)
        return NULL;
    for (uint32_t i = CONFIG_DIAG_MAX; i-- > 0;) {
        if (d->entry[i].severity == CONFIG_WARNING) {
            memmove(&d->entry[i], &d->entry[i + 1],
                    (CONFIG_DIAG_MAX - 1 - i) * sizeof(d->entry[0]));
            return &d->entry[CONFIG_DIAG_MAX - 1];
        }
    }
    return NULL;
}

void config_diag_add_v(struct config_diag *d, struct diag_about about, const char *format,
                       va_list args)
{
    if (!d)
        return;
    if (about.severity == CONFIG_ERROR)
        d->errors++;
    else
        d->warnings++;

    struct config_diag_entry *e = make_room(d, about.severity);
    if (!e)
        return;
    e->pos = about.pos;
    e->severity = about.severity;
    e->guest = about.guest;
    e->option = about.option;
    fmt_v(e->text, sizeof(e->text), format, args);
    make_printable(e->text);
}

void config_diag_add(struct config_diag *d, enum config_severity severity,
                     struct config_pos pos, int guest, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    config_diag_add_v(d, (struct diag_about){ severity, pos, guest, false }, format, args);
    va_end(args);
}

static bool comes_before(const struct config_diag_entry *a, const struct config_diag_entry *b)
{
    if (a->option != b->option)
        return a->option;
    if (a->pos.line != b->pos.line)
        return a->pos.line < b->pos.line;
    return a->pos.col < b->pos.col;
}

void config_diag_sort(struct config_diag *d)
{
    /* Insertion sort: stable, nearly sorted input, at most CONFIG_DIAG_MAX entries. */
    for (uint32_t i = 1; i < d->count; i++) {
        const struct config_diag_entry e = d->entry[i];
        uint32_t to = i;

        while (to > 0 && comes_before(&e, &d->entry[to - 1]))
            to--;
        memmove(&d->entry[to + 1], &d->entry[to], (i - to) * sizeof(e));
        d->entry[to] = e;
    }
}

size_t config_diag_format(const struct config_diag_entry *e, const char *file, char *buf,
                          size_t size)
{
    const char *word = e->severity == CONFIG_ERROR ? "error" : "warning";

    if (e->option)
        return fmt(buf, size, "boot options: %s: %s", word, e->text);
    if (e->pos.line == 0)
        return fmt(buf, size, "%s: %s: %s", file, word, e->text);
    return fmt(buf, size, "%s:%u:%u: %s: %s", file, e->pos.line, e->pos.col, word, e->text);
}
