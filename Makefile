# SPDX-License-Identifier: Apache-2.0
#
#	make demo	register and sign in, for real; installs what it needs
#	make check	every test; installs what they need
#	make		build/sealkey
#
# For developers:
#
#	make check ONLY='unit/* check/*'	some of the tests
#	make fuzz FUZZ_SECONDS=600		fuzzing alone
#	make coverage				which lines the units reach
#	make bench				figures, also in build/bench.json
#	make load LOAD_SECONDS=600		ten keys under load
#	make unit				build the unit tests
#	make install, install-ci, uninstall	PREFIX=/usr/local, DESTDIR=
#	make clean
#
# BUILD=dir builds elsewhere. SAN=1 builds with AddressSanitizer and UBSan,
# TSAN=1 with ThreadSanitizer, FUZZ=1 with clang for libFuzzer, COVERAGE=1 for
# gcov; each has its own folder below build/ unless BUILD says otherwise. WERROR=1 stops at warnings, V=1
# shows commands. Sources are found by folder; nothing is listed here.

VERSION	:= 0.1.0
VARIANT	:= $(if $(SAN),/san)$(if $(TSAN),/tsan)$(if $(FUZZ),/fuzz)$(if $(COVERAGE),/coverage)
BUILD	?= build$(VARIANT)
PREFIX	?= /usr/local
DEST	= $(DESTDIR)$(PREFIX)
PKGS	:= libcrypto libcbor sqlite3 jansson libpsl zlib libmicrohttpd \
	   libsystemd libusb-1.0 tss2-esys tss2-mu tss2-rc tss2-tctildr libtpms

# --- flags ----------------------------------------------------------------

OPT	:= -O2
WARN	:= -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	   -Wpointer-arith -Wwrite-strings -Wvla $(if $(WERROR),-Werror)
HARDEN	:= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LDHARD	:= -pie -Wl,-z,relro,-z,now
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	   -fno-omit-frame-pointer

ifdef SAN
OPT	:= -O1
HARDEN	:= -fPIE $(SANITIZE)
LDHARD	:= -pie $(SANITIZE)
endif
# gcc takes harmless code for wrong where each access is watched
ifdef TSAN
OPT	:= -O1
HARDEN	:= -fPIE -fsanitize=thread -Wno-maybe-uninitialized \
	   -Wno-stringop-overread
LDHARD	:= -pie -fsanitize=thread
endif
ifdef FUZZ
CC	:= clang
OPT	:= -O1
HARDEN	:= -fPIE -fsanitize=fuzzer-no-link $(SANITIZE)
LDHARD	:= -pie $(SANITIZE)
endif
ifdef COVERAGE
OPT	:= -O0
HARDEN	:= -fPIE --coverage
LDHARD	:= -pie --coverage
endif

# pkg-config is asked when something is first compiled, not when this file is
# read: `make demo` must be able to install it.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS))) \
	   $(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
ALL_CFLAGS = -std=gnu11 -g $(OPT) $(WARN) $(HARDEN) -D_GNU_SOURCE -I. \
	   -DSEALKEY_VERSION='"$(VERSION)"' $(PKG_CFLAGS) $(CFLAGS)

CCQ	= $(if $(V),,@printf '  CC    %s\n' $@;)
LDQ	= $(if $(V),,@printf '  LD    %s\n' $@;)
ARQ	= $(if $(V),,@printf '  AR    %s\n' $@;)

# --- sources --------------------------------------------------------------

ENGINE_SRC := $(wildcard ctap/*.c authenticator/engine/*.c)
PROGRAM_SRC := $(filter-out authenticator/cmd/main.c authenticator/engine/%, \
	   $(wildcard authenticator/*.c authenticator/*/*.c tpm/*.c uhid/*.c \
	   conformance/*.c))
CASES	:= $(wildcard conformance/cases/*.txt)
# "key" before "key-nfc"
MODELS	:= $(addsuffix .ini,$(sort $(basename \
	   $(wildcard authenticator/profile/models/*.ini))))
# tests/X_main.c is a program of its own, build/tests/X; the rest is for all
TOOL_SRC := $(wildcard tests/*_main.c)
# tests/tcti_X.c is a library that TPM software loads
TCTI_SRC := $(wildcard tests/tcti_*.c)
SUPPORT_SRC := $(filter-out $(TOOL_SRC) $(TCTI_SRC),$(wildcard tests/*.c))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
FUZZER_SRC := $(wildcard tests/fuzz/fuzz_*.c)
ALL_SRC	:= $(ENGINE_SRC) $(PROGRAM_SRC) authenticator/cmd/main.c $(SUPPORT_SRC) \
	   $(TOOL_SRC) $(TCTI_SRC) $(UNIT_SRC) $(FUZZER_SRC)

object	= $(1:%.c=$(BUILD)/%.o)
UNIT	:= $(UNIT_SRC:%.c=$(BUILD)/%)
TOOL	:= $(TOOL_SRC:%_main.c=$(BUILD)/%)
TCTI	:= $(TCTI_SRC:tests/tcti_%.c=$(BUILD)/tests/libtss2-tcti-%.so)
FUZZER	:= $(FUZZER_SRC:%.c=$(BUILD)/%)

LIBENGINE := $(BUILD)/libengine.a
LIBSEALKEY := $(BUILD)/libsealkey.a
LIBSUPPORT := $(BUILD)/libsupport.a
LIBS	:= $(LIBSUPPORT) $(LIBSEALKEY) $(LIBENGINE)

# --- building -------------------------------------------------------------

all: $(BUILD)/sealkey
unit: $(UNIT)
tools: $(TOOL) $(TCTI)
fuzzers: $(FUZZER)
objects: $(call object,$(ALL_SRC))

$(BUILD)/sealkey: $(BUILD)/authenticator/cmd/main.o $(LIBSEALKEY) $(LIBENGINE)
	$(LDQ)$(CC) $(LDHARD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIBENGINE): $(call object,$(ENGINE_SRC))
$(LIBSEALKEY): $(call object,$(PROGRAM_SRC)) $(BUILD)/conformance/cases.o \
	   $(BUILD)/authenticator/profile/models.o
$(LIBSUPPORT): $(call object,$(SUPPORT_SRC))
$(BUILD)/%.a:
	$(ARQ)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CCQ)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The folders too: a file may have gone.
$(BUILD)/conformance/cases.S: authenticator/embed $(CASES) conformance/cases
	@mkdir -p $(@D)
	@authenticator/embed conformance_builtin $(CASES) >$@

$(BUILD)/authenticator/profile/models.S: authenticator/embed $(MODELS) \
	   authenticator/profile/models Makefile
	@mkdir -p $(@D)
	@authenticator/embed profile_builtin $(MODELS) >$@

$(BUILD)/%.o: $(BUILD)/%.S
	$(CCQ)$(CC) -c -o $@ $<

$(call object,$(TCTI_SRC)): HARDEN += -fPIC
$(TCTI): $(BUILD)/tests/libtss2-tcti-%.so: $(BUILD)/tests/tcti_%.o
	$(LDQ)$(CC) -shared $(filter-out -pie,$(LDHARD)) $(LDFLAGS) -o $@ $^ \
	    $(PKG_LIBS)

# Which of them loads a TCTI, only the test knows.
$(UNIT): | $(TCTI)
$(UNIT): %: %.o $(LIBS)
	$(LDQ)$(CC) $(LDHARD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

# libfido2 is a client that is not ours: the key never links to it.
$(BUILD)/tests/fido2: TOOL_LIBS = -lfido2 -lcmocka
$(BUILD)/tests/bench $(BUILD)/tests/kill: TOOL_LIBS = -lfido2
$(TOOL): %: %_main.o $(LIBS)
	$(LDQ)$(CC) $(LDHARD) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS) $(PKG_LIBS)

$(FUZZER): %: %.o $(LIBS)
	$(LDQ)$(CC) -fsanitize=fuzzer $(LDHARD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# --- running --------------------------------------------------------------

demo:
	@tests/install demo
	@$(MAKE) --no-print-directory -s CCQ=@ LDQ=@ ARQ=@ all
	@SEALKEY='$(BUILD)/sealkey' tests/rp/demo.sh

check:
	@tests/install check
	@BUILD='$(BUILD)' ONLY='$(ONLY)' tests/check

fuzz:
	@tests/install check
	@BUILD='$(BUILD)' ONLY='fuzz/*' tests/check

coverage:
	@tests/install check
	@BUILD='$(BUILD)/coverage' tests/coverage

bench:
	@tests/install bench
	@$(MAKE) --no-print-directory -s CCQ=@ LDQ=@ ARQ=@ all \
	    '$(BUILD)/tests/bench'
	@'$(BUILD)/tests/bench' '$(BUILD)/sealkey' '$(BUILD)/bench.json'

LOAD_SECONDS ?= 600
load:
	@tests/install build
	@$(MAKE) --no-print-directory -s CCQ=@ LDQ=@ ARQ=@ all \
	    '$(BUILD)/tests/load'
	@'$(BUILD)/tests/load' -a -s '$(LOAD_SECONDS)' '$(BUILD)/sealkey'

# --- installing -----------------------------------------------------------

# Under sudo, what is built belongs to whom the sources belong to.
install:
	@tests/install build
	@as=; [ "$$(id -u)" != 0 ] || [ -z "$$SUDO_USER" ] || \
	    [ "$$(stat -c %U .)" != "$$SUDO_USER" ] || \
	    as="runuser -u $$SUDO_USER --"; \
	    $$as $(MAKE) --no-print-directory -s CCQ=@ LDQ=@ ARQ=@ all
	install -D -m 755 $(BUILD)/sealkey $(DEST)/bin/sealkey
	install -D -m 644 packaging/man/sealkey.1 \
	    $(DEST)/share/man/man1/sealkey.1
	install -D -m 644 packaging/man/sealkey-profile.5 \
	    $(DEST)/share/man/man5/sealkey-profile.5
	install -d $(DEST)/share/sealkey/profiles
	install -m 644 $(MODELS) $(DEST)/share/sealkey/profiles
	install -D -m 644 packaging/60-sealkey.rules \
	    $(DEST)/lib/udev/rules.d/60-sealkey.rules
	install -D -m 644 packaging/modules-load.conf \
	    $(DEST)/lib/modules-load.d/sealkey.conf
	install -D -m 644 packaging/sysusers.conf \
	    $(DEST)/lib/sysusers.d/sealkey.conf
	mkdir -p $(DEST)/lib/systemd/system
	sed 's|/usr/bin/sealkey|$(PREFIX)/bin/sealkey|' \
	    'packaging/sealkey@.service' \
	    >'$(DEST)/lib/systemd/system/sealkey@.service'
	@[ -n '$(DESTDIR)$(FOR_CI)' ] || packaging/activate '$(DEST)/lib'

# On a machine that is there for tests: for all of its users, from now on.
install-ci: FOR_CI = yes
install-ci: install
	install -D -m 644 packaging/61-sealkey-ci.rules \
	    $(DEST)/lib/udev/rules.d/61-sealkey-ci.rules
	@[ -n '$(DESTDIR)' ] || packaging/activate '$(DEST)/lib' ci

uninstall:
	rm -f $(MODELS:authenticator/profile/models/%=$(DEST)/share/sealkey/profiles/%)
	-rmdir $(DEST)/share/sealkey/profiles $(DEST)/share/sealkey
	rm -f $(DEST)/bin/sealkey $(DEST)/share/man/man1/sealkey.1 \
	    $(DEST)/share/man/man5/sealkey-profile.5 \
	    $(DEST)/lib/udev/rules.d/60-sealkey.rules \
	    $(DEST)/lib/udev/rules.d/61-sealkey-ci.rules \
	    $(DEST)/lib/modules-load.d/sealkey.conf \
	    $(DEST)/lib/sysusers.d/sealkey.conf \
	    '$(DEST)/lib/systemd/system/sealkey@.service'

clean:
	rm -rf $(BUILD)

-include $(patsubst %.c,$(BUILD)/%.d,$(ALL_SRC))

.PHONY: all unit tools fuzzers objects demo check fuzz coverage bench load clean \
	install install-ci uninstall
.SECONDARY:
.DELETE_ON_ERROR:
