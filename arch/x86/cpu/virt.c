/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses the virtualization backend that this machine's CPU has. */
#include "socle/virt.h"

#include "arch/x86/svm/ops.h"
#include "arch/x86/vmx/ops.h"
#include "socle/fmt.h"

static const struct virt_ops *const backends[] = { &svm_ops, &vmx_ops };

const struct virt_ops *virt;

bool virt_select(char *why, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (backends[i]->probe(why, size)) {
            virt = backends[i];
            return true;
        }
        if (why[0])                     /* it has this kind, and something is in the way */
            return false;
    }
    fmt(why, size, "this CPU offers neither AMD-V nor VT-x: enable virtualization (SVM, VT-x) "
        "in the firmware setup, or nested virtualization in the outer hypervisor");
    return false;
}
