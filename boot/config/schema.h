/* SPDX-License-Identifier: BSD-2-Clause */
/* From the TOML tree to struct config, and what must hold between its parts. */
#ifndef BOOT_CONFIG_SCHEMA_H
#define BOOT_CONFIG_SCHEMA_H

#include "values.h"

/* The defaults of all keys of a section that have one; base: the section's zeroed struct. */
void schema_defaults(enum section section, void *base);

/*
 * Everything in a section but the sections inside it. base: the section's struct; at[]:
 * indexed by the keys' ids. landed: whether the section as a whole has an effect.
 */
void schema_keys(struct reader *r, enum section section, const struct toml_node *table,
                 void *base, struct config_pos *at, bool landed);

/* `what` belongs to a later version: a warning, or an error when ignoring it does harm. */
void schema_not_landed(struct reader *r, const char *what, const struct key_spec *spec,
                       struct config_pos pos);

/* Fills *r->cfg, which holds the defaults. Gives up early when r->nomem is set. */
void schema_read(struct reader *r, const struct toml_node *root);

/* check_guest.c: contradictions inside one guest; r->guest and r->bad name it. */
void check_guest(struct reader *r, struct guest_config *g);

/* check_cross.c: conflicts between guests, and between guests and switches. */
void check_cross(struct reader *r);

/* check_nets.c */
void check_switch(struct reader *r, const struct config_switch *sw);    /* of itself */
void check_nets(struct reader *r, const struct guest_config *g);        /* each card of itself */

/* check_disks.c */
void check_disks(struct reader *r, struct guest_config *g);     /* of one guest */
void check_disk_sharing(struct reader *r);                      /* between all disks */

/* `guest "web"`, or `the guest of line 12` when it has no name. */
enum { GUEST_LABEL = 48 };
const char *guest_label(const struct guest_config *g, char buf[GUEST_LABEL]);

/* Errors of what follows are about guest i. */
void about_guest(struct reader *r, uint32_t i);

#endif
