# make install, uninstall, deb. One list: what is installed is what is uninstalled.
DESTDIR    ?=
SYSCONFDIR ?= /etc
sbindir    := $(PREFIX)/sbin
unitdir    := $(PREFIX)/lib/systemd

PRINT_DEFAULTS = $(BUILD)/roostd --print-defaults

# MODE FILE TARGET
define INSTALLED
0755 $(BUILD)/roost $(PREFIX)/bin/roost
0755 $(BUILD)/roostd $(sbindir)/roostd
0755 $(BUILD)/roost-inventory $(PREFIX)/bin/roost-inventory
$(foreach p,$(filter-out roost-inventory,$(filter roost-%,$(PROGRAMS))),0755 $(BUILD)/$(p) $(PREFIX)/lib/roost/$(p)
)
$(foreach m,$(wildcard contrib/man/*.[1-8]),0644 $(m) $(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m))
)
0644 $(BUILD)/systemd/roost.service $(unitdir)/system/roost.service
0644 $(BUILD)/systemd/roost-modules.service $(unitdir)/system/roost-modules.service
0644 $(BUILD)/systemd/roost-user.service $(unitdir)/user/roost.service
0644 $(BUILD)/systemd/roost-guests.service $(unitdir)/system/roost-guests.service
0644 $(BUILD)/systemd/roost-guests-user.service $(unitdir)/user/roost-guests.service
0644 contrib/systemd/roost.sysusers $(PREFIX)/lib/sysusers.d/roost.conf
0644 contrib/systemd/roost.tmpfiles $(PREFIX)/lib/tmpfiles.d/roost.conf
0644 contrib/alerts/roost.yaml $(PREFIX)/share/doc/roost/alerts/roost.yaml
$(foreach h,$(wildcard contrib/hooks/*),0755 $(h) $(PREFIX)/share/doc/roost/examples/hooks/$(notdir $(h))
)
0644 README.md $(PREFIX)/share/doc/roost/README.md
$(foreach c,$(wildcard contrib/completions/roost.bash),0644 $(c) $(PREFIX)/share/bash-completion/completions/roost
)
$(foreach c,$(wildcard contrib/completions/_roost),0644 $(c) $(PREFIX)/share/zsh/vendor-completions/_roost
)
$(foreach c,$(wildcard contrib/completions/roost.fish),0644 $(c) $(PREFIX)/share/fish/vendor_completions.d/roost.fish
)
endef
export INSTALLED

$(BUILD)/systemd/%.service: contrib/systemd/%.service.in Makefile
	@mkdir -p $(@D)
	sed 's|@SBINDIR@|$(sbindir)|; s|@BINDIR@|$(PREFIX)/bin|' $< >$@.tmp && mv $@.tmp $@

# An ordinary user's manager has another target for what starts with it.
$(BUILD)/systemd/roost-guests-user.service: $(BUILD)/systemd/roost-guests.service
	sed 's|multi-user.target|default.target|' $< >$@.tmp && mv $@.tmp $@

# Depends on the prefix, which no file says: made anew each time.
.PHONY: install uninstall deb systemd-units
systemd-units:
	@rm -rf $(BUILD)/systemd
	@$(MAKE) --no-print-directory -s $(BUILD)/systemd/roost.service $(BUILD)/systemd/roost-user.service \
	    $(BUILD)/systemd/roost-modules.service \
	    $(BUILD)/systemd/roost-guests.service $(BUILD)/systemd/roost-guests-user.service

# roost.conf is only put where there is none: it is the operator's from then on.
install: all systemd-units
	@printf '%s\n' "$$INSTALLED" | while read -r mode file target; do \
	    [ -z "$$mode" ] || install -D -m "$$mode" "$$file" "$(DESTDIR)$$target" || exit 1; done
	@install -d -m 0755 "$(DESTDIR)$(SYSCONFDIR)/roost"
	@[ -e "$(DESTDIR)$(SYSCONFDIR)/roost/roost.conf" ] || { \
	    $(PRINT_DEFAULTS) >"$(DESTDIR)$(SYSCONFDIR)/roost/roost.conf" && \
	    chmod 0644 "$(DESTDIR)$(SYSCONFDIR)/roost/roost.conf"; }
	@echo "installed below $(DESTDIR)$(PREFIX); as a service: systemctl daemon-reload; systemctl enable --now roost"

# State and configuration stay: rm -r /etc/roost /var/lib/roost, once no guest runs any more.
uninstall:
	@printf '%s\n' "$$INSTALLED" | while read -r mode file target; do \
	    [ -z "$$mode" ] || rm -f "$(DESTDIR)$$target"; done
	@rmdir "$(DESTDIR)$(PREFIX)/lib/roost" "$(DESTDIR)$(PREFIX)/share/doc/roost/alerts" \
	    "$(DESTDIR)$(PREFIX)/share/doc/roost/examples/hooks" "$(DESTDIR)$(PREFIX)/share/doc/roost/examples" \
	    "$(DESTDIR)$(PREFIX)/share/doc/roost" 2>/dev/null || true

# A Debian package in $(BUILD)/deb; DEB_BUILD_OPTIONS and CC as usual. Of another architecture (ARCH=arm64) in
# $(BUILD)/deb-arm64.
ARCH        ?= $(shell dpkg --print-architecture 2>/dev/null)
DEB_FOREIGN := $(filter-out $(shell dpkg --print-architecture 2>/dev/null),$(ARCH))
DEB_DIR     := $(BUILD)/deb$(addprefix -,$(DEB_FOREIGN))
ifneq ($(and $(filter deb image,$(MAKECMDGOALS)),$(filter-out amd64 arm64,$(DEB_FOREIGN))),)
$(error ARCH=$(ARCH): packages and images are made for amd64 and arm64)
endif
ifeq ($(DEB_FOREIGN),)
deb:
	CC='$(CC)' sh contrib/debian/build.sh $(DEB_DIR) $(VERSION)
else
deb: all $(DEB_FOREIGN)-sysroot
	sh contrib/debian/build.sh $(DEB_DIR) $(VERSION) $(DEB_FOREIGN) $(ARM64_SYSROOT) $(abspath $(BUILD))
endif
