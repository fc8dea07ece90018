# SPDX-License-Identifier: Apache-2.0
#
#	make demo	register and sign in, for real; installs what it needs
#	make check	every test; installs what they need
#	make		build/sealkey
#
# BUILD=dir builds elsewhere; SAN=1 with AddressSanitizer and UBSan.

BUILD	?= build
CC	?= cc
PKGS	:= libcrypto libcbor sqlite3 jansson libpsl libfido2 libmicrohttpd \
	   libsystemd
OPT	?= -O2
WARN	:= -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	   -Wpointer-arith -Wwrite-strings -Wvla
HARDEN	:= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LDHARD	:= -pie -Wl,-z,relro,-z,now
ifdef SAN
OPT	:= -O1
HARDEN	:= -fPIE -fsanitize=address,undefined -fno-sanitize-recover=all \
	   -fno-omit-frame-pointer
LDHARD	:= -pie -fsanitize=address,undefined
endif

# Asked of pkg-config only when something is compiled: `make demo` on a bare
# machine must be able to install it first.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS))
VERSION	:= 0.1.0
ALL_CFLAGS = -std=gnu11 -g $(OPT) $(WARN) $(HARDEN) -D_GNU_SOURCE -I. \
	   -DSEALKEY_VERSION='"$(VERSION)"' $(PKG_CFLAGS) $(CFLAGS)

ENGINE_SRC := $(wildcard ctap/*.c authenticator/engine/*.c)
PROGRAM_SRC := $(filter-out authenticator/main.c, \
	   $(wildcard authenticator/*.c tpm/*.c uhid/*.c))
SUPPORT_SRC := $(wildcard tests/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)

ENGINE_OBJ := $(ENGINE_SRC:%.c=$(BUILD)/%.o)
PROGRAM_OBJ := $(PROGRAM_SRC:%.c=$(BUILD)/%.o)
SUPPORT_OBJ := $(SUPPORT_SRC:%.c=$(BUILD)/%.o)
UNIT	:= $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)

LIBENGINE := $(BUILD)/libengine.a
LIBSEALKEY := $(BUILD)/libsealkey.a
LIBSUPPORT := $(BUILD)/libsupport.a

all: $(BUILD)/sealkey

$(BUILD)/sealkey: $(BUILD)/authenticator/main.o $(LIBSEALKEY) $(LIBENGINE)
	$(CC) $(LDHARD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIBENGINE): $(ENGINE_OBJ)
$(LIBSEALKEY): $(PROGRAM_OBJ)
$(LIBSUPPORT): $(SUPPORT_OBJ)
$(BUILD)/%.a:
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o \
    $(LIBSUPPORT) $(LIBSEALKEY) $(LIBENGINE)
	$(CC) $(LDHARD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

unit: $(UNIT)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all unit clean
.SECONDARY:
