# roost: build, test, install. `make help` lists the targets that people use daily.
VERSION  := 0.1.0
BUILD    ?= build
PREFIX   ?= /usr/local
SAN      ?=
CC       ?= gcc
# Another machine's: the prefix of its tools, and where its headers and libraries are unless they are
# installed here beside our own. `make arm64` gives both.
CROSS    ?=
SYSROOT  ?=
AR       := $(CROSS)ar
PKGCONF  := $(CROSS)pkg-config
ifneq ($(CROSS),)
CC       := $(CROSS)gcc
endif
ifneq ($(SYSROOT),)
SYSFLAGS := --sysroot=$(SYSROOT)
PKGCONF  := PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
            PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS:-=)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
endif
CSTD     := -std=gnu17
OPT      ?= -O2 -g
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef \
            -Wvla -Wcast-align -Wnull-dereference -Wduplicated-cond -Wlogical-op
ifneq ($(findstring clang,$(CC)),)
# clang knows neither of the two, and reports cleanup variables that exist for their cleanup only.
WARN     := $(filter-out -Wduplicated-cond -Wlogical-op,$(WARN)) -Wno-unused-but-set-variable
endif
HARDEN   := -fstack-protector-strong -fPIE
ifeq ($(SAN),)
HARDEN   += -D_FORTIFY_SOURCE=2
else
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
# gcc's flow analysis sees phantom NULLs behind the sanitizers' instrumentation.
WARN     := $(filter-out -Wnull-dereference,$(WARN))
ifeq ($(findstring clang,$(CC)),)
WARN     += -Wno-maybe-uninitialized
endif
endif

# V=1 shows the whole commands.
say       = $(if $(V),,@echo '  $(1)  $(2)';)

ROOMS    := base model seeds netcfg bootstrap ansible server cli
PROGRAMS := roostd roost-core roost-front roost-single roost-lease roost-run roost-fetch roost-unbundle roost-inventory roost

# Which libraries a program may link. What it does not use is not linked (--as-needed), and
# `make layers` checks the result: no SQL, YAML or HTTP client in roost-front, no parser of guest
# bytes, JSON, YAML or SQL in roostd.
PKGS     := zlib libisofs-1 liblzma libzstd libevent jansson yaml-0.1 libcrypto sqlite3 libmicrohttpd libcurl smartcols libnl-route-3.0 libcap-ng
LIBS_ALL := $(shell $(PKGCONF) --libs $(PKGS)) -liniparser -lcrypt -lpthread
CPPFLAGS += -I. -Itests -D_GNU_SOURCE -DROOST_VERSION='"$(VERSION)"' $(shell $(PKGCONF) --cflags $(PKGS)) -I$(SYSROOT)/usr/include/iniparser
CFLAGS   := $(SYSFLAGS) $(CSTD) $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) $(EXTRA_CFLAGS)
LDFLAGS  := $(SYSFLAGS) -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(SANFLAGS)

# NAME_main.c holds a main() and is a program; every other file belongs to its room's archive.
room_src  = $(filter-out %_main.c,$(wildcard $(1)/*.c))
room_obj  = $(patsubst %.c,$(BUILD)/%.o,$(call room_src,$(1)))
archive   = $(BUILD)/$(1).a

.PHONY: all
all: $(addprefix $(BUILD)/,$(PROGRAMS))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -ffunction-sections -fdata-sections -MMD -MP -c -o $@ $<

# The build id: programs of different builds refuse to talk to each other.
ID_SOURCES := $(sort $(foreach r,$(ROOMS),$(wildcard $(r)/*.c $(r)/*.h))) ansible/roost_outcome.py ansible/site.yaml Makefile
$(BUILD)/build_id.c: $(ID_SOURCES)
	@mkdir -p $(@D)
	@id=$$(cat $(ID_SOURCES) | sha256sum | cut -d ' ' -f 1) && \
	    printf '#include "server/build_id.h"\n\nconst char build_id[65] = "%s";\n' "$$id" >$@
$(BUILD)/build_id.o: $(BUILD)/build_id.c
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room_rule
$(call archive,$(1)): $(call room_obj,$(1))
	@rm -f $$@
	$$(call say,AR,$$@)$(AR) rcsD $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))
$(call archive,server): $(BUILD)/build_id.o
# Embedded by .incbin, which the compiler's dependency list does not see.
$(BUILD)/server/api_read.o: server/openapi.yaml
$(BUILD)/server/core_catalogue.o: contrib/catalogue.yaml
$(BUILD)/ansible/plugin.o: ansible/roost_outcome.py
$(BUILD)/ansible/init.o: ansible/site.yaml

rooms    = $(foreach r,$(1),$(call archive,$(r)))
link     = $(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_ALL)

$(BUILD)/roostd: $(BUILD)/server/roostd_main.o $(call rooms,server bootstrap netcfg model base)
	$(link)
$(BUILD)/roost-core: $(BUILD)/server/core_main.o $(call rooms,server ansible bootstrap netcfg seeds model base)
	$(link)
$(BUILD)/roost-front: $(BUILD)/server/front_main.o $(call rooms,server seeds model base)
	$(link)
$(BUILD)/roost-single: $(BUILD)/server/single_main.o $(call rooms,server ansible bootstrap netcfg seeds model base)
	$(link)
$(BUILD)/roost-lease: $(BUILD)/server/lease_main.o $(call rooms,netcfg model base)
	$(link)
$(BUILD)/roost-run: $(BUILD)/ansible/run_main.o $(call rooms,ansible model base)
	$(link)
$(BUILD)/roost-inventory: $(BUILD)/cli/inventory_main.o $(call rooms,model base)
	$(link)
$(BUILD)/roost-unbundle: $(BUILD)/server/unbundle_main.o $(call rooms,server bootstrap model base)
	$(link)
$(BUILD)/roost-fetch: $(BUILD)/server/fetch_main.o $(call rooms,server bootstrap base)
	$(link)
$(BUILD)/roost: $(BUILD)/cli/roost_main.o $(call rooms,cli model base)
	$(link)

include tests/tests.mk
include contrib/contrib.mk
include contrib/cross.mk

.PHONY: layers
layers: all
	sh tests/layers.sh $(BUILD)

# The lines that were changed since the last commit (it ends with 1 when there were any); tables keep their own form.
.PHONY: format
format:
	@git clang-format --extensions c,h || :

.PHONY: clean
clean:
	rm -rf $(BUILD)

compile_commands.json: Makefile
	bear -- $(MAKE) -B all

.PHONY: help
help:
	@echo 'make             build roostd, roost-core, roost-front and roost in $(BUILD)/'
	@echo 'make demo        a guest boots and comes home, from nothing (installs what it needs)'
	@echo 'make check       all tests          make check-fast   without real guests'
	@echo 'make asan        unit and corpus tests under address and undefined behaviour sanitizers'
	@echo 'make bench       load drivers beside nginx           make fuzz   libFuzzer on each parser'
	@echo 'make arm64       roost for arm64 in $(BUILD)-arm64    make check-arm64   its tests in an emulated guest'
	@echo 'make install     [DESTDIR= PREFIX=]  make uninstall   make deb   a Debian package in $(BUILD)/deb'
	@echo 'make check-service  the package on an emulated host: upgrades, reboots, power cuts'
	@echo 'make image       [ARCH=arm64]  a disk with Debian and roost as a service'
	@echo 'make deps        installs what building, running and testing needs'
	@echo 'make layers      the walls between the rooms         make format make clean'

-include $(shell find $(BUILD) \( -path '$(BUILD)/deb*' -o -path '$(BUILD)/image*' -o -path $(BUILD)/sysroot -o -path $(BUILD)/guest \) -prune -o -type f -name '*.d' -print 2>/dev/null)
