# Tests. A unit test is tests/unit/ROOM/NOUN.c and links only its room, model and base, so that a
# wrong dependency fails at link time in the room of whoever made it.
unit_src  := $(wildcard tests/unit/*/*.c)
unit_bin  := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(unit_src))
fuzz_src  := $(wildcard tests/fuzz/*.c)
fuzz_src  := $(filter-out tests/fuzz/corpus_main.c,$(fuzz_src))
fuzz_bin  := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(fuzz_src))

unit_room  = $(word 1,$(subst /, ,$(1)))
unit_libs  = $(if $(filter server,$(1)),$(call rooms,server ansible bootstrap netcfg seeds model base),$(if $(filter base,$(1)),$(call rooms,base),$(if $(filter model,$(1)),$(call rooms,model base),$(call rooms,$(1) model base))))

define unit_rule
$(BUILD)/tests/unit/$(1): $(BUILD)/tests/unit/$(1).o $(call unit_libs,$(call unit_room,$(1)))
	$$(link) -lcmocka
endef
$(foreach t,$(patsubst tests/unit/%.c,%,$(unit_src)),$(eval $(call unit_rule,$(t))))

# A fuzz target is 15 lines around LLVMFuzzerTestOneInput; its corpus runs as an ordinary test.
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/corpus_main.o $(call rooms,seeds bootstrap netcfg ansible model base)
	$(link)

.PHONY: unit corpus
unit: $(unit_bin)
	@sh tests/run-unit.sh $(BUILD) $(sort $(unit_bin))
corpus: $(fuzz_bin)
	@sh tests/run-corpus.sh $(BUILD) $(sort $(fuzz_bin))

# A core that the tests of the control API play, and a client of it (tests/api/rig.h).
$(addprefix $(BUILD)/tests/unit/server/,api api_read api_op api_events): \
    $(addprefix $(BUILD)/tests/api/,core.o core_stream.o rig.o)

# The seeds room as a program, for tests/integration/test_seed_documents.py.
$(BUILD)/tests/integration/render_seed: $(BUILD)/tests/integration/render_seed.o $(call rooms,seeds model base)
	$(link)

# The netcfg room's dnsmasq side as a program, for tests/integration/test_dnsmasq.py.
$(BUILD)/tests/tools/netcfg: $(BUILD)/tests/tools/netcfg.o $(call rooms,netcfg model base)
	$(link)
# Its links and taps, by lines, for tests/integration/test_bridge_mac.py.
$(BUILD)/tests/tools/link: $(BUILD)/tests/tools/link.o $(call rooms,netcfg model base)
	$(link)

# The ansible room's runner, for tests/integration/test_ansible_runner.py.
$(BUILD)/tests/tools/run: $(BUILD)/tests/tools/run.o $(call rooms,ansible model base)
	$(link)

# roost-core over a disk that loses power when it is killed (tests/powercut/vfs.h). A roostd whose
# helpers directory holds a link of this name uses it.
powercut_obj := $(BUILD)/tests/powercut/vfs.o $(BUILD)/tests/powercut/pending.o
$(BUILD)/powercut/roost-core: $(BUILD)/tests/powercut/core_main.o $(powercut_obj) $(call rooms,server ansible bootstrap netcfg seeds model base)
	@mkdir -p $(@D)
	$(link)
$(BUILD)/tests/unit/server/powercut: $(powercut_obj)
# Two that break the promise on purpose: test_powercut.py shows with them that it would notice.
$(BUILD)/tests/powercut/early.o: server/core_turn.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -DROOST_FAULT_EARLY_ACK -MMD -MP -c -o $@ $<
$(BUILD)/tests/powercut/unsafe.c: server/store.c
	@mkdir -p $(@D)
	@grep -q synchronous=FULL $< && sed 's/synchronous=FULL/synchronous=OFF/' $< >$@
$(BUILD)/tests/powercut/unsafe.o: $(BUILD)/tests/powercut/unsafe.c
	$(call say,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/powercut/%/roost-core: $(BUILD)/tests/powercut/%.o $(BUILD)/tests/powercut/core_main.o $(powercut_obj) $(call rooms,server ansible bootstrap netcfg seeds model base)
	@mkdir -p $(@D)
	$(link)

# ---- the whole ----
PYTEST := BUILD=$(BUILD) /usr/bin/python3 -m pytest -q -p no:cacheprovider -c tests/pytest.ini --rootdir=.
helpers := $(BUILD)/tests/integration/render_seed $(addprefix $(BUILD)/tests/tools/,netcfg link run) \
           $(addprefix $(BUILD)/powercut/,roost-core early/roost-core unsafe/roost-core)

.PHONY: deps check check-fast check-unit check-integration check-e2e asan
deps:
	@sh contrib/deps.sh build run demo test arm64 image

# Everything: installs what it needs (shows the line and asks; YES=1 does not ask).
check: deps
	@$(MAKE) --no-print-directory check-all

# All that the tests run beside roost's own programs.
.PHONY: check-all check-programs
check-programs: $(unit_bin) $(fuzz_bin) $(helpers)

check-all: all check-programs
	@sh tests/check.sh $(BUILD) unit corpus layers asan arm64+integration e2e

# Under a minute: no real guests, no sanitizers.
check-fast: all check-programs
	@sh tests/check.sh $(BUILD) unit corpus layers fast

check-integration: all check-programs
	$(PYTEST) tests/integration
# The package on a host of its own, under a real systemd: reboots, upgrades, power cuts. In `check` it runs
# beside the other stories with real guests.
.PHONY: check-service
check-service: all
	$(PYTEST) tests/service
check-e2e: all
	$(PYTEST) tests/e2e

# Unit tests and corpora under address and undefined behaviour sanitizers, in a tree of their own.
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan SAN=address,undefined OPT='-O1 -g' unit corpus

-include tests/bench/bench.mk

# libFuzzer on each parser of foreign bytes, FUZZ_TIME seconds each, from the corpus that the tests run.
FUZZ_TIME ?= 60
.PHONY: fuzz fuzz-programs
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz CC=clang SAN=address,undefined,fuzzer-no-link OPT='-O1 -g' fuzz-programs
	@for t in $(notdir $(basename $(fuzz_src))); do \
	    mkdir -p $(BUILD)-fuzz/found/$$t; \
	    $(BUILD)-fuzz/tests/libfuzzer/$$t -max_total_time=$(FUZZ_TIME) -print_final_stats=1 \
	        $(BUILD)-fuzz/found/$$t tests/fuzz/corpus/$$t || exit 1; \
	done
fuzz-programs: $(patsubst tests/fuzz/%.c,$(BUILD)/tests/libfuzzer/%,$(fuzz_src))
$(BUILD)/tests/libfuzzer/%: $(BUILD)/tests/fuzz/%.o $(call rooms,seeds bootstrap netcfg ansible model base)
	@mkdir -p $(@D)
	$(link) -fsanitize=fuzzer

# Objects between a source and its test are kept, not removed as intermediate.
.SECONDARY:
