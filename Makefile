# SPDX-License-Identifier: BSD-2-Clause
#
# Socle's build. `make help` lists the targets. Folders named here are compiled
# whole: a new .c file in one of them needs no line in this file.

BUILD    ?= build
PYTHON   ?= /usr/bin/python3
ifeq ($(origin CC),default)
CC       := gcc
endif
HOSTCC   ?= $(CC)
CLANG    ?= clang
PREFIX   ?= /usr/local
VERSION  := $(shell cat VERSION)

# Pure folders: no privileged instruction, no global state; also compiled natively.
PURE_DIRS := vmm/lib vmm/device vmm/emul vmm/sched vmm/policy vmm/console \
             mm boot/config boot/loader boot/tables boot/info
# Folders that touch the machine: only in the hypervisor.
HV_DIRS   := arch/x86/entry arch/x86/cpu arch/x86/mm arch/x86/svm drivers vmm/core vmm/shell boot
TOOL_DIRS := tools

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch \
        -Wconversion -Wno-sign-conversion -Wno-unused-parameter
WERROR ?=

COMMON := -std=gnu11 -g -Iinclude -I. -DSOCLE_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
HV_CFLAGS := $(COMMON) -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
        -mcmodel=kernel -fno-omit-frame-pointer -fno-strict-aliasing -fno-common \
        -fno-asynchronous-unwind-tables -fcf-protection=none -fstack-protector-strong \
        -mstack-protector-guard=global -ffunction-sections -fdata-sections -fno-jump-tables
HV_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
        -Wl,-z,noexecstack -Wl,--gc-sections -Wl,--orphan-handling=error -Wl,-T,arch/x86/entry/socle.ld
NATIVE_CFLAGS := $(COMMON) -O1 -fno-omit-frame-pointer -fno-strict-aliasing -D_GNU_SOURCE
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all

PURE_C := $(sort $(wildcard $(addsuffix /*.c,$(PURE_DIRS))))
HV_C   := $(sort $(wildcard $(addsuffix /*.c,$(HV_DIRS))))
HV_S   := $(sort $(wildcard $(addsuffix /*.S,$(HV_DIRS))))
TOOL_C := $(sort $(wildcard $(addsuffix /*.c,$(TOOL_DIRS))))
UNIT_C := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_C := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FAKE_C := $(sort $(wildcard tests/fake/*.c))
# The C library's own functions serve native builds.
NATIVE_PURE_C := $(filter-out vmm/lib/str.c,$(PURE_C))

HV_OBJS := $(patsubst %,$(BUILD)/hv/%.o,$(PURE_C) $(HV_C) $(HV_S))

.PHONY: all
all: $(BUILD)/socle.elf $(BUILD)/socle

# ---- the hypervisor ------------------------------------------------------------

$(BUILD)/hv/%.c.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/hv/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

# Linked twice: the table of function names of the first pass goes into the second.
# Code comes before the table, so its addresses do not move.
$(BUILD)/pass1.elf: $(HV_OBJS) arch/x86/entry/socle.ld
	$(CC) $(HV_LDFLAGS) -o $@ $(HV_OBJS)

$(BUILD)/symtab.S: $(BUILD)/pass1.elf tools/mksymtab.awk
	nm -n $< | awk -f tools/mksymtab.awk > $@

$(BUILD)/socle.elf: $(BUILD)/symtab.S
	$(CC) $(HV_CFLAGS) -c -o $(BUILD)/symtab.o $(BUILD)/symtab.S
	$(CC) $(HV_LDFLAGS) -o $@.full $(HV_OBJS) $(BUILD)/symtab.o
	objcopy --only-keep-debug $@.full $@.debug
	objcopy --strip-debug $@.full $@

# ---- the host-side command ------------------------------------------------------

TOOL_OBJS := $(patsubst %,$(BUILD)/tool/%.o,$(TOOL_C) $(NATIVE_PURE_C))

$(BUILD)/tool/%.c.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(HOSTCC) $(NATIVE_CFLAGS) -O2 -MMD -MP -c -o $@ $<

$(BUILD)/socle: $(TOOL_OBJS)
	$(HOSTCC) -o $@ $(TOOL_OBJS)

# ---- unit tests, natively under sanitizers --------------------------------------

SAN_OBJS := $(patsubst %,$(BUILD)/san/%.o,$(NATIVE_PURE_C) $(FAKE_C))
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_C))

$(BUILD)/san/%.c.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(HOSTCC) $(NATIVE_CFLAGS) $(SAN) -Itests -MMD -MP -c -o $@ $<

$(BUILD)/san/libpure.a: $(SAN_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/unit/%: $(BUILD)/san/tests/unit/%.c.o $(BUILD)/san/libpure.a
	@mkdir -p $(@D)
	$(HOSTCC) $(SAN) -o $@ $^ -lcmocka

.PHONY: unit
unit: $(UNIT_BINS)
	@set -e; for t in $(UNIT_BINS); do $$t; done

# ---- fuzzers --------------------------------------------------------------------

FUZZ_OBJS := $(patsubst %,$(BUILD)/fuzz/%.o,$(NATIVE_PURE_C) $(FAKE_C))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_C))
FUZZ_RUNS ?= 100000

$(BUILD)/fuzz/%.c.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CLANG) $(NATIVE_CFLAGS) $(SAN) -fsanitize=fuzzer-no-link -Itests -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/libpure.a: $(FUZZ_OBJS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/tests/fuzz/fuzz_%.c.o $(BUILD)/fuzz/libpure.a
	$(CLANG) $(SAN) -fsanitize=fuzzer -o $@ $^

# Each run starts from the kept corpus and leaves it unchanged.
.PHONY: fuzz-bounded
fuzz-bounded: $(FUZZ_BINS)
	@set -e; for f in $(FUZZ_BINS); do n=$$(basename $$f); \
	    echo "$$n: $(FUZZ_RUNS) runs"; mkdir -p $(BUILD)/fuzz/out/$$n; \
	    $$f -runs=$(FUZZ_RUNS) -seed=1 -max_len=8192 -timeout=10 -verbosity=0 -print_final_stats=0 \
	        -artifact_prefix=$(BUILD)/fuzz/$$n- $(BUILD)/fuzz/out/$$n tests/fuzz/corpus/$$n; done

# ---- guests for the demonstration and the tests ----------------------------------

GUESTS := $(BUILD)/guests

$(GUESTS)/vmlinuz-%: | tests/guests/fetch.sh
	@tests/guests/fetch.sh $(GUESTS) $*

$(GUESTS)/%.img: tests/guests/initrd.sh $(wildcard tests/guests/linux/*) | $(GUESTS)/vmlinuz-cloud
	tests/guests/initrd.sh $* $@ $(GUESTS)/modules-cloud

# Toys: small guests of our own in the clothes of a Linux bzImage.
TOY_C := $(filter-out %/toy.c,$(sort $(wildcard tests/guests/toy/*.c)))
TOYS  := $(patsubst tests/guests/toy/%.c,$(GUESTS)/toy/%.img,$(TOY_C))
TOY_CFLAGS := -std=gnu11 -g $(WARN) $(WERROR) -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone \
        -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables

$(GUESTS)/toy/%.o: tests/guests/toy/%.c tests/guests/toy/toy.h Makefile
	@mkdir -p $(@D)
	$(CC) $(TOY_CFLAGS) -c -o $@ $<

$(GUESTS)/toy/start.o: tests/guests/toy/start.S Makefile
	@mkdir -p $(@D)
	$(CC) $(TOY_CFLAGS) -c -o $@ $<

$(GUESTS)/toy/%.elf: $(addprefix $(GUESTS)/toy/,start.o toy.o) $(GUESTS)/toy/%.o tests/guests/toy/toy.ld
	$(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=16 \
	    -Wl,--no-warn-rwx-segments -Wl,-T,tests/guests/toy/toy.ld -o $@ $(filter %.o,$^)

$(GUESTS)/toy/%.img: $(GUESTS)/toy/%.elf
	objcopy -O binary $< $@

.SECONDARY: $(TOYS:.img=.elf) $(TOYS:.img=.o) $(GUESTS)/toy/toy.o

.PHONY: guests
guests: $(GUESTS)/vmlinuz-cloud $(GUESTS)/demo.img $(GUESTS)/test.img $(TOYS)

# ---- everything else ------------------------------------------------------------

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
