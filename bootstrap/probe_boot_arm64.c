#include "bootstrap/probe_boot.h"

/* From its first instruction in flash, as UEFI begins there: a stage-2 fault in each of 4096 pages,
 * system registers, a tick of the virtual timer through the interrupt controller (GIC, version 2 or
 * 3, whichever the host has) to a processor that waits for it, device registers outside the kernel
 * (PL011) and PSCI's SYSTEM_OFF. A letter after each of them; on any failure it waits, and the
 * probe's time limit tells. Addresses are those of QEMU's hw/arm/virt.c, base_memmap; version 2 has
 * its interface in memory (GICC), 3 in registers (ID_AA64PFR0_EL1.GIC). The listing stands beside
 * the words. */
/* clang-format off */
static const uint32_t code[] = {
    0xd2a12014, /* 000         movz  x20, #0x0900, lsl #16  PL011                     */
    0x52806021, /* 004         mov   w1, #0x301                                       */
    0xb9003281, /* 008         str   w1, [x20, #0x30]       UARTCR: on                */
    0x52800e40, /* 00c         mov   w0, #'r'                                         */
    0x9400004d, /* 010         bl    put                                              */
    0xd2a80201, /* 014         movz  x1, #0x4010, lsl #16   RAM, past its device tree */
    0x52820002, /* 018         mov   w2, #4096              pages                     */
    0xf9000021, /* 01c write:  str   x1, [x1]                                         */
    0x91400421, /* 020         add   x1, x1, #4096                                    */
    0x71000442, /* 024         subs  w2, w2, #1                                       */
    0x54ffffa1, /* 028         b.ne  write                                            */
    0x52820002, /* 02c         mov   w2, #4096              pages                     */
    0xd1400421, /* 030 read:   sub   x1, x1, #4096                                    */
    0xf9400023, /* 034         ldr   x3, [x1]                                         */
    0xeb01007f, /* 038         cmp   x3, x1                                           */
    0x54000801, /* 03c         b.ne  stop                                             */
    0x71000442, /* 040         subs  w2, w2, #1                                       */
    0x54ffff61, /* 044         b.ne  read                                             */
    0x52800de0, /* 048         mov   w0, #'o'                                         */
    0x9400003e, /* 04c         bl    put                                              */
    0xd53800a1, /* 050         mrs   x1, mpidr_el1                                    */
    0x36f80741, /* 054         tbz   w1, #31, stop          always 1                  */
    0xd5380401, /* 058         mrs   x1, id_aa64pfr0_el1                              */
    0xd3586c24, /* 05c         ubfx  x4, x1, #24, #4        GIC by registers?         */
    0xd2a10005, /* 060         movz  x5, #0x0800, lsl #16   GICD                      */
    0x52a10006, /* 064         movz  w6, #0x0800, lsl #16   1 << 27, its timer's PPI  */
    0xb5000124, /* 068         cbnz  x4, gic3                                         */
    0x52800021, /* 06c         mov   w1, #1                                           */
    0xb90000a1, /* 070         str   w1, [x5]                                         */
    0xb90100a6, /* 074         str   w6, [x5, #0x100]       GICD_ISENABLER0           */
    0x914040a7, /* 078         add   x7, x5, #0x10000       GICC                      */
    0x52801fe2, /* 07c         mov   w2, #0xff                                        */
    0xb90004e2, /* 080         str   w2, [x7, #4]           GICC_PMR: all priorities  */
    0xb90000e1, /* 084         str   w1, [x7]               GICC_CTLR: on             */
    0x14000015, /* 088         b     timer                                            */
    0x52800241, /* 08c gic3:   mov   w1, #0x12              ARE, group 1              */
    0xb90000a1, /* 090         str   w1, [x5]                                         */
    0x914280a7, /* 094         add   x7, x5, #0xa0000       GICR                      */
    0xb94014e1, /* 098         ldr   w1, [x7, #0x14]        GICR_WAKER                */
    0x121e7821, /* 09c         and   w1, w1, #~2            ProcessorSleep            */
    0xb90014e1, /* 0a0         str   w1, [x7, #0x14]                                  */
    0xb94014e1, /* 0a4 awake:  ldr   w1, [x7, #0x14]        GICR_WAKER                */
    0x3717ffe1, /* 0a8         tbnz  w1, #2, awake          ChildrenAsleep            */
    0x914040e7, /* 0ac         add   x7, x7, #0x10000       its frame of SGIs and PPIs */
    0xb90080e6, /* 0b0         str   w6, [x7, #0x80]        GICR_IGROUPR0             */
    0xb90100e6, /* 0b4         str   w6, [x7, #0x100]       GICR_ISENABLER0           */
    0xd538cca1, /* 0b8         mrs   x1, icc_sre_el1                                  */
    0xb2400021, /* 0bc         orr   x1, x1, #1                                       */
    0xd518cca1, /* 0c0         msr   icc_sre_el1, x1                                  */
    0xd5033fdf, /* 0c4         isb                                                    */
    0x52801fe1, /* 0c8         mov   w1, #0xff                                        */
    0xd5184601, /* 0cc         msr   icc_pmr_el1, x1                                  */
    0x52800021, /* 0d0         mov   w1, #1                                           */
    0xd518cce1, /* 0d4         msr   icc_igrpen1_el1, x1                              */
    0xd5033fdf, /* 0d8         isb                                                    */
    0x52800de0, /* 0dc timer:  mov   w0, #'o'                                         */
    0x94000019, /* 0e0         bl    put                                              */
    0xd53be001, /* 0e4         mrs   x1, cntfrq_el0                                   */
    0xd346fc21, /* 0e8         lsr   x1, x1, #6             a 64th of a second        */
    0xb4000281, /* 0ec         cbz   x1, stop                                         */
    0xd51be301, /* 0f0         msr   cntv_tval_el0, x1                                */
    0x52800021, /* 0f4         mov   w1, #1                                           */
    0xd51be321, /* 0f8         msr   cntv_ctl_el0, x1                                 */
    0xd5033fdf, /* 0fc         isb                                                    */
    0xd503207f, /* 100 wait:   wfi                                                    */
    0xb5000064, /* 104         cbnz  x4, iar3                                         */
    0xb9400ce1, /* 108         ldr   w1, [x7, #0xc]         GICC_IAR                  */
    0x14000002, /* 10c         b     which                                            */
    0xd538cc01, /* 110 iar3:   mrs   x1, icc_iar1_el1                                 */
    0x12002421, /* 114 which:  and   w1, w1, #0x3ff                                   */
    0x71006c3f, /* 118         cmp   w1, #27                the timer's               */
    0x54ffff21, /* 11c         b.ne  wait                                             */
    0x52800e60, /* 120         mov   w0, #'s'                                         */
    0x94000008, /* 124         bl    put                                              */
    0x52800e80, /* 128         mov   w0, #'t'                                         */
    0x94000006, /* 12c         bl    put                                              */
    0x52b08000, /* 130         movz  w0, #0x8400, lsl #16                             */
    0x11002000, /* 134         add   w0, w0, #8             SYSTEM_OFF                */
    0xd4000002, /* 138         hvc   #0                                               */
    0xd503207f, /* 13c stop:   wfi                                                    */
    0x17ffffff, /* 140         b     stop                                             */
    0xb9401a81, /* 144 put:    ldr   w1, [x20, #0x18]       UARTFR                    */
    0x372fffe1, /* 148         tbnz  w1, #5, put            TXFF                      */
    0xb9000280, /* 14c         str   w0, [x20]              UARTDR                    */
    0xd65f03c0, /* 150         ret                                                    */
};
/* clang-format on */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words as instructions have them");

/* Its output alone tells: QEMU's own end is the same whoever switched the machine off. */
static const char *const args[] = { "-chardev", "stdio,id=said,signal=off", "-serial",
                                    "chardev:said", NULL };
const struct probe_boot probe_boot_arm64 = {
    .code = code,
    .size = sizeof(code),
    .image = 64 << 20, /* all of the first flash */
    .machine = ",pflash0=image",
    .args = args,
    .status = 0,
    .said = "roost",
};
