/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the instruction decoder: it reads nothing beyond the bytes it was given, an
 * instruction ends exactly where it says, and the result is complete.
 */
#include <stdlib.h>
#include <string.h>

#include "socle/insn.h"
#include "socle/regs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* From a copy of exactly n bytes, so that the sanitizer guards its end. */
static hv_status decode(const uint8_t *bytes, size_t n, enum insn_mode mode, struct insn *out)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    hv_status s = insn_decode(copy, n, mode, out);
    free(copy);
    return s;
}

static void check_decoded(const struct insn *i)
{
    check(i->op < INSN_OP_COUNT && i->dst <= OPD_SEG && i->src <= OPD_SEG);
    check(i->seg < SEG_COUNT && i->scale < 4);
    check(i->base == INSN_NO_REG || i->base < GPR_COUNT);
    check(i->index == INSN_NO_REG || i->index < GPR_COUNT);
    check(i->reg < GPR_COUNT && i->rm < GPR_COUNT);
    check(i->adsize == 2 || i->adsize == 4 || i->adsize == 8);
    if (i->op != INSN_VEX)
        check(i->opsize && i->opsize <= 16 && !(i->opsize & (i->opsize - 1)) && i->srcsize);
    check(insn_name((enum insn_op)i->op)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insn i, again;

    if (size < 1 || size > 64)
        return 0;
    enum insn_mode mode = (enum insn_mode)(data[0] % 3);
    size_t n = size - 1;
    hv_status s = decode(data + 1, n, mode, &i);

    check(i.len <= INSN_MAX_LEN && i.len <= n && !memcmp(i.bytes, data + 1, i.len));
    switch ((unsigned)s) {
    case HV_OK:
        check(i.len > 0);
        check_decoded(&i);
        check(decode(data + 1, i.len, mode, &again) == HV_OK && !memcmp(&i, &again, sizeof(i)));
        check(decode(data + 1, i.len - 1u, mode, &again) == HV_RANGE);
        break;
    case HV_RANGE:
        check(n < INSN_MAX_LEN);
        break;
    default:
        check(s == HV_INVALID && (i.fault == VEC_UD || i.fault == VEC_GP));
        break;
    }
    return 0;
}
