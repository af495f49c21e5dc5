/* SPDX-License-Identifier: BSD-2-Clause */
/* See entry_report.h. */
#include "arch/x86/cpu/entry_report.h"

#include "socle/log.h"

void entry_report(const struct entry_finding *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        log_error("VM entry refused: %s 0x%lx: %s", f[i].field, f[i].value, f[i].rule);
    if (!count)
        log_error("VM entry refused: by none of the manual's checks; please report this with the lines below");
}
