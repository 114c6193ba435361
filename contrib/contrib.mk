# The demo and the guest images.
.PHONY: demo demo-deps guest-debian guest-host guest-micro
demo-deps:
	@sh contrib/deps.sh build run demo
# Two steps, so that what the packages bring is there when the build is planned.
demo: demo-deps
	@$(MAKE) --no-print-directory -s all
	@BUILD=$(BUILD) BREAK=$(BREAK) sh contrib/demo.sh

guest-debian:
	sh contrib/guest/debian.sh $(BUILD)/guest/debian
# A host for roost, for tests/service.
guest-host:
	sh contrib/guest/debian.sh $(BUILD)/guest/debian-host --host
guest-micro:
	sh contrib/guest/micro.sh $(BUILD)/guest/micro

include contrib/install.mk
include contrib/image/image.mk

# Compares the catalogue of predefined images with what publishers have: needs the world. Ends with 77
# where none of them can be reached.
.PHONY: check-catalogue
check-catalogue:
	@/usr/bin/python3 contrib/check-catalogue.py contrib/catalogue.yaml
