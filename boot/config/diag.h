/* SPDX-License-Identifier: BSD-2-Clause */
/* Private side of the list of findings: the va_list form, with the boot-option mark. */
#ifndef BOOT_CONFIG_DIAG_H
#define BOOT_CONFIG_DIAG_H

#include <stdarg.h>

#include "socle/config.h"

struct diag_about {
    enum config_severity severity;
    struct config_pos    pos;
    int                  guest;     /* -1: none */
    bool                 option;
};

/* d may be null. */
void config_diag_add_v(struct config_diag *d, struct diag_about about, const char *format,
                       va_list args) PRINTF(3, 0);

#endif
