/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, file names, lists of files, modules and command lines. File names are limited to
 * characters that survive GRUB's command line and the module string unquoted, because a
 * module answers to the word of its string that equals the name. Called through
 * read_value().
 */
#include "socle/fmt.h"
#include "socle/str.h"
#include "utf8.h"
#include "values.h"

enum { NAME_MAX_LEN = 31, FILE_MAX_LEN = 255 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* [a-z0-9][a-z0-9-]{0,30}: fits log lines, DNS labels and the prompt's completion. */
static bool is_name(const struct config_str *s)
{
    if (s->len == 0 || s->len > NAME_MAX_LEN || s->text[0] == '-')
        return false;
    for (uint32_t i = 0; i < s->len; i++)
        if (!is_name_char(s->text[i]))
            return false;
    return true;
}

/* The wrong name with capitals lowered and other characters replaced. */
static void similar_name(const struct config_str *s, char to[NAME_MAX_LEN + 1])
{
    unsigned len = 0;

    for (uint32_t i = 0; i < s->len && len < NAME_MAX_LEN; i++) {
        char c = s->text[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (is_name_char(c) && !(c == '-' && len == 0))
            to[len++] = c;
        else if (len > 0 && to[len - 1] != '-')
            to[len++] = '-';
    }
    while (len > 0 && to[len - 1] == '-')
        len--;
    to[len] = '\0';
}

/* Names of guests and switches, and references to them. */
bool read_name(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to)
{
    char similar[NAME_MAX_LEN + 1];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (is_name(&n->u.str)) {
        *to = n->u.str;
        return true;
    }
    if (n->u.str.len > NAME_MAX_LEN)
        return read_error(r, n->pos, "%s is %u bytes long; at most %d characters are allowed",
                          spec->name, n->u.str.len, NAME_MAX_LEN);
    similar_name(&n->u.str, similar);
    return read_error(r, n->pos, "%s = \"%.40s\": only a-z, 0-9 and -, beginning with a letter "
                                 "or digit; for example \"%s\"",
                      spec->name, n->u.str.text, similar[0] ? similar : "web");
}

/* Not among them: blanks and quotes (GRUB), `=` (options), backslash, control characters. */
static bool is_file_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("._/+:@-", c));
}

static bool bad_file_char(struct reader *r, const struct key_spec *spec, struct config_pos pos,
                          const char *file, const char *at)
{
    const int bytes = (int)utf8_length(at, strlen(at));

    if (*at == '\\')
        return read_error(r, pos, "%s \"%.60s\": write / between folders, not a backslash",
                          spec->name, file);
    return read_error(r, pos, "%s \"%.60s\": the character '%.*s' is not allowed in file names; "
                              "rename the file (allowed: A-Z a-z 0-9 . _ / + : @ -)",
                      spec->name, file, bytes, at);
}

static bool check_file(struct reader *r, const struct key_spec *spec, const struct config_str *s)
{
    if (s->len == 0)
        return read_error(r, s->pos, "%s: the file name is empty", spec->name);
    for (uint32_t i = 0; i < s->len; i++)
        if (!is_file_char(s->text[i]))
            return bad_file_char(r, spec, s->pos, s->text, s->text + i);
    if (s->len > FILE_MAX_LEN)
        return read_error(r, s->pos, "%s: a file name of %u characters; at most %d are allowed",
                          spec->name, s->len, FILE_MAX_LEN);
    if (s->text[s->len - 1] == '/')
        return read_error(r, s->pos, "%s \"%.60s\" names a folder, not a file", spec->name,
                          s->text);
    return true;
}

bool read_file(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (!check_file(r, spec, &n->u.str))
        return false;
    *to = n->u.str;
    return true;
}

/* Control characters have no place in a command line; line breaks become blanks. */
bool read_text(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_str *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);

    const struct config_str *s = &n->u.str;
    char *text = read_alloc(r, s->len + 1, 1);
    if (!text)
        return false;
    for (uint32_t i = 0; i < s->len; i++) {
        const uint8_t c = (uint8_t)s->text[i];
        if (c == 0x7f || (c < ' ' && c != '\t' && c != '\n'))
            return read_error(r, n->pos, "%s holds the control character 0x%02x", spec->name, c);
        text[i] = c == '\n' || c == '\t' ? ' ' : s->text[i];
    }
    *to = (struct config_str){ text, s->len, s->pos };
    return true;
}

/* The elements of a list, or the one text that stands for a list of one. */
static const struct toml_node *list_begin(const struct toml_node *n, uint32_t *count)
{
    *count = n->type == TOML_ARRAY ? n->u.list.count : 1;
    return n->type == TOML_ARRAY ? n->u.list.first : n;
}

/* Looked at as a whole first, so that readers allocate only for lists that can be right. */
static bool check_list(struct reader *r, const struct key_spec *spec, const struct toml_node *n)
{
    uint32_t count;

    if (n->type != TOML_STRING && n->type != TOML_ARRAY)
        return read_wrong_type(r, spec, n);
    const struct toml_node *element = list_begin(n, &count);
    if (count == 0)
        return read_error(r, n->pos, "%s is an empty list; leave the key out instead", spec->name);
    if (count > spec->max)
        return read_error(r, n->pos, "%s has %u entries; at most %u are allowed", spec->name,
                          count, spec->max);
    for (; element; element = n->type == TOML_ARRAY ? element->next : NULL)
        if (element->type != TOML_STRING)
            return read_error(r, element->pos, "%s: each entry must be text in quotes, not %s",
                              spec->name, toml_type_text(element));
    return true;
}

/* All entries are checked, so that one run shows every wrong name. */
bool read_files(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                struct guest_config *to)
{
    uint32_t count;

    if (!check_list(r, spec, n))
        return false;
    const struct toml_node *element = list_begin(n, &count);
    struct config_str *files = read_alloc(r, count * sizeof(*files), _Alignof(struct config_str));
    if (!files)
        return false;
    bool fine = true;
    for (uint32_t i = 0; i < count; i++, element = element->next) {
        fine &= check_file(r, spec, &element->u.str);
        files[i] = element->u.str;
    }
    if (fine) {
        to->initrd = files;
        to->initrds = count;
    }
    return fine;
}

/* The string goes to the kernel as written; only its first word is ours to understand. */
static bool read_module(struct reader *r, const struct key_spec *spec,
                        const struct config_str *s, struct config_module *to)
{
    uint32_t len = 0;

    while (len < s->len && s->text[len] != ' ' && s->text[len] != '\t')
        len++;
    if (len == 0)
        return read_error(r, s->pos, "%s: an entry must begin with the name of a file",
                          spec->name);
    for (uint32_t i = len; i < s->len; i++)
        if ((uint8_t)s->text[i] < ' ' && s->text[i] != '\t')
            return read_error(r, s->pos, "%s: an entry must be one line of text", spec->name);

    char *file = read_alloc(r, len + 1, 1);
    if (!file)
        return false;
    memcpy(file, s->text, len);
    to->file = (struct config_str){ file, len, s->pos };
    to->string = *s;
    return check_file(r, spec, &to->file);
}

bool read_modules(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                  struct guest_config *to)
{
    uint32_t count;

    if (!check_list(r, spec, n))
        return false;
    const struct toml_node *element = list_begin(n, &count);
    struct config_module *modules = read_alloc(r, count * sizeof(*modules),
                                               _Alignof(struct config_module));
    if (!modules)
        return false;
    bool fine = true;
    for (uint32_t i = 0; i < count; i++, element = element->next)
        fine &= read_module(r, spec, &element->u.str, &modules[i]);
    if (fine) {
        to->module = modules;
        to->modules = count;
    }
    return fine;
}
