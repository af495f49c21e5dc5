/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values about the machine: sets of physical CPUs, consoles, the escape key. Called
 * through read_value(), for the file and for boot options.
 */
#include "socle/str.h"
#include "values.h"
#include "words.h"

/* ---- CPU sets: "0-3,6" ---------------------------------------------------------- */

/* One number at *s, which moves behind it. */
static bool read_cpu(const char **s, uint32_t *cpu)
{
    if (**s < '0' || **s > '9')
        return false;
    *cpu = 0;
    while (**s >= '0' && **s <= '9') {
        if (*cpu < CONFIG_CPUS_MAX)         /* further digits cannot make it small again */
            *cpu = *cpu * 10 + (uint32_t)(*(*s) - '0');
        (*s)++;
    }
    return true;
}

static bool add_range(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                      const char **s, struct config_cpuset *set)
{
    uint32_t first, last;

    while (**s == ' ')
        (*s)++;
    bool fine = read_cpu(s, &first);
    last = first = fine ? first : 0;
    if (fine && **s == '-') {
        (*s)++;
        fine = read_cpu(s, &last);
    }
    if (!fine)
        return read_error(r, n->pos, "%s = \"%.40s\" is no list of CPU numbers; write for example "
                                     "\"0-3,6\"", spec->name, n->u.str.text);
    if (last < first)
        return read_error(r, n->pos, "%s: the range %u-%u goes backwards; write \"%u-%u\"",
                          spec->name, first, last, last, first);
    if (last >= CONFIG_CPUS_MAX)
        return read_error(r, n->pos, "%s: the highest CPU number is %d", spec->name,
                          CONFIG_CPUS_MAX - 1);
    for (uint32_t cpu = first; cpu <= last; cpu++)
        set->bits[cpu / 64] |= 1ull << (cpu % 64);
    return true;
}

bool read_cpus(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct config_cpuset *to)
{
    struct config_cpuset set = { .all = false };

    if (n->type == TOML_ARRAY)
        return read_error(r, n->pos, "%s is one text, not a list: write for example \"0-3,6\"",
                          spec->name);
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (strcmp(n->u.str.text, "all") == 0) {
        *to = (struct config_cpuset){ .all = true };
        return true;
    }

    const char *s = n->u.str.text;
    do {
        if (!add_range(r, spec, n, &s, &set))
            return false;
    } while (*s++ == ',');
    if (s[-1] != '\0')
        return read_error(r, n->pos, "%s = \"%.40s\" is no list of CPU numbers; write for example "
                                     "\"0-3,6\"", spec->name, n->u.str.text);
    *to = set;
    return true;
}

/* ---- consoles ------------------------------------------------------------------- */

static const struct {
    const char           *name;
    struct config_console console;
} console_names[] = {
    { "com1", { CONFIG_CONSOLE_UART, 0x3f8 } },     /* the PC's usual addresses */
    { "com2", { CONFIG_CONSOLE_UART, 0x2f8 } },
    { "com3", { CONFIG_CONSOLE_UART, 0x3e8 } },
    { "com4", { CONFIG_CONSOLE_UART, 0x2e8 } },
    { "vga",  { CONFIG_CONSOLE_VGA, 0 } },
};

static const struct {
    const char *word, *right;
} foreign_consoles[] = {
    { "ttyS0", "com1" }, { "ttyS1", "com2" }, { "ttyS2", "com3" }, { "ttyS3", "com4" },
    { "serial", "com1" }, { "uart", "com1" }, { "screen", "vga" }, { "tty0", "vga" },
    { "fb", "vga" }, { "framebuffer", "vga" }, { "efi", "vga" }, { "hvc0", "com1" },
};

/* "0x3f8" */
static bool read_port(const char *s, uint16_t *port)
{
    uint32_t value = 0;

    if (s[0] != '0' || s[1] != 'x' || !s[2] || strlen(s) > 6)
        return false;
    for (s += 2; *s; s++) {
        const char c = (char)(*s | 0x20);
        if (*s >= '0' && *s <= '9')
            value = value << 4 | (uint32_t)(*s - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    *port = (uint16_t)value;
    return true;
}

static bool wrong_console(struct reader *r, struct config_pos pos, const char *word)
{
    struct nearest near = { .word = word, .len = strlen(word) };

    for (unsigned i = 0; i < ARRAY_LEN(foreign_consoles); i++)
        if (same_any_case(word, foreign_consoles[i].word))
            return read_error(r, pos, "console cannot be \"%.40s\"; write \"%s\"", word,
                              foreign_consoles[i].right);
    for (unsigned i = 0; i < ARRAY_LEN(console_names); i++)
        nearest_try(&near, console_names[i].name);
    if (near.best)
        return read_error(r, pos, "console cannot be \"%.40s\"; did you mean \"%s\"?", word,
                          near.best);
    return read_error(r, pos, "console cannot be \"%.40s\"; it can be com1 to com4, an I/O port "
                              "such as \"0x3f8\", or vga", word);
}

/* A name, or the port of a UART in a place of its own (PCI serial cards). */
static bool find_console(struct reader *r, struct config_pos pos, const char *word,
                         struct config_console *to)
{
    for (unsigned i = 0; i < ARRAY_LEN(console_names); i++) {
        if (strcmp(word, console_names[i].name) == 0) {
            *to = console_names[i].console;
            return true;
        }
    }

    uint16_t port;
    if (!read_port(word, &port))
        return wrong_console(r, pos, word);
    if (port < 0x100 || port % 8 != 0)
        return read_error(r, pos, "console port %s: a serial port has 8 registers at a multiple "
                                  "of 8 from 0x100 to 0xfff8", word);
    *to = (struct config_console){ CONFIG_CONSOLE_UART, port };
    return true;
}

static bool add_console(struct reader *r, struct config_pos pos, const char *word,
                        struct config_host *to)
{
    struct config_console c;

    if (!find_console(r, pos, word, &c))
        return false;
    for (uint32_t i = 0; i < to->consoles; i++)
        if (to->console[i].kind == c.kind && to->console[i].port == c.port)
            return read_error(r, pos, "console \"%s\" is in the list twice", word);
    if (to->consoles == CONFIG_CONSOLE_MAX)
        return read_error(r, pos, "more than %d consoles", CONFIG_CONSOLE_MAX);
    to->console[to->consoles++] = c;
    return true;
}

/* One text may hold several names with commas between: boot options have no lists. */
static bool add_consoles(struct reader *r, struct config_pos pos, const char *names,
                         struct config_host *to)
{
    char word[24];
    bool fine = true;

    for (;;) {
        const char *comma = strchr(names, ',');
        const size_t len = comma ? (size_t)(comma - names) : strlen(names);

        if (len >= sizeof(word))
            return wrong_console(r, pos, names);
        memcpy(word, names, len);
        word[len] = '\0';
        fine &= add_console(r, pos, word, to);
        if (!comma)
            return fine;
        names = comma + 1;
    }
}

bool read_consoles(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                   struct config_host *to)
{
    struct config_host found = { .consoles = 0 };
    bool fine = true;

    if (n->type == TOML_INTEGER)
        return read_error(r, n->pos, "console needs quotes: write \"0x%llx\"",
                          (unsigned long long)n->u.integer);
    if (n->type != TOML_STRING && n->type != TOML_ARRAY)
        return read_wrong_type(r, spec, n);

    const struct toml_node *e = n->type == TOML_ARRAY ? n->u.list.first : n;
    if (!e)
        return read_error(r, n->pos, "console is an empty list; leave the key out to use what "
                                     "the firmware names");
    for (; e; e = n->type == TOML_ARRAY ? e->next : NULL) {
        if (e->type != TOML_STRING)
            fine = read_error(r, e->pos, "console: each entry must be text in quotes, such as "
                                         "\"com1\" or \"0x3f8\"");
        else
            fine &= add_consoles(r, e->pos, e->u.str.text, &found);
    }
    if (fine) {
        memcpy(to->console, found.console, sizeof(to->console));
        to->consoles = found.consoles;
    }
    return fine;
}

/* ---- the escape key: "^]" ------------------------------------------------------- */

/* As the escape key these would make guests unusable. */
static const char *key_that_sends(char control)
{
    switch (control) {
    case 'H':
        return "backspace";
    case 'I':
        return "tab";
    case 'J':
    case 'M':
        return "return";
    case '[':
        return "escape and arrow";
    default:
        return NULL;
    }
}

bool read_escape(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 uint8_t *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);

    const struct config_str *s = &n->u.str;
    char c = s->len == 2 && s->text[0] == '^' ? s->text[1] : '\0';
    if (c >= 'a' && c <= 'z')
        c = (char)(c - ('a' - 'A'));
    if (c <= '@' || c > '_')
        return read_error(r, n->pos, "escape = \"%.40s\" is no control key; write ^ and a letter "
                                     "or one of \\ ] ^ _, such as \"^]\"", s->text);
    if (key_that_sends(c))
        return read_error(r, n->pos, "escape = \"^%c\" is what the %s key sends; take another "
                                     "such as \"^]\"", c, key_that_sends(c));
    *to = (uint8_t)(c - '@');
    return true;
}
