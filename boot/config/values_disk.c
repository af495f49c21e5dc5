/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device of a [[guest.disk]]: PARTUUID=..., serial:... or a bare name. Bare names
 * depend on the order in which controllers are found, hence the warning. And the serial
 * number that the guest sees. Called through read_value().
 */
#include "disk_name.h"
#include "socle/str.h"
#include "values.h"

static bool is_id(const char *s, bool hex_only)
{
    size_t n = 0;

    for (; s[n]; n++) {
        const char c = s[n], l = (char)(c | 0x20);
        const bool hex = (c >= '0' && c <= '9') || (l >= 'a' && l <= 'f') || c == '-';
        const bool graphic = c > ' ' && c < 0x7f;
        if (hex_only ? !hex : !graphic)
            return false;
    }
    return n > 0 && n <= 64;
}

/* The id behind the prefix; PARTUUIDs are compared in lower case. */
static bool set_name(struct reader *r, const struct toml_node *n, const char *id, bool lower,
                     enum config_device_kind kind, struct config_disk *to)
{
    const size_t len = strlen(id);
    char *name = read_alloc(r, len + 1, 1);

    if (!name)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = lower && id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] + ('a' - 'A')) : id[i];
    to->device = n->u.str;
    to->device_kind = kind;
    to->device_name = (struct config_str){ name, (uint32_t)len, n->pos };
    return true;
}

static bool wrong_device(struct reader *r, const struct toml_node *n)
{
    const char *s = n->u.str.text;

    if (strncmp(s, "/dev/disk/by-partuuid/", 22) == 0)
        return read_error(r, n->pos, "device = \"%.60s\": did you mean \"PARTUUID=%.40s\"?", s,
                          s + 22);
    if (strncmp(s, "/dev/", 5) == 0 && !strchr(s + 5, '/'))
        return read_error(r, n->pos, "device = \"%.60s\": did you mean \"%.40s\"?", s, s + 5);
    if (strncmp(s, "UUID=", 5) == 0 || strncmp(s, "LABEL=", 6) == 0)
        return read_error(r, n->pos, "device = \"%.60s\" names a file system, whose content is "
                                     "the guest's; write \"PARTUUID=...\" for the partition", s);
    if (strncmp(s, "serial=", 7) == 0)
        return read_error(r, n->pos, "device = \"%.60s\": did you mean \"serial:%.40s\"?", s,
                          s + 7);
    if (strncmp(s, "PARTUUID:", 9) == 0 || strncmp(s, "partuuid=", 9) == 0)
        return read_error(r, n->pos, "device = \"%.60s\": did you mean \"PARTUUID=%.40s\"?", s,
                          s + 9);
    return read_error(r, n->pos, "device = \"%.60s\" is no disk; write \"PARTUUID=...\", "
                                 "\"serial:...\" or a name such as \"nvme0n1p2\"", s);
}

bool read_device(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_disk *to)
{
    struct disk_name ignored;

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    const char *s = n->u.str.text;
    if (strncmp(s, "PARTUUID=", 9) == 0 && is_id(s + 9, true))
        return set_name(r, n, s + 9, true, CONFIG_DEVICE_PARTUUID, to);
    if (strncmp(s, "serial:", 7) == 0 && is_id(s + 7, false))
        return set_name(r, n, s + 7, false, CONFIG_DEVICE_SERIAL, to);
    if (!disk_name_parse(s, &ignored))
        return wrong_device(r, n);

    read_warning(r, n->pos, "device = \"%s\" can name another disk after a change of hardware; "
                            "PARTUUID=... (partition) or serial:... (disk) always name the same, "
                            "`devices` at the prompt shows them", s);
    return set_name(r, n, s, false, CONFIG_DEVICE_NAME, to);
}

/* Guests make file names of it (/dev/disk/by-id), so nothing invisible. */
bool read_serial(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_str *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    const struct config_str *s = &n->u.str;
    if (s->len == 0 || s->len > CONFIG_SERIAL_MAX)
        return read_error(r, n->pos, "%s has %u characters; 1 to %d are allowed", spec->name,
                          s->len, CONFIG_SERIAL_MAX);
    for (uint32_t i = 0; i < s->len; i++)
        if (s->text[i] < ' ' || s->text[i] > '~')
            return read_error(r, n->pos, "%s = \"%s\": only printable ASCII characters are "
                                         "allowed", spec->name, s->text);
    if (s->text[0] == ' ' || s->text[s->len - 1] == ' ')
        return read_error(r, n->pos, "%s = \"%s\" begins or ends with a blank", spec->name,
                          s->text);
    *to = *s;
    return true;
}
