/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collects every mention of a file, for those who have to find, add up or copy files: the
 * boot code and `socle check`, `iso` and `grub`. Called by config_parse().
 */
#include "files.h"

#include "socle/str.h"

static uint32_t count_files(const struct guest_config *g)
{
    uint32_t n = 2 + g->initrds + g->modules + g->disks;    /* kernel or firmware, or both */
    return n;
}

static void add(struct config *c, const struct config_str *name, enum config_file_role role,
                uint32_t guest)
{
    if (name->text)
        c->file[c->files++] = (struct config_file){ *name, role, guest };
}

static void add_guest(struct config *c, uint32_t i)
{
    const struct guest_config *g = &c->guest[i];

    add(c, &g->kernel, CONFIG_FILE_KERNEL, i);
    add(c, &g->firmware, CONFIG_FILE_FIRMWARE, i);
    for (uint32_t k = 0; k < g->initrds; k++)
        add(c, &g->initrd[k], CONFIG_FILE_INITRD, i);
    for (uint32_t k = 0; k < g->modules; k++)
        add(c, &g->module[k].file, CONFIG_FILE_MODULE, i);
    for (uint32_t k = 0; k < g->disks; k++)
        add(c, &g->disk[k].file, g->disk[k].cdrom ? CONFIG_FILE_CDROM : CONFIG_FILE_DISK, i);
}

static bool comes_before(struct config_pos a, struct config_pos b)
{
    return a.line != b.line ? a.line < b.line : a.col < b.col;
}

/* Insertion sort from `first`: one guest's files, nearly sorted already. */
static void sort_from(struct config *c, uint32_t first)
{
    for (uint32_t i = first + 1; i < c->files; i++) {
        const struct config_file f = c->file[i];
        uint32_t to = i;

        while (to > first && comes_before(f.name.pos, c->file[to - 1].name.pos))
            to--;
        memmove(&c->file[to + 1], &c->file[to], (i - to) * sizeof(f));
        c->file[to] = f;
    }
}

void list_files(struct reader *r)
{
    struct config *c = r->cfg;
    uint32_t most = 0;

    for (uint32_t i = 0; i < c->guests; i++)
        most += count_files(&c->guest[i]);
    c->file = read_alloc(r, most * sizeof(*c->file), _Alignof(struct config_file));
    if (!c->file)
        return;
    for (uint32_t i = 0; i < c->guests; i++) {
        const uint32_t first = c->files;
        add_guest(c, i);
        sort_from(c, first);
    }
}
