/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: the entry point. Called at boot on the module `socle.toml`, and by every
 * command of the host-side tool. The stages are TOML, version, schema, cross checks; each
 * runs only on what the one before has accepted.
 */
#include "socle/config.h"

#include "files.h"
#include "schema.h"
#include "socle/bits.h"
#include "socle/str.h"
#include "toml.h"

void config_defaults(struct config *c)
{
    memset(c, 0, sizeof(*c));
    schema_defaults(SECTION_HOST, &c->host);
}

/*
 * Two things grow with the file: the tree, at most one node for two bytes ("1,"), and the
 * sections, at most one for three bytes ("{},"), whose number is limited as well.
 */
size_t config_arena_enough(size_t len)
{
    enum { NODE = sizeof(struct toml_node) + _Alignof(struct toml_node) };
    enum {
        DISK = sizeof(struct config_disk) + sizeof(struct config_file) + CONFIG_SERIAL_MAX + 1,
        NET  = sizeof(struct config_net),
        PCI  = sizeof(struct config_pci),
        SECTION = (int)NET > (int)DISK ? (int)NET : (int)DISK,
    };
    const size_t guests = CONFIG_GUESTS_MAX * (sizeof(struct guest_config) +
                                               3 * sizeof(struct config_file)) +
                          CONFIG_SWITCH_MAX * sizeof(struct config_switch);
    const size_t most = CONFIG_GUESTS_MAX * (DISK * CONFIG_DISKS_MAX + NET * CONFIG_NETS_MAX +
                                             PCI * CONFIG_PCIS_MAX);

    return KIB(4) + guests + len * (NODE / 2 + 8) + min_u64(len * SECTION / 3, most);
}

/* A file of a later language may mean things that we cannot ignore safely. */
static bool known_version(struct reader *r, const struct toml_node *root)
{
    const struct toml_node *n = toml_get(root, "version");

    if (!n || n->type != TOML_INTEGER || n->u.integer <= 1)
        return true;
    return read_error(r, n->pos, "version = %lld is of a later Socle; this one reads version 1",
                      (long long)n->u.integer);
}

/* What the running system uses, once everything that was written has been judged. */
static void settle(struct config *c)
{
    const bool smp_landed = key_find(SECTION_GUEST, "cpus")->landed;

    for (uint32_t i = 0; i < c->guests; i++) {
        struct guest_config *g = &c->guest[i];

        g->memory = align_up(g->memory, BLOCK_SIZE);
        if (!smp_landed)
            g->cpus = 1;
    }
}

static hv_status parse(const char *text, size_t len, struct reader *r)
{
    struct toml_node *root;

    if (len > CONFIG_FILE_MAX) {
        read_error(r, (struct config_pos){ 1, 1 }, "the file has %zu bytes; at most %d are read",
                   len, CONFIG_FILE_MAX);
        return HV_INVALID;
    }
    const hv_status s = toml_parse(text, len, r->arena, r->diag, &root);
    if (s != HV_OK)
        return s;
    if (!known_version(r, root))
        return HV_INVALID;

    schema_read(r, root);
    for (uint32_t i = 0; i < r->cfg->guests && !r->nomem; i++) {
        about_guest(r, i);
        check_guest(r, &r->cfg->guest[i]);
    }
    r->guest = -1;
    r->bad = NULL;
    if (!r->nomem)
        check_cross(r);
    if (!r->nomem)
        list_files(r);
    if (r->nomem)
        return HV_NOMEM;
    settle(r->cfg);
    if (r->cfg->guests == 0 && !r->errors)
        read_warning(r, (struct config_pos){ 1, 1 }, "there is no [[guest]]: nothing will start");
    return HV_OK;
}

hv_status config_parse(const char *text, size_t len, struct arena *arena, struct config *out,
                       struct config_diag *diag)
{
    struct reader r = { .arena = arena, .diag = diag, .cfg = out, .guest = -1 };

    config_defaults(out);
    const hv_status s = parse(text, len, &r);
    if (s != HV_OK)
        config_defaults(out);
    if (s == HV_NOMEM)
        config_diag_add(diag, CONFIG_ERROR, (struct config_pos){ 1, 1 }, -1,
                        "the configuration needs more than the %zu bytes of memory set aside for "
                        "it", arena->size);
    if (diag)
        config_diag_sort(diag);
    return s;
}
