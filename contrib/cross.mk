# roost for arm64, on any machine: Debian's cross compiler, and the libraries in a directory of its own, so
# that no foreign package is installed here. Its tests run under a kernel of its own (tests/arm64).
ARM64         := $(BUILD)-arm64
ARM64_SYSROOT := $(abspath $(ARM64))/sysroot
# What is compiled against, by the names of contrib/packages.
ARM64_LIBS    := libc6-dev $(shell awk '($$1 == "build" || $$2 ~ /cmocka/) && $$2 ~ /-dev$$/ { print $$2 }' contrib/packages)
ARM64_MAKE     = $(MAKE) --no-print-directory BUILD=$(ARM64) CROSS=aarch64-linux-gnu- SYSROOT=$(ARM64_SYSROOT) \
                 CC='$(if $(findstring ccache,$(CC)),ccache) aarch64-linux-gnu-gcc'

.PHONY: arm64 arm64-deps arm64-sysroot check-arm64
arm64-deps:
	@sh contrib/deps.sh build arm64
arm64-sysroot: arm64-deps
	@sh contrib/sysroot.sh $(ARM64)/sysroot arm64 $(ARM64_LIBS)
arm64: arm64-sysroot
	@$(ARM64_MAKE) all

# Unit tests, corpora and stories of a host with nothing but roost, in an emulated machine.
check-arm64: arm64-sysroot
	@$(ARM64_MAKE) all check-programs
	@sh contrib/sysroot.sh $(ARM64)/guest arm64 $(ARM64_LIBS) \
	    busybox-static linux-image-cloud-arm64 base-passwd bash coreutils dash findutils grep gzip iproute2 kmod mawk \
	    openssh-client openssl ovmf procps python3 python3-pytest python3-yaml qemu-efi-aarch64 qemu-system-arm \
	    qemu-system-x86 qemu-utils sed tar util-linux xz-utils zstd
	@sh tests/arm64/run.sh $(ARM64)
