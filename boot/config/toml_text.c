/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first look at a file: is it UTF-8 text without control characters? (TOML 1.0,
 * "Spec" and "Comment": the same characters are excluded everywhere in a file.) Called by
 * toml_parse(); the other toml files rely on what is checked here. Also drops a byte
 * order mark and recognizes the files that editors on other systems save.
 */
#include "toml_priv.h"
#include "utf8.h"

static bool starts_with(const struct toml_parser *p, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (toml_peek(p, i) != (uint8_t)bytes[i])
            return false;
    return true;
}

static bool bad_character(struct toml_parser *at)
{
    const int c = toml_peek(at, 0);

    if (c == 0)
        return toml_error(at, at->pos, "a zero byte: this is not a text file");
    if (c == '\r')
        return toml_error(at, at->pos, "a carriage return alone is no line end: save the "
                                       "file with Unix or Windows line ends");
    if (c >= 0x80)
        return toml_error(at, at->pos, "byte 0x%02x is not UTF-8: save the file as UTF-8", c);
    return toml_error(at, at->pos, "control character 0x%02x: remove it, or write \\u%04X "
                                   "inside double quotes", c, c);
}

static bool is_allowed(const struct toml_parser *at, size_t length)
{
    const int c = toml_peek(at, 0);

    if (c == '\r')
        return toml_peek(at, 1) == '\n';
    return length > 1 || (c >= ' ' && c != 0x7f) || c == '\t' || c == '\n';
}

bool toml_text_valid(struct toml_parser *p)
{
    if (starts_with(p, "\xff\xfe", 2) || starts_with(p, "\xfe\xff", 2))
        return toml_error(p, p->pos, "this file is UTF-16: save it as UTF-8");
    if (starts_with(p, "\xef\xbb\xbf", 3))
        p->at += 3;

    struct toml_parser scan = *p;
    while (scan.at < scan.end) {
        const size_t length = utf8_length(scan.at, (size_t)(scan.end - scan.at));

        if (length == 0 || !is_allowed(&scan, length)) {
            bad_character(&scan);
            p->errors = scan.errors;
            return false;
        }
        toml_step(&scan, length);
    }
    return true;
}
