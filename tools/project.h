/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration file with everything it names, as the subcommands see it: parsed by
 * the hypervisor's own parser, its files found and identified by the hypervisor's own
 * loaders.
 */
#ifndef PROJECT_H
#define PROJECT_H

#include "socle/config.h"
#include "socle/image.h"
#include "tool.h"

/* One file, however often it is mentioned. */
struct project_file {
    const char     *name;       /* as the configuration says: the module's name at boot */
    char           *path;       /* on this host */
    char           *inside;     /* path below /boot/guests; null: the name leads outside */
    uint64_t        size;
    bool            usable;     /* exists, is regular, readable and not empty */
    enum image_kind kind;       /* valid when usable */
    const char     *why;        /* what image_identify() says about it; valid when usable */
};

struct project {
    const char          *file;      /* as given on the command line */
    char                *dir;       /* where its names start */
    char                *source;
    size_t               source_len;
    void                *memory;    /* the arena's */
    struct config        config;
    struct config_diag   diag;
    bool                 parsed;    /* as TOML; else config holds the defaults */
    struct project_file *files;     /* distinct names, in the order of the file */
    size_t               n_files;
};

/*
 * Reads and parses the file and finds what it names. -1, or the exit code after a
 * message when the file itself cannot be read. Findings go to p->diag.
 */
int project_load(struct project *p, const char *file);
void project_free(struct project *p);

/*
 * Checks the files: each exists and suits its role, kernels load into their guest's
 * memory, all fits below 4 GiB. With `as_warnings` what is found are warnings.
 */
void project_check_files(struct project *p, bool as_warnings);

/*
 * Prints the findings, sorted, on stderr. Returns whether the file is good: no errors,
 * and with `strict` no warnings either.
 */
bool project_report(struct project *p, bool strict);

/* The three above in a row: -1 when good, else the exit code. */
int project_open(struct project *p, const char *file);

const struct project_file *project_find(const struct project *p, const char *name);
/* Bytes of all modules: the files and the configuration. */
uint64_t project_module_bytes(const struct project *p);
/* Of these, what guests get a copy of: all but disk images. */
uint64_t project_copied_bytes(const struct project *p);
/* The most that a guest's overlays take: overlay_max, but no more than there is to overlay. */
uint64_t project_overlay_bytes(const struct project *p, const struct guest_config *g);

/* ---- checks of one kind (rolecheck.c, fitcheck.c) ---- */

/* Is the file of the right kind for what this mention wants from it? */
/* "kernel", "disk", and so on: how messages call it. */
const char *project_role_name(enum config_file_role role);
void project_check_role(struct project *p, const struct config_file *use,
                        const struct project_file *f, enum config_severity worst);
/* Loads every good guest's kernel as the hypervisor would. */
void project_check_loading(struct project *p, enum config_severity worst);
/* Modules below 4 GiB, and memory no machine has. */
void project_check_totals(struct project *p, enum config_severity worst);

#endif
