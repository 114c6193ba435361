# make image [ARCH=arm64]: an appliance's disk. roost-image(7) tells the rest.
IMAGE     := $(BUILD)/image-$(ARCH)
IMAGE_DEB := $(DEB_DIR)/roost_$(VERSION)_$(ARCH).deb

.PHONY: image image-deps
image-deps:
	@sh contrib/deps.sh build image $(if $(DEB_FOREIGN),arm64 foreign)
image: image-deps
	@$(MAKE) --no-print-directory -s $(IMAGE_DEB)
	@sh contrib/image/image.sh $(IMAGE) $(ARCH) $(IMAGE_DEB)

# Made anew when something that is in it has changed.
$(IMAGE_DEB): $(ID_SOURCES) README.md $(foreach d,debian systemd man completions alerts,$(wildcard contrib/$(d)/*))
	@mkdir -p $(BUILD)
	@$(MAKE) --no-print-directory -s deb >$(IMAGE).log 2>&1 || { tail -n 30 $(IMAGE).log; exit 1; }

# The arm64 image as tests/e2e/test_appliance.py has the other one; an emulated machine takes its time.
.PHONY: check-arm64-image
check-arm64-image:
	@sh contrib/deps.sh build image test arm64 foreign
	@$(MAKE) --no-print-directory image ARCH=arm64
	IMAGE_ARCH=arm64 $(PYTEST) tests/e2e/test_appliance.py
