# The image as a GPT disk that boots by UEFI: an EFI system partition with one unified kernel (kernel,
# initrd and command line in one program, found by its default name), the root file system behind it.
# Sourced by debian.sh; written by mtools and dd, so no mount and no loop device is needed.

ESP_MIB=64

efi_program() {
    stub=$(find "$TMP/boot" -name linuxx64.efi.stub | head -n 1)
    [ -n "$stub" ] || die "no linuxx64.efi.stub in systemd-boot-efi"
    objcopy --add-section .cmdline="$TMP/cmdline" --change-section-vma .cmdline=0x30000 \
        --add-section .linux="$TMP/vmlinuz" --change-section-vma .linux=0x2000000 \
        --add-section .initrd="$TMP/initrd.img" --change-section-vma .initrd=0x3000000 \
        "$stub" "$1"
}

efi_disk() {
    say "making the EFI disk"
    efi_program "$TMP/bootx64.efi"
    truncate -s ${ESP_MIB}M "$TMP/esp"
    mkfs.vfat -n ESP "$TMP/esp" >/dev/null
    mmd -i "$TMP/esp" ::/EFI ::/EFI/BOOT
    mcopy -i "$TMP/esp" "$TMP/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI

    qemu-img convert -O raw "$TMP/disk.qcow2" "$TMP/root.raw"
    root_mib=$(($(stat -c %s "$TMP/root.raw") / 1048576))
    truncate -s $((root_mib + ESP_MIB + 2))M "$TMP/disk.raw"
    sfdisk -q "$TMP/disk.raw" <<END
label: gpt
start=1MiB, size=${ESP_MIB}MiB, type=uefi, name=ESP
start=$((ESP_MIB + 1))MiB, size=${root_mib}MiB, type=linux, name=root
END
    dd if="$TMP/esp" of="$TMP/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
    dd if="$TMP/root.raw" of="$TMP/disk.raw" bs=1M seek=$((ESP_MIB + 1)) conv=notrunc,sparse status=none
    qemu-img convert -O qcow2 "$TMP/disk.raw" "$TMP/disk.qcow2"
    rm -f "$TMP/bootx64.efi" "$TMP/esp" "$TMP/root.raw" "$TMP/disk.raw"
}
