/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses the loader for a guest's kernel by what its file contains. Called by the VM
 * builder at start and restart, and by `socle check`. Knows no format itself.
 */
#include "load_priv.h"

hv_status load_kernel(struct load_plan *p, const struct load_request *r, char *error,
                      size_t error_len)
{
    const struct load_error e = { r->kernel.name, error, error_len };
    const char *why;
    enum image_kind kind = image_identify(r->kernel.data, r->kernel.len, &why);
    switch (kind) {
    case IMAGE_LINUX:
        return load_linux(p, r, error, error_len);
    default:
        return load_fail(&e, HV_UNSUPPORTED, "%s", why);
    }
}

hv_status load_check(const struct load_file *kernel, char *error, size_t error_len)
{
    const struct load_error e = { kernel->name, error, error_len };
    const char *why;
    enum image_kind kind = image_identify(kernel->data, kernel->len, &why);
    switch (kind) {
    case IMAGE_LINUX:
        return load_linux_check(kernel, &e);
    default:
        return load_fail(&e, HV_UNSUPPORTED, "%s", why);
    }
}
