# Builds, installs and tests dm-lclone. "make help" lists what there is to make.
# kbuild does not read this file: it reads Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
# The Debian release whose kernel the guest tests boot: bookworm, trixie, sid or all.
export KERNEL ?= bookworm
GUEST_SUITES := $(if $(filter all,$(KERNEL)),guest-bookworm guest-trixie guest-sid,guest)
# Those that keep one processor busy, the longest first. The tests of the tool are two of them; the guests of
# the kernels that check themselves do mostly one thing at a time.
SINGLE_SUITES := debug-brief tools-main debug-stress-brief kcsan-stress-brief tools-damage kernels sim unit \
	style fuzz
DAMAGE_TESTS := test-damage.sh test-repair.sh test-restore.sh
# How long "make fuzz" tries each of its targets.
FUZZ_SECONDS ?= 60
# How long "make check-debug" keeps clones under load.
STRESS_SECONDS ?= 20
# How long "make sim" cuts the power, and from which seed on.
SIM_SECONDS ?= 600
SIM_SEED ?= 1

all: $(if $(wildcard $(KDIR)),module,no-headers) tool

help:
	@echo 'make              the module for the running kernel, if its headers are there, and the tool'
	@echo 'make install      installs both (DESTDIR, PREFIX)'
	@echo 'make check        all tests; installs the Debian packages that they need'
	@echo 'make check-unit check-sim check-tools check-fuzz check-kernels check-guest style     one suite'
	@echo '                  KERNEL=bookworm|trixie|sid|all chooses the kernel of the guests'
	@echo 'make check-debug  unit tests, guest tests, a stress test and hostile stores under kernels that check'
	@echo '                  themselves, which are built once; STRESS_SECONDS=20 LCLONE_MUTANTS=100'
	@echo 'make check-debug-guest-all    all guest tests under KASAN and lockdep: hours, where the guest is emulated'
	@echo 'make check-kcsan-guest        those of clones that change while they are in use, looking for data races'
	@echo 'make sim          cuts the power of simulated clones, SIM_SECONDS=600 long, from SIM_SEED=1 on'
	@echo 'make sim-faults   shows that this finds planted faults'
	@echo 'make fuzz         fuzzes decoders, the tool and stores in use by libFuzzer, FUZZ_SECONDS=60 for each'
	@echo 'make demo         shows clones at work in a guest'
	@echo 'make bench        measures them in a guest'
	@echo 'make clean'

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

no-headers:
	@echo "no kernel headers in $(KDIR): building the tool only"

tool:
	$(MAKE) -C tools

install: all
	$(if $(wildcard $(KDIR)),$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install)
	$(MAKE) -C tools install

check:
	@tests/deps.sh
	@tests/check --together $(SINGLE_SUITES) --then $(GUEST_SUITES)

check-style style:
	@tests/style

check-unit:
	@$(MAKE) -s --no-print-directory -C tests/unit check

check-sim:
	@$(MAKE) -s --no-print-directory -C tests/sim check

sim:
	@$(MAKE) -s --no-print-directory -C tests/sim run SIM_SECONDS=$(SIM_SECONDS) SIM_SEED=$(SIM_SEED)

sim-faults:
	@$(MAKE) -s --no-print-directory -C tests/sim faults

check-tools:
	@$(MAKE) -s --no-print-directory -C tests/tools check

# Those that use loop devices are all in the same half: they see each other's.
check-tools-damage: TESTS := $(DAMAGE_TESTS)
check-tools-main: TESTS := $(filter-out $(DAMAGE_TESTS),$(notdir $(wildcard tests/tools/test-*.sh)))
check-tools-damage check-tools-main:
	@$(MAKE) -s --no-print-directory -C tests/tools check TESTS="$(TESTS)"

check-fuzz:
	@$(MAKE) -s --no-print-directory -C tests/fuzz check

fuzz:
	@$(MAKE) -s --no-print-directory -C tests/fuzz fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

check-kernels:
	@tests/kernels

check-guest:
	@$(if $(filter all,$(KERNEL)),tests/check $(GUEST_SUITES),tests/guest/parts)

check-guest-bookworm check-guest-trixie check-guest-sid: check-guest-%:
	@tests/guest/parts --kernel $*

DEBUG_SUITES := debug-bites debug-unit debug-guest debug-stress debug-hostile kcsan kcsan-stress
GUEST_TESTS = $(patsubst %,tests/guest/t-%.sh,$(1))

check-debug:
	@tests/deps.sh guest
	@tests/check $(DEBUG_SUITES)

# What "make check" does of all this.
check-debug-brief:
	@LCLONE_MUTANTS=20 tests/guest/run --kernel debug --only '^(kunit|smoke|memory|hostile)/|/table_place' \
		tests/guest/debug/t-kunit.sh $(call GUEST_TESTS,smoke refuse) tests/guest/debug/t-memory.sh \
		tests/guest/debug/t-hostile.sh

check-debug-stress-brief check-kcsan-stress-brief: check-%-stress-brief:
	@tests/guest/run --kernel $* --script tests/guest/stress.sh -- 5

check-debug-bites:
	@tests/guest/run --kernel debug tests/guest/debug/t-bites.sh

check-debug-leaks:
	@tests/guest/run --kernel debug --append kmemleak=on --only finds_a_leak tests/guest/debug/t-bites.sh
	@tests/guest/run --kernel debug --append kmemleak=on --script tests/guest/stress.sh -- 10

check-debug-unit:
	@tests/guest/run --kernel debug tests/guest/debug/t-kunit.sh

check-debug-guest:
	@tests/guest/run --kernel debug $(call GUEST_TESTS,smoke io flush) tests/guest/debug/t-memory.sh

check-debug-guest-all:
	@tests/guest/run --kernel debug

check-debug-hostile:
	@tests/guest/run --kernel debug tests/guest/debug/t-hostile.sh

check-kcsan:
	@tests/guest/run --kernel kcsan tests/guest/debug/t-bites.sh $(call GUEST_TESTS,io flush discard)

# What happens to clones in use, as far as this kernel goes.
check-kcsan-guest:
	@tests/guest/run --kernel kcsan $(call GUEST_TESTS,layers hydrate live shared snapshot space resize \
		flatten consolidate late metadata-io failure)

check-debug-stress check-kcsan-stress: check-%-stress:
	@tests/guest/run --kernel $* --script tests/guest/stress.sh -- $(STRESS_SECONDS)

demo bench:
	@tests/$@/run

clean:
	$(if $(wildcard $(KDIR)),$(MAKE) -C $(KDIR) M=$(CURDIR) clean)
	for dir in tools tests/unit tests/sim tests/tools tests/fuzz; do \
		[ ! -e $$dir/Makefile ] || $(MAKE) -C $$dir clean || exit; \
	done

.PHONY: all help module no-headers tool install check check-style style check-unit check-sim \
	sim sim-faults check-tools check-tools-main check-tools-damage check-fuzz fuzz check-kernels \
	check-guest check-guest-bookworm check-guest-trixie check-guest-sid check-debug \
	$(DEBUG_SUITES:%=check-%) check-debug-brief check-debug-stress-brief check-kcsan-stress-brief \
	check-debug-guest-all check-debug-leaks \
	check-kcsan-guest demo bench clean
