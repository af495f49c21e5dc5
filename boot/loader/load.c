/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses the loader for a guest's kernel by what its file contains. Called by the VM
 * builder at start and restart, and by `socle check`. Knows no format itself.
 */
#include "load_priv.h"

struct loader {
    hv_status (*load)(struct load_plan *p, const struct load_request *r, char *error,
                      size_t error_len);
    hv_status (*check)(const struct load_file *f, const struct load_error *e);
};

static const struct loader loaders[] = {
    [IMAGE_LINUX]      = { load_linux, load_linux_check },
    [IMAGE_PVH]        = { load_pvh, load_pvh_check },
    [IMAGE_MULTIBOOT2] = { load_multiboot2, load_multiboot2_check },
    [IMAGE_MULTIBOOT1] = { load_multiboot1, load_multiboot1_check },
};

/* The loader of a file; null after a message that says what the file is instead. */
static const struct loader *find(const struct load_file *f, const struct load_error *e)
{
    const char *why;
    enum image_kind kind = image_identify(f->data, f->len, &why);
    if (image_is_kernel(kind))
        return &loaders[kind];
    (void)load_fail(e, HV_UNSUPPORTED, "%s", why);
    return NULL;
}

hv_status load_kernel(struct load_plan *p, const struct load_request *r, char *error,
                      size_t error_len)
{
    const struct load_error e = { r->kernel.name, error, error_len };
    const struct loader *l = find(&r->kernel, &e);
    return l ? l->load(p, r, error, error_len) : HV_UNSUPPORTED;
}

hv_status load_check(const struct load_file *kernel, char *error, size_t error_len)
{
    const struct load_error e = { kernel->name, error, error_len };
    const struct loader *l = find(kernel, &e);
    return l ? l->check(kernel, &e) : HV_UNSUPPORTED;
}
