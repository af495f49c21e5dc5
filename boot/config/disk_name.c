/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of real disks: their grammar, and whether two of them share sectors. Called by
 * the value reader and by the cross check for two writers. The same rules hold again at
 * run time, when the disks behind PARTUUID and serial numbers are known.
 */
#include "disk_name.h"

#include "socle/str.h"

static size_t digits(const char *s)
{
    size_t n = 0;
    while (s[n] >= '0' && s[n] <= '9')
        n++;
    return n;
}

/* "nvme" controller "n" namespace, then "p" partition. */
static bool nvme_name(const char *name, struct disk_name *out)
{
    size_t at = 4;

    const size_t controller = digits(name + at);
    at += controller;
    if (controller == 0 || name[at] != 'n')
        return false;
    const size_t space = digits(name + at + 1);
    at += 1 + space;
    out->disk_len = (uint32_t)at;
    out->partition = name[at] == 'p';
    if (space == 0 || (!out->partition && name[at] != '\0'))
        return false;
    const size_t number = out->partition ? digits(name + at + 1) : 0;
    return !out->partition || (number > 0 && name[at + 1 + number] == '\0');
}

/* "sd" or "vd", letters, then the partition's number. */
static bool letter_name(const char *name, struct disk_name *out)
{
    size_t at = 2;

    while (name[at] >= 'a' && name[at] <= 'z')
        at++;
    out->disk_len = (uint32_t)at;
    out->partition = name[at] != '\0';
    return at > 2 && name[at + digits(name + at)] == '\0';
}

bool disk_name_parse(const char *name, struct disk_name *out)
{
    if (strlen(name) > 24)
        return false;
    if (strncmp(name, "nvme", 4) == 0)
        return nvme_name(name, out);
    if (strncmp(name, "sd", 2) == 0 || strncmp(name, "vd", 2) == 0)
        return letter_name(name, out);
    return false;
}

enum disk_overlap disk_overlap(const struct config_disk *a, const struct config_disk *b)
{
    struct disk_name x, y;

    if (a->device_kind != b->device_kind)
        return DISKS_APART;
    if (strcmp(a->device_name.text, b->device_name.text) == 0)
        return DISKS_SAME;
    if (a->device_kind != CONFIG_DEVICE_NAME || !disk_name_parse(a->device_name.text, &x) ||
        !disk_name_parse(b->device_name.text, &y))
        return DISKS_APART;
    if (x.disk_len != y.disk_len || x.partition == y.partition ||
        memcmp(a->device_name.text, b->device_name.text, x.disk_len) != 0)
        return DISKS_APART;
    return DISK_AND_PARTITION;
}
