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

# V=1 shows the commands instead of one short line each; make -s shows nothing.
V ?= 0
ifeq ($(V),1)
Q    :=
note :=
else ifneq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
Q    := @
note :=
else
Q    := @
note  = @printf '  %-5s %s\n' $(1) $(2)
endif

# Pure folders: no privileged instruction, no global state; also compiled natively.
PURE_DIRS := vmm/lib vmm/device vmm/emul vmm/sched vmm/policy vmm/console \
             vmm/virtio vmm/net vmm/blk \
             mm boot/config boot/loader boot/tables boot/info drivers/pure
# Folders that touch the machine: only in the hypervisor.
HV_DIRS   := arch/x86/entry arch/x86/cpu arch/x86/mm arch/x86/svm arch/x86/vmx drivers vmm/core boot
TOOL_DIRS := tools
# Pure files among those folders.
PURE_FILES := arch/x86/svm/probe.c arch/x86/svm/check.c arch/x86/vmx/probe.c \
              $(addprefix arch/x86/vmx/check,.c _event.c _guest.c _host.c _seg.c)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch \
        -Wconversion -Wno-sign-conversion -Wno-unused-parameter
WERROR ?=

COMMON := -std=gnu11 -g -Iinclude -I. -DSOCLE_VERSION='"$(VERSION)"' $(WARN) $(WERROR)
# DEFINES: further -D for the hypervisor alone, such as -DSOCLE_COUNT (arch/x86/vmx/count.h)
# and -DSOCLE_FAULT (arch/x86/vmx/fault.h).
DEFINES ?=
# What runs at boot and at the prompt is built for size, what guests wait for is not.
OPT := -O2
$(BUILD)/hv/boot/% $(BUILD)/hv/mm/% $(BUILD)/hv/drivers/% $(BUILD)/hv/vmm/console/%: OPT := -Os
HV_CFLAGS = $(COMMON) $(DEFINES) $(OPT) -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
        -mcmodel=kernel -fno-omit-frame-pointer -fno-strict-aliasing -fno-common \
        -fno-asynchronous-unwind-tables -fcf-protection=none -fstack-protector-strong \
        -mstack-protector-guard=global -ffunction-sections -fdata-sections -fno-jump-tables
HV_LDFLAGS := -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
        -Wl,-z,noexecstack -Wl,--gc-sections -Wl,--orphan-handling=error -Wl,-T,arch/x86/entry/socle.ld
NATIVE_CFLAGS := $(COMMON) -O1 -fno-omit-frame-pointer -fno-strict-aliasing -D_GNU_SOURCE
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all

PURE_C := $(sort $(wildcard $(addsuffix /*.c,$(PURE_DIRS)))) $(PURE_FILES)
HV_C   := $(filter-out $(PURE_FILES),$(sort $(wildcard $(addsuffix /*.c,$(HV_DIRS)))))
HV_S   := $(sort $(wildcard $(addsuffix /*.S,$(HV_DIRS))))
TOOL_C := $(sort $(wildcard $(addsuffix /*.c,$(TOOL_DIRS))))
UNIT_C := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_C := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FAKE_C := $(sort $(wildcard tests/fake/*.c))
# The C library's own functions serve native builds.
NATIVE_PURE_C := $(filter-out vmm/lib/str.c,$(PURE_C))

HV_OBJS := $(patsubst %,$(BUILD)/hv/%.o,$(PURE_C) $(HV_C) $(HV_S))

.PHONY: all hypervisor
all: hypervisor $(BUILD)/socle
	@:
hypervisor: $(BUILD)/socle.elf
	@:

# What else an object or a program depends on: the command that makes it, and the list of
# its parts. The files change only when these do, so that nothing is built in vain.
# $(1): name, $(2): text.
define remember
$$(shell mkdir -p $(BUILD); echo '$(subst ','\'',$(2))' > $(BUILD)/$(1).new; \
    cmp -s $(BUILD)/$(1).new $(BUILD)/$(1) && rm $(BUILD)/$(1).new || mv $(BUILD)/$(1).new $(BUILD)/$(1))
endef
ifeq ($(filter help clean distclean,$(MAKECMDGOALS)),)
$(eval $(call remember,hv.how,$(CC) $(HV_CFLAGS)))
$(eval $(call remember,hv.parts,$(HV_LDFLAGS) $(HV_OBJS)))
$(eval $(call remember,native.how,$(HOSTCC) $(CLANG) $(NATIVE_CFLAGS) $(SAN)))
$(eval $(call remember,native.parts,$(TOOL_C) $(NATIVE_PURE_C) $(FAKE_C)))
endif

# ---- the hypervisor ------------------------------------------------------------

$(BUILD)/hv/%.c.o: %.c $(BUILD)/hv.how
	@mkdir -p $(@D)
	$(call note,CC,$<)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/hv/%.S.o: %.S $(BUILD)/hv.how
	@mkdir -p $(@D)
	$(call note,AS,$<)
	$(Q)$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

# Linked twice: the table of function names of the first pass goes into the second.
# Code comes before the table, so its addresses do not move.
$(BUILD)/pass1.elf: $(HV_OBJS) arch/x86/entry/socle.ld $(BUILD)/hv.parts
	$(call note,LINK,$@)
	$(Q)$(CC) $(HV_LDFLAGS) -o $@ $(HV_OBJS)

$(BUILD)/symtab.S: $(BUILD)/pass1.elf tools/mksymtab.awk
	$(Q)nm -n $< > $(BUILD)/symbols && awk -f tools/mksymtab.awk $(BUILD)/symbols > $@

$(BUILD)/socle.elf: $(BUILD)/symtab.S
	$(call note,LINK,$@)
	$(Q)$(CC) $(HV_CFLAGS) -c -o $(BUILD)/symtab.o $(BUILD)/symtab.S
	$(Q)$(CC) $(HV_LDFLAGS) -o $@.full $(HV_OBJS) $(BUILD)/symtab.o
	$(Q)objcopy --only-keep-debug $@.full $@.debug
	$(Q)objcopy --strip-debug $@.full $@.new && mv $@.new $@

# ---- the host-side command ------------------------------------------------------

TOOL_OBJS := $(patsubst %,$(BUILD)/tool/%.o,$(TOOL_C) $(NATIVE_PURE_C))

$(BUILD)/tool/%.c.o: %.c $(BUILD)/native.how
	@mkdir -p $(@D)
	$(call note,HOST,$<)
	$(Q)$(HOSTCC) $(NATIVE_CFLAGS) -O2 -MMD -MP -c -o $@ $<

$(BUILD)/socle: $(TOOL_OBJS) $(BUILD)/native.parts
	$(call note,LINK,$@)
	$(Q)$(HOSTCC) -o $@ $(TOOL_OBJS)

# ---- unit tests, natively under sanitizers --------------------------------------

SAN_OBJS := $(patsubst %,$(BUILD)/san/%.o,$(NATIVE_PURE_C) $(FAKE_C))
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_C))

$(BUILD)/san/%.c.o: %.c $(BUILD)/native.how
	@mkdir -p $(@D)
	$(call note,SAN,$<)
	$(Q)$(HOSTCC) $(NATIVE_CFLAGS) $(SAN) -Itests -MMD -MP -c -o $@ $<

$(BUILD)/san/libpure.a: $(SAN_OBJS) $(BUILD)/native.parts
	@rm -f $@
	$(Q)ar rcs $@ $(SAN_OBJS)

$(BUILD)/unit/%: $(BUILD)/san/tests/unit/%.c.o $(BUILD)/san/libpure.a
	@mkdir -p $(@D)
	$(call note,LINK,$@)
	$(Q)$(HOSTCC) $(SAN) -o $@ $^ -lcmocka

# ---- fuzzers --------------------------------------------------------------------

FUZZ_OBJS := $(patsubst %,$(BUILD)/fuzz/%.o,$(NATIVE_PURE_C) $(FAKE_C))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_C))

$(BUILD)/fuzz/%.c.o: %.c $(BUILD)/native.how
	@mkdir -p $(@D)
	$(call note,FUZZ,$<)
	$(Q)$(CLANG) $(NATIVE_CFLAGS) $(SAN) -fsanitize=fuzzer-no-link -Itests -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/libpure.a: $(FUZZ_OBJS) $(BUILD)/native.parts
	@rm -f $@
	$(Q)ar rcs $@ $(FUZZ_OBJS)

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/tests/fuzz/fuzz_%.c.o $(BUILD)/fuzz/libpure.a
	$(call note,LINK,$@)
	$(Q)$(CLANG) $(SAN) -fsanitize=fuzzer -o $@ $^

# ---- guests for the demonstration and the tests ----------------------------------

GUESTS := $(BUILD)/guests

$(GUESTS)/vmlinuz-%: | tests/guests/fetch.sh
	@tests/guests/fetch.sh $(GUESTS) $*
# Folders that were fetched when there were no modules for disks and networks are fetched anew.
$(foreach kind,cloud full,$(if $(wildcard $(GUESTS)/modules-$(kind)/*/io),,\
    $(eval $(GUESTS)/vmlinuz-$(kind): fetch-anew)))
.PHONY: fetch-anew

$(GUESTS)/programs: | tests/guests/fetch.sh
	@tests/guests/fetch.sh $(GUESTS) programs

# Named one by one: a pattern would also offer itself for the toys below.
INITRD_PARTS := tests/guests/initrd.sh $(wildcard tests/guests/linux/* tests/guests/linux/io/*) $(GUESTS)/vmlinuz-cloud
$(GUESTS)/demo.img $(GUESTS)/test.img: $(GUESTS)/%.img: $(INITRD_PARTS)
	$(call note,MAKE,$@)
	$(Q)CC='$(HOSTCC)' tests/guests/initrd.sh $* $@ $(GUESTS)/modules-cloud

$(GUESTS)/io.img: $(INITRD_PARTS) | $(GUESTS)/programs
	$(call note,MAKE,$@)
	$(Q)CC='$(HOSTCC)' tests/guests/initrd.sh io $@ $(GUESTS)/modules-cloud $(GUESTS)/programs

# Toys: small guests of our own in the clothes of a Linux bzImage.
# Parts of several: toy.c of all, virtio.c of those that try virtio devices.
TOY_C := $(filter-out %/toy.c %/virtio.c,$(sort $(wildcard tests/guests/toy/*.c)))
TOYS  := $(patsubst tests/guests/toy/%.c,$(GUESTS)/toy/%.img,$(TOY_C))
TOY_CFLAGS := -std=gnu11 -g $(WARN) $(WERROR) -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone \
        -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables

$(GUESTS)/toy/%.o: tests/guests/toy/%.c $(wildcard tests/guests/toy/*.h) $(BUILD)/hv.how
	@mkdir -p $(@D)
	$(call note,CC,$<)
	$(Q)$(CC) $(TOY_CFLAGS) -c -o $@ $<

$(GUESTS)/toy/start.o: tests/guests/toy/start.S $(BUILD)/hv.how
	@mkdir -p $(@D)
	$(call note,AS,$<)
	$(Q)$(CC) $(TOY_CFLAGS) -c -o $@ $<

$(GUESTS)/toy/%.elf: $(addprefix $(GUESTS)/toy/,start.o toy.o %.o) tests/guests/toy/toy.ld
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=16 \
	    -Wl,--no-warn-rwx-segments -Wl,-T,tests/guests/toy/toy.ld -o $@ $(filter %.o,$^)

$(addprefix $(GUESTS)/toy/,vrules.elf vbad.elf vnet.elf vpci.elf): $(GUESTS)/toy/virtio.o

$(TOYS): $(GUESTS)/toy/%.img: $(GUESTS)/toy/%.elf
	$(call note,MAKE,$@)
	$(Q)objcopy -O binary $< $@

# Objects stay, also those that only a chain of rules names.
.SECONDARY:

# A whole Debian with systemd, for a test; what it consists of changes only with its script.
$(GUESTS)/debian.img: tests/guests/debian.sh
	@tests/guests/debian.sh $(GUESTS)

.PHONY: guests guests-full guests-debian
guests: $(GUESTS)/vmlinuz-cloud $(addprefix $(GUESTS)/,demo.img test.img io.img) $(TOYS)
	@:
guests-full: guests $(GUESTS)/vmlinuz-full
guests-debian:
	@tools/need.sh debian
	+@$(SUBMAKE) $(GUESTS)/debian.img

# ---- the demonstration -----------------------------------------------------------

DEMO := $(BUILD)/demo

$(DEMO)/socle.toml: tests/guests/demo/socle.toml $(GUESTS)/vmlinuz-cloud $(GUESTS)/demo.img
	@mkdir -p $(@D)
	$(Q)ln -sf ../guests/vmlinuz-cloud $(DEMO)/vmlinuz
	$(Q)ln -sf ../guests/demo.img $(DEMO)/initrd.img
	$(Q)cp $< $@

# Targets from here on first see to the tools they need (tools/need.sh), then build in a
# make of their own, on all CPUs unless told otherwise.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

# RUN_FLAGS: further options of `socle run`, such as --uefi.
.PHONY: demo run
demo: all $(DEMO)/socle.toml
run:
	@tools/need.sh build run guests
	+@$(SUBMAKE) demo
	@echo
	@echo 'Two Debian guests start now; it takes about half a minute, then they say how to reach them.'
	@$(BUILD)/socle run $(RUN_FLAGS) $(DEMO)/socle.toml

# ---- tests -----------------------------------------------------------------------

.PHONY: unit unit-bins fuzz fuzz-bins fuzz-bounded dev test soak bench check-layers
unit-bins: $(UNIT_BINS)
fuzz-bins: $(FUZZ_BINS)

unit:
	@tools/need.sh build test
	+@$(SUBMAKE) unit-bins
	@BUILD='$(BUILD)' tests/run.sh unit

# FUZZ_RUNS=N: runs of each; FUZZ_SECONDS=N: how long `make fuzz` takes for each.
fuzz-bounded fuzz:
	@tools/need.sh build fuzz
	+@$(SUBMAKE) fuzz-bins
	@BUILD='$(BUILD)' tests/run.sh $(if $(filter fuzz,$@),fuzz-long,fuzz)

# Everything with warnings as errors, with both compilers.
dev:
	@tools/need.sh build clang test
	+@$(SUBMAKE) WERROR=-Werror all unit-bins $(TOYS)
	+@$(SUBMAKE) WERROR=-Werror BUILD='$(BUILD)/clang' CC='$(CLANG)' all unit-bins

test:
	@tools/need.sh build run guests test clang fuzz bochs
	+@$(SUBMAKE) WERROR=-Werror all unit-bins fuzz-bins guests-full
	+@$(SUBMAKE) WERROR=-Werror BUILD='$(BUILD)/clang' CC='$(CLANG)' all
	+@$(SUBMAKE) WERROR=-Werror BUILD='$(BUILD)/fault' DEFINES=-DSOCLE_FAULT hypervisor
	@BUILD='$(BUILD)' tests/run.sh layers unit fuzz system

soak:
	@tools/need.sh build run guests debian test fuzz bochs
	+@$(SUBMAKE) all fuzz-bins guests-full $(GUESTS)/debian.img
	+@$(SUBMAKE) BUILD='$(BUILD)/fault' DEFINES=-DSOCLE_FAULT hypervisor
	@BUILD='$(BUILD)' tests/run.sh fuzz-long soak

bench:
	@tools/need.sh build run guests test bochs
	+@$(SUBMAKE) all guests
	+@$(SUBMAKE) BUILD='$(BUILD)/count' DEFINES=-DSOCLE_COUNT hypervisor
	@SOCLE_BUILD='$(BUILD)' $(PYTHON) tests/bench/run.py $(BENCH_FLAGS)

check-layers:
	@$(PYTHON) tests/layers.py --pure '$(PURE_DIRS)' --cc '$(CC)' \
	    --flags '$(filter-out -g -DSOCLE%,$(COMMON)) -ffreestanding -mgeneral-regs-only'

# ---- everything else ------------------------------------------------------------

.PHONY: install uninstall clean distclean help
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/lib/socle' '$(DESTDIR)$(PREFIX)/share/doc/socle'
	install -m 755 $(BUILD)/socle '$(DESTDIR)$(PREFIX)/bin/socle'
	install -m 644 $(BUILD)/socle.elf '$(DESTDIR)$(PREFIX)/lib/socle/socle.elf'
	install -m 644 README.md LICENSE docs/*.md '$(DESTDIR)$(PREFIX)/share/doc/socle'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/socle'
	rm -rf '$(DESTDIR)$(PREFIX)/lib/socle' '$(DESTDIR)$(PREFIX)/share/doc/socle'

# Downloaded kernels and the big Debian stay; `make distclean` takes these too.
clean:
	rm -rf $(filter-out $(GUESTS),$(wildcard $(BUILD)/*)) $(filter-out %/debian.img,$(wildcard $(GUESTS)/*.img)) \
	    $(GUESTS)/*.sum $(GUESTS)/toy

distclean:
	rm -rf $(BUILD)

help:
	@echo 'make              build $(BUILD)/socle.elf, the hypervisor, and $(BUILD)/socle, the command'
	@echo 'make run          boot the demonstration: two Debian guests to a shell (RUN_FLAGS=--uefi ...)'
	@echo 'make test         every test; make unit, check-layers, fuzz-bounded: a part of them'
	@echo 'make soak         the long tests'
	@echo 'make bench        the benchmark table, also in $(BUILD)/bench.json'
	@echo 'make fuzz         fuzz each parser and device for FUZZ_SECONDS (default 60)'
	@echo 'make dev          build with warnings as errors, with gcc and clang'
	@echo 'make guests       the guests of the demonstration and the tests; make guests-debian: a whole Debian'
	@echo 'make install      into PREFIX (default /usr/local), below DESTDIR'
	@echo 'make clean        remove what was built; make distclean: downloaded kernels as well'
	@echo 'V=1 shows commands; CC=clang and BUILD=folder work as expected.'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
