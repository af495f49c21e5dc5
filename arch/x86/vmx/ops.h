/* SPDX-License-Identifier: BSD-2-Clause */
/* The VT-x backend's one symbol for the outside. */
#ifndef ARCH_X86_VMX_OPS_H
#define ARCH_X86_VMX_OPS_H

#include "socle/virt.h"

extern const struct virt_ops vmx_ops;

#endif
