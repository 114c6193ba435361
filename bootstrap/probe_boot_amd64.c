#include "bootstrap/probe_boot.h"

/* Real mode as the BIOS left it, int 10h, int 13h (extensions present?, read), protected mode, a
 * million memory writes, CPUID, then leave through isa-debug-exit at 0xf4. A Linux kernel that
 * hangs on a broken KVM does so in these very BIOS calls ("Probing EDD"). On any failure it halts,
 * and the probe's time limit tells. Assembled at 0x7c00; the listing stands beside the bytes. */
/* clang-format off */
static const uint8_t code[] = {
    0xfa,                               /* 00      cli                       */
    0x31, 0xc0,                         /* 01      xor ax, ax                */
    0x8e, 0xd8,                         /* 03      mov ds, ax                */
    0x8e, 0xc0,                         /* 05      mov es, ax                */
    0x8e, 0xd0,                         /* 07      mov ss, ax                */
    0xbc, 0x00, 0x7c,                   /* 09      mov sp, 0x7c00            */
    0xfb,                               /* 0c      sti                       */
    0xb8, 0x2e, 0x0e,                   /* 0d      mov ax, 0x0e2e  teletype  */
    0x31, 0xdb,                         /* 10      xor bx, bx                */
    0xcd, 0x10,                         /* 12      int 0x10                  */
    0xb4, 0x41,                         /* 14      mov ah, 0x41  extensions? */
    0xbb, 0xaa, 0x55,                   /* 16      mov bx, 0x55aa            */
    0x52,                               /* 19      push dx                   */
    0xcd, 0x13,                         /* 1a      int 0x13                  */
    0x5a,                               /* 1c      pop dx  boot drive        */
    0xb8, 0x01, 0x02,                   /* 1d      mov ax, 0x0201  read one  */
    0xb9, 0x02, 0x00,                   /* 20      mov cx, 0x0002  second    */
    0x30, 0xf6,                         /* 23      xor dh, dh                */
    0xbb, 0x00, 0x7e,                   /* 25      mov bx, 0x7e00            */
    0xcd, 0x13,                         /* 28      int 0x13                  */
    0x72, 0x1b,                         /* 2a      jc stop                   */
    0x81, 0x3e, 0x00, 0x7e, 0x52, 0x4f, /* 2c      cmp word [0x7e00], "RO"   */
    0x75, 0x13,                         /* 32      jne stop                  */
    0xfa,                               /* 34      cli                       */
    0x0f, 0x01, 0x16, 0x80, 0x7c,       /* 35      lgdt [gdtr]               */
    0x0f, 0x20, 0xc0,                   /* 3a      mov eax, cr0              */
    0x0c, 0x01,                         /* 3d      or al, 1                  */
    0x0f, 0x22, 0xc0,                   /* 3f      mov cr0, eax              */
    0xea, 0x4a, 0x7c, 0x08, 0x00,       /* 42      jmp 8:protected           */
    0xf4,                               /* 47 stop: hlt                      */
    0xeb, 0xfd,                         /* 48      jmp stop                  */
                                        /*  protected: (32 bits)             */
    0x66, 0xb8, 0x10, 0x00,             /* 4a      mov ax, 16                */
    0x8e, 0xd8,                         /* 4e      mov ds, eax               */
    0xb9, 0x00, 0x00, 0x10, 0x00,       /* 50      mov ecx, 0x100000         */
    0xff, 0x05, 0x00, 0x80, 0x00, 0x00, /* 55 next: inc dword [0x8000]       */
    0xe2, 0xf8,                         /* 5b      loop next                 */
    0x31, 0xc0,                         /* 5d      xor eax, eax              */
    0x0f, 0xa2,                         /* 5f      cpuid                     */
    0xb0, 0x10,                         /* 61      mov al, 0x10              */
    0xe6, 0xf4,                         /* 63      out 0xf4, al              */
    0xf4,                               /* 65 end: hlt                       */
    0xeb, 0xfd,                         /* 66      jmp end                   */
    0, 0, 0, 0, 0, 0, 0, 0,                         /* 68 no segment         */
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00, /* 70 code, flat, 32 bit */
    0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00, /* 78 data, flat         */
    0x17, 0x00, 0x68, 0x7c, 0x00, 0x00,             /* 80 gdtr               */
    [510] = 0x55, [511] = 0xaa,
    [512] = 'R', [513] = 'O',
};
/* clang-format on */

static const char *const args[] = { "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-device",
                                    "virtio-blk-pci,drive=image", NULL };
const struct probe_boot probe_boot_amd64 = {
    .code = code,
    .size = sizeof(code),
    .image = 1 << 20, /* SeaBIOS needs at least a cylinder to make a geometry of */
    .machine = ",graphics=off",
    .args = args,
    .status = 33, /* isa-debug-exit: (0x10 << 1) | 1 */
};
