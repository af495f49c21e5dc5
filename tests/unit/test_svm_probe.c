/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arch/x86/svm/probe.c: which CPUs can run guests with AMD-V, and what the operator of the
 * others reads. No emulator shows most of these machines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/x86/svm/probe.h"
#include "arch/x86/svm/svm_bits.h"

#define SVM_BIT     (1u << 2)
#define ALL_FEATS   (SVM_FEAT_NP | SVM_FEAT_LBRV | SVM_FEAT_NRIPS | SVM_FEAT_CLEAN | \
                     SVM_FEAT_FLUSHASID | SVM_FEAT_DECODE | SVM_FEAT_PAUSE | SVM_FEAT_PAUSE_THR)

static struct svm_facts good(void)
{
    return (struct svm_facts){
        .max_ext = 0x8000001f, .ext1_ecx = SVM_BIT, .svm_ebx = 32768,
        .svm_edx = ALL_FEATS, .vm_cr_readable = true, .vm_cr = 0,
    };
}

static void accepted(struct svm_facts f, struct svm_caps *caps)
{
    char why[256] = "";
    assert_true(svm_evaluate(&f, caps, why, sizeof(why)));
}

static void refused(struct svm_facts f, const char *part)
{
    struct svm_caps caps = { 0 };
    char why[256] = "";
    assert_false(svm_evaluate(&f, &caps, why, sizeof(why)));
    assert_non_null(strstr(why, part));
    assert_null(strchr(why, '\n'));
}

static void full_cpu(void **unused)
{
    struct svm_caps c;
    accepted(good(), &c);
    assert_int_equal(c.asids, 32768);
    assert_true(c.nrips && c.clean_bits && c.flush_by_asid && c.decode_assists);
    assert_true(c.pause_filter && c.pause_threshold && c.lbrv);
    assert_false(c.clear_svmdis);
}

/* Each optional feature by itself, and none: each flag follows its own bit. */
static void each_feature(void **unused)
{
    struct svm_facts f = good();
    struct svm_caps c;
    f.svm_edx = SVM_FEAT_NP;
    accepted(f, &c);
    assert_false(c.nrips || c.clean_bits || c.flush_by_asid || c.decode_assists);
    assert_false(c.pause_filter || c.pause_threshold || c.lbrv);
    f.svm_edx = SVM_FEAT_NP | SVM_FEAT_NRIPS;
    accepted(f, &c);
    assert_true(c.nrips && !c.clean_bits && !c.flush_by_asid);
    f.svm_edx = SVM_FEAT_NP | SVM_FEAT_CLEAN;
    accepted(f, &c);
    assert_true(c.clean_bits && !c.nrips && !c.decode_assists);
    f.svm_edx = SVM_FEAT_NP | SVM_FEAT_FLUSHASID;
    accepted(f, &c);
    assert_true(c.flush_by_asid && !c.clean_bits);
    f.svm_edx = SVM_FEAT_NP | SVM_FEAT_PAUSE;
    accepted(f, &c);
    assert_true(c.pause_filter && !c.pause_threshold);
}

/* No reason of its own: whoever asks knows whether there is VT-x instead. */
static void absent(struct svm_facts f)
{
    struct svm_caps caps = { 0 };
    char why[256] = "left over";
    assert_false(svm_evaluate(&f, &caps, why, sizeof(why)));
    assert_string_equal(why, "");
}

static void no_virtualization(void **unused)
{
    struct svm_facts f = good();
    f.ext1_ecx = 0;
    absent(f);
    f = good();
    f.max_ext = 0x80000000;             /* the leaf with the flag does not exist */
    absent(f);
    f = good();
    f.max_ext = 0;
    absent(f);
}

static void disabled_by_firmware(void **unused)
{
    struct svm_facts f = good();
    struct svm_caps c;
    f.vm_cr = VM_CR_SVMDIS | VM_CR_LOCK;
    refused(f, "locked by the firmware");
    f.vm_cr = VM_CR_SVMDIS;             /* may be cleared: 15.30.1 */
    accepted(f, &c);
    assert_true(c.clear_svmdis);
    f.vm_cr = VM_CR_LOCK;               /* locked in the enabled state */
    accepted(f, &c);
    assert_false(c.clear_svmdis);
    f.vm_cr = VM_CR_SVMDIS | VM_CR_LOCK;
    f.vm_cr_readable = false;           /* what a missing MSR read as does not count */
    accepted(f, &c);
    assert_false(c.clear_svmdis);
}

static void too_little(void **unused)
{
    struct svm_facts f = good();
    struct svm_caps c;
    f.svm_edx &= ~SVM_FEAT_NP;
    refused(f, "nested paging");
    f = good();
    f.max_ext = 0x80000009;             /* no leaf 8000_000A: nothing it says counts */
    refused(f, "nested paging");
    f = good();
    f.svm_ebx = 1;
    refused(f, "address space identifiers");
    f.svm_ebx = 0;
    refused(f, "address space identifiers");
    f.svm_ebx = 2;
    accepted(f, &c);
    assert_int_equal(c.asids, 2);
}

/* The reason is cut, never written past its buffer. */
static void small_buffer(void **unused)
{
    struct svm_facts f = good();
    struct svm_caps c;
    char why[9] = "????????";
    f.svm_ebx = 0;
    assert_false(svm_evaluate(&f, &c, why, 8));
    assert_int_equal(strlen(why), 7);
    assert_int_equal(why[8], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_cpu), cmocka_unit_test(each_feature),
        cmocka_unit_test(no_virtualization), cmocka_unit_test(disabled_by_firmware),
        cmocka_unit_test(too_little), cmocka_unit_test(small_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
