# The demo and the guest images.
.PHONY: demo demo-deps guest-debian guest-micro
demo-deps:
	@sh contrib/deps.sh build run demo
# Two steps, so that what the packages bring is there when the build is planned.
demo: demo-deps
	@$(MAKE) --no-print-directory -s all
	@BUILD=$(BUILD) BREAK=$(BREAK) sh contrib/demo.sh

guest-debian:
	sh contrib/guest/debian.sh $(BUILD)/guest/debian
guest-micro:
	sh contrib/guest/micro.sh $(BUILD)/guest/micro

include contrib/install.mk
