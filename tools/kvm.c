/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See kvm.h. What the module's parameter "nested" says is not enough: the host's own
 * hypervisor must pass the extension on. KVM's list of CPUID bits it can give to a guest
 * is the answer (Linux Documentation/virt/kvm/api.rst, 4.46 KVM_GET_SUPPORTED_CPUID).
 */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

enum { LEAVES_MAX = 256 };

static const struct extension {
    uint32_t    leaf, ecx_bit;
    const char *offered;
} extensions[] = {
    { 0x80000001, 2, "the host's KVM offers nested AMD-V" },    /* APM vol. 3, E.4.2 */
    { 1, 5, "the host's KVM offers nested VT-x" },              /* SDM vol. 2, CPUID */
};

/* ECX of a CPUID leaf in KVM's list; 0 when it is not there. */
static uint32_t supported_ecx(const struct kvm_cpuid2 *list, uint32_t leaf)
{
    for (uint32_t i = 0; i < list->nent; i++)
        if (list->entries[i].function == leaf)
            return list->entries[i].ecx;
    return 0;
}

bool kvm_can_nest(const char **why)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        *why = errno == EACCES || errno == EPERM
            ? "no permission for /dev/kvm (is the user in the group kvm?)"
            : "the host has no KVM (/dev/kvm)";
        return false;
    }
    struct kvm_cpuid2 *list =
        xcalloc(1, sizeof(*list) + LEAVES_MAX * sizeof(list->entries[0]));
    list->nent = LEAVES_MAX;
    bool nest = false;
    *why = "the host's KVM does not offer nested virtualization";
    if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, list))
        list->nent = 0;
    for (size_t i = 0; i < ARRAY_LEN(extensions) && !nest; i++) {
        const struct extension *e = &extensions[i];
        if (!(supported_ecx(list, e->leaf) >> e->ecx_bit & 1))
            continue;
        nest = true;
        *why = e->offered;
    }
    free(list);
    close(fd);
    return nest;
}
