/* SPDX-License-Identifier: BSD-2-Clause */
/* Can the host's KVM run a hypervisor as its guest? */
#ifndef KVM_H
#define KVM_H

#include "socle/types.h"

/* *why: in either case the reason, for the operator. Static text. */
bool kvm_can_nest(const char **why);

#endif
