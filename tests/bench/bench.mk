# Load drivers beside nginx: DESIGN's budgets, as ratios. BENCH=quick takes two minutes, BENCH=full
# also a million instances.
BENCH ?= normal

bench_obj := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%.o,$(wildcard tests/bench/*.c))
$(BUILD)/tests/bench/load: $(bench_obj) $(call rooms,base)
	$(link)

.PHONY: bench
bench: all $(BUILD)/tests/bench/load $(BUILD)/tests/unit/ansible/golden
	@BUILD=$(BUILD) /usr/bin/python3 tests/bench/bench.py $(BENCH)
