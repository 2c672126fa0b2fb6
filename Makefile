# Builds, installs and tests dm-lclone. "make help" lists what there is to make.
# kbuild does not read this file: it reads Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
# The Debian release whose kernel the guest tests boot: bookworm, trixie or sid.
export KERNEL ?= bookworm
SUITES ?= style unit tools guest
# How long "make check-debug" keeps clones under load.
STRESS_SECONDS ?= 60

all: $(if $(wildcard $(KDIR)),module,no-headers) tool

help:
	@echo 'make              the module for the running kernel, if its headers are there, and the tool'
	@echo 'make install      installs both (DESTDIR, PREFIX)'
	@echo 'make check        all tests; installs the Debian packages that they need'
	@echo 'make check-unit check-tools check-guest style     one suite'
	@echo '                  KERNEL=bookworm|trixie|sid chooses the kernel of the guests'
	@echo 'make check-debug  the guest tests and a stress test under a kernel that checks itself: hours, where'
	@echo '                  the guest is emulated, and a quarter of an hour more for building that kernel once'
	@echo '                  STRESS_SECONDS=60'
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
	@tests/check $(SUITES)

check-style style:
	@tests/style

check-unit:
	@$(MAKE) -s --no-print-directory -C tests/unit check

check-tools: tool
	@$(MAKE) -s --no-print-directory -C tests/tools check

check-guest:
	@tests/guest/run

check-debug:
	@tests/deps.sh guest
	@tests/guest/run --kernel debug
	@tests/guest/run --kernel debug --script tests/guest/stress.sh -- $(STRESS_SECONDS)

demo bench:
	@tests/$@/run

clean:
	$(if $(wildcard $(KDIR)),$(MAKE) -C $(KDIR) M=$(CURDIR) clean)
	for dir in tools tests/unit tests/tools; do \
		[ ! -e $$dir/Makefile ] || $(MAKE) -C $$dir clean || exit; \
	done

.PHONY: all help module no-headers tool install check check-style style check-unit check-tools \
	check-guest check-debug demo bench clean
