/* SPDX-License-Identifier: BSD-2-Clause */
/* See probe.h. The conditions and their order: APM vol. 2, 15.4 "Enabling SVM". */
#include "arch/x86/svm/probe.h"

#include "arch/x86/svm/svm_bits.h"
#include "socle/fmt.h"

bool svm_evaluate(const struct svm_facts *f, struct svm_caps *caps, char *why, size_t size)
{
    fmt(why, size, "%s", "");
    if (f->max_ext < 0x80000001 || !(f->ext1_ecx & BIT(2)))
        return false;
    bool disabled = f->vm_cr_readable && f->vm_cr & VM_CR_SVMDIS;
    if (disabled && f->vm_cr & VM_CR_LOCK) {
        fmt(why, size, "AMD-V is disabled and locked by the firmware: enable SVM in the firmware setup");
        return false;
    }
    if (f->max_ext < 0x8000000a || !(f->svm_edx & SVM_FEAT_NP)) {
        fmt(why, size, "this CPU has AMD-V without nested paging, which Socle needs "
            "(AMD family 10h or later; nested: give the virtual CPU \"npt\")");
        return false;
    }
    if (f->svm_ebx < 2) {
        fmt(why, size, "this CPU offers %u address space identifiers, at least 2 are needed", f->svm_ebx);
        return false;
    }
    *caps = (struct svm_caps){
        .clear_svmdis = disabled,
        .asids = f->svm_ebx,
        .nrips = f->svm_edx & SVM_FEAT_NRIPS,
        .clean_bits = f->svm_edx & SVM_FEAT_CLEAN,
        .flush_by_asid = f->svm_edx & SVM_FEAT_FLUSHASID,
        .decode_assists = f->svm_edx & SVM_FEAT_DECODE,
        .pause_filter = f->svm_edx & SVM_FEAT_PAUSE,
        .pause_threshold = f->svm_edx & SVM_FEAT_PAUSE_THR,
        .lbrv = f->svm_edx & SVM_FEAT_LBRV,
    };
    return true;
}
