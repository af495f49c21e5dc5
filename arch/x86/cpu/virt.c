/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses the virtualization backend that this machine's CPU has. */
#include "socle/virt.h"

#include "arch/x86/svm/ops.h"

static const struct virt_ops *const backends[] = { &svm_ops };

const struct virt_ops *virt;

bool virt_select(char *why, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        if (backends[i]->probe(why, size)) {
            virt = backends[i];
            return true;
        }
    return false;
}
