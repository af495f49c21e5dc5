/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU's TCG that counts executed instructions exactly: host and guest of
 * the hypervisor alike, firmware too, idle time not. run.py loads it and reads what it
 * writes. Arguments of -plugin:
 *   out=FILE               where the lines go
 *   once=HEX:NAME          a line when the instruction at this address is first executed
 *   each=HEX:NAME          a line each time
 *   range=HEX:HEX:NAME     count also what is executed from the first up to the second
 *   profile=HEX:HEX        after each line: what was executed where since the last one
 * Lines: "ranges NAME..."; at each mark "mark NAME TOTAL RANGE..." and, with profile,
 * "pc ADDRESS COUNT"; "end TOTAL". Totals include the marked instruction.
 *
 * The plugin interface of QEMU 7.2, version 1 (docs/devel/tcg-plugins.rst), is declared
 * here: distributions do not package its header. It does not count what QEMU does
 * outside of instructions, such as device models and DMA.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { INLINE_ADD_U64 = 0, CB_NO_REGS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*cb)(unsigned vcpu, void *data), int flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *ptr,
                                                uint64_t imm);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id id, void *data), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default")))
int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv);

enum { MARKS = 32, RANGES = 16, NAME = 32 };

struct mark {
    uint64_t at;
    bool     once, seen;
    char     name[NAME];
};

struct range {
    uint64_t start, end, count;
    char     name[NAME];
};

static struct mark mark[MARKS];
static struct range range[RANGES];
static unsigned marks, ranges;
static uint64_t total;
static uint64_t profile_start, profile_end, *profile;   /* a counter for each byte of code */
static FILE *out;

static void print_profile(void)
{
    for (uint64_t at = profile_start; at < profile_end; at++) {
        uint64_t *n = &profile[at - profile_start];
        if (*n)
            fprintf(out, "pc %" PRIx64 " %" PRIu64 "\n", at, *n);
        *n = 0;
    }
}

static void reached(unsigned vcpu, void *data)
{
    struct mark *m = data;
    (void)vcpu;
    if (m->once && m->seen)
        return;
    m->seen = true;
    fprintf(out, "mark %s %" PRIu64, m->name, total);
    for (unsigned i = 0; i < ranges; i++)
        fprintf(out, " %" PRIu64, range[i].count);
    fputc('\n', out);
    if (profile)
        print_profile();
}

static void watch(struct qemu_plugin_insn *insn)
{
    uint64_t at = qemu_plugin_insn_vaddr(insn);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &total, 1);
    for (unsigned i = 0; i < ranges; i++)
        if (at >= range[i].start && at < range[i].end)
            qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &range[i].count, 1);
    if (profile && at >= profile_start && at < profile_end)
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
                                                   &profile[at - profile_start], 1);
    for (unsigned i = 0; i < marks; i++)
        if (at == mark[i].at)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, reached, CB_NO_REGS, &mark[i]);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < n; i++)
        watch(qemu_plugin_tb_get_insn(tb, i));
}

/* Without this last line the run was cut short. */
static void at_exit(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    fprintf(out, "end %" PRIu64 "\n", total);
    fclose(out);
}

static bool add_mark(const char *text, bool once)
{
    struct mark *m = &mark[marks];
    if (marks == MARKS || sscanf(text, "%" SCNx64 ":%31s", &m->at, m->name) != 2)
        return false;
    m->once = once;
    marks++;
    return true;
}

static bool add_range(const char *text)
{
    struct range *r = &range[ranges];
    if (ranges == RANGES ||
        sscanf(text, "%" SCNx64 ":%" SCNx64 ":%31s", &r->start, &r->end, r->name) != 3)
        return false;
    ranges++;
    return true;
}

static bool add_profile(const char *text)
{
    if (sscanf(text, "%" SCNx64 ":%" SCNx64, &profile_start, &profile_end) != 2 ||
        profile_end <= profile_start)
        return false;
    profile = calloc(profile_end - profile_start, sizeof(*profile));
    return profile != NULL;
}

static void print_range_names(void)
{
    fputs("ranges", out);
    for (unsigned i = 0; i < ranges; i++)
        fprintf(out, " %s", range[i].name);
    fputc('\n', out);
}

static bool argument(const char *arg)
{
    const char *value = strchr(arg, '=');
    if (!value)
        return false;
    value++;
    if (!strncmp(arg, "out=", 4))
        return (out = fopen(value, "w")) != NULL;
    if (!strncmp(arg, "once=", 5))
        return add_mark(value, true);
    if (!strncmp(arg, "each=", 5))
        return add_mark(value, false);
    if (!strncmp(arg, "range=", 6))
        return add_range(value);
    return !strncmp(arg, "profile=", 8) && add_profile(value);
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!argument(argv[i])) {
            fprintf(stderr, "count: bad argument: %s\n", argv[i]);
            return 1;
        }
    }
    if (!out) {
        fprintf(stderr, "count: out=FILE is missing\n");
        return 1;
    }
    print_range_names();
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
