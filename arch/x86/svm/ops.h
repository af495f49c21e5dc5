/* SPDX-License-Identifier: BSD-2-Clause */
/* The AMD-V backend's one symbol for the outside. */
#ifndef ARCH_X86_SVM_OPS_H
#define ARCH_X86_SVM_OPS_H

#include "socle/virt.h"

extern const struct virt_ops svm_ops;

#endif
