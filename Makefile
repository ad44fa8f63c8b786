# SPDX-License-Identifier: GPL-2.0-or-later
# make            programs and library            make modules   ktls_stats.ko
# make install    both commands take PREFIX=      make modules_install
#                 and DESTDIR=
# make dkms-install, make dkms-remove             the module, left to DKMS
# make demo       the story, on a real kernel     make check     every test
#                                                 make check-debug  those of the
#                 module, on a kernel that looks for mistakes
VERSION       ?= $(shell git -C $(CURDIR) describe --tags --always --dirty 2>/dev/null || echo 0.1)
KERNELRELEASE ?= $(shell uname -r)
KDIR          ?= /lib/modules/$(KERNELRELEASE)/build
B             ?= $(CURDIR)/build
PREFIX        ?= /usr/local
export VERSION PREFIX DESTDIR

all: user
user:
	$(MAKE) -C user B=$(B)
install: user
	$(MAKE) -C user B=$(B) install

# kbuild litters the directory it is pointed at, and its clean sweeps it: give
# it a copy. (MO= would do, from kernel 6.13 on.) Copied is what differs, and
# not what is newer: a file that goes back to what it was is older, and was
# then left out of the build.
kstage := $(B)/kmod-$(KERNELRELEASE)
stage   = for f in $$(find Kbuild kmod -type f); do \
	cmp -s $$f $(kstage)/$$f || install -D -m 644 $$f $(kstage)/$$f || exit; done
# BTF would need pahole and the kernel's vmlinux, and a signature Debian's key.
# Header packages have no System.map, without which kbuild runs no depmod.
kbuild  = $(MAKE) -C $(KDIR) M=$(kstage) KTLS_VERSION=$(VERSION) \
	CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_MODULE_SIG_ALL=

modules:
	@$(stage)
	$(kbuild) modules
modules_install: modules
	$(kbuild) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	depmod $(if $(DESTDIR),-b $(DESTDIR)) $(KERNELRELEASE)

# The module in the care of DKMS: built anew for each kernel to come.
dkms-install dkms-remove:
	@VERSION='$(VERSION)' KERNELRELEASE='$(KERNELRELEASE)' \
		scripts/dkms $(@:dkms-%=%)

KSFT ?= /usr/src/ktls-ksrc/tools/testing/selftests
libexec = $(DESTDIR)$(PREFIX)/libexec/ktls
selftests_install: user
	$(MAKE) -C selftests B=$(B) KSFT=$(KSFT) install \
		INSTALL_PATH=$(libexec)/selftests
	cp -r $(KSFT)/kselftest $(KSFT)/run_kselftest.sh $(libexec)/
	@$(MAKE) -s -C selftests B=$(B) KSFT=$(KSFT) emit_tests \
		COLLECTION=selftests > $(libexec)/kselftest-list.txt

demo:
	@scripts/demo
check:
	@scripts/check
check-debug:
	@scripts/check debug
clean:
	$(RM) -r $(B)

.PHONY: all user install selftests_install modules modules_install demo check clean \
	check-debug dkms-install dkms-remove
