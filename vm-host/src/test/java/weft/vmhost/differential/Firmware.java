package weft.vmhost.differential;

import weft.vmhost.isa.asm.Assembler;

/// What runs around the programs, in M-mode: it starts each with the registers of its slot, logs
/// and skips the instructions that trap, and stores the registers at the program's end.
final class Firmware {
    /// The window's pages lose rights as a whole, by halves and by words; two also for M-mode. The
    /// rest of memory is open.
    private static final String PROTECTION =
            """
                li   t1, 0x200082ff      # 2 KiB of page 0: R
                csrw 0x3b0, t1
                li   t1, 0x2000a004      # one word of page 8: nothing
                csrw 0x3b1, t1
                li   t1, 0x20009100      # from the middle of page 4
                csrw 0x3b2, t1
                li   t1, 0x20009600      # to the middle of page 5: R, X
                csrw 0x3b3, t1
                li   t1, 0x200085ff      # page 1: R
                csrw 0x3b4, t1
                li   t1, 0x2000bdff      # page 15, locked: R
                csrw 0x3b5, t1
                li   t1, 0x2000a4bf      # 512 bytes of page 9, locked: X
                csrw 0x3b6, t1
                li   t1, 0x20009bff      # pages 6 and 7: R
                csrw 0x3b7, t1
                li   t1, -1
                csrw 0x3b8, t1
                li   t1, 0x1f
                csrw pmpcfg2, t1
                li   t1, 0x199c99190d001019
                csrw pmpcfg0, t1
            """;

    private static final String START =
            """
            start:
                csrr t0, mhartid
                beqz t0, first
                csrw mie, zero
            park:
                wfi
                j    park
            first:
                la   t0, handler
                csrw mtvec, t0
                csrw mie, zero
                csrw medeleg, zero
                csrw mideleg, zero
                csrw mcounteren, zero
                la   t0, context
                csrw mscratch, t0
                la   t1, table
                sd   t1, 64(t0)
            """
                    + PROTECTION
                    + """
                    next:
                        la   t0, context
                        ld   s0, 64(t0)
                        ld   s1, 0(s0)           # entry
                        beqz s1, done
                        csrw mepc, s1
                        ld   t1, 8(s0)           # end
                        sd   t1, 24(t0)
                        ld   s2, 16(s0)          # inputs
                        ld   t1, 24(s0)          # results
                        sd   t1, 56(t0)
                        ld   t1, 32(s0)          # trap log
                        sd   t1, 32(t0)
                        sd   zero, 48(t0)
                        ld   t1, 40(s0)
                        csrw satp, t1
                        sfence.vma zero, zero
                        fence.i
                        li   t1, 0xc7888         # clear MXR, SUM, FS, MPP, MPIE, MIE
                        csrrc zero, mstatus, t1
                        ld   t1, 48(s0)
                        csrrs zero, mstatus, t1
                        csrw sscratch, zero
                        csrw sepc, zero
                        csrw scause, zero
                        csrw stval, zero
                        addi s0, s0, 56
                        sd   s0, 64(t0)
                        sc.w t1, zero, (t0)      # no reservation survives
                        ld   t1, 512(s2)
                        csrw fcsr, t1
                    """;

    private static final String HANDLER =
            """
                mret
            done:
                li   t0, 0x100000
                li   t1, 0x5555
                csrr t2, minstret
                sw   t1, 0(t0)
                j    .+0
            .align 2
            handler:
                csrrw t0, mscratch, t0
                sd   t1, 8(t0)
                sd   t2, 16(t0)
                csrr t1, mscratch
                sd   t1, 0(t0)
                csrw mscratch, t0
                csrr t1, mepc
                ld   t2, 24(t0)
                beq  t1, t2, finish
                ld   t1, 48(t0)          # count; the log itself is bounded
                addi t1, t1, 1
                sd   t1, 48(t0)
                li   t2, 64
                bltu t2, t1, skip
                ld   t2, 32(t0)
                csrr t1, mcause
                sd   t1, 0(t2)
                csrr t1, mepc
                sd   t1, 8(t2)
                csrr t1, mcause
                addi t1, t1, -3
                beqz t1, untold          # of a breakpoint mtval may be zero or the pc
                csrr t1, mtval
                sd   t1, 16(t2)
            untold:
                csrr t1, mstatus
                li   t0, 0x1888          # MPP, MPIE, MIE
                and  t1, t1, t0
                sd   t1, 24(t2)
                la   t0, context
                addi t2, t2, 32
                sd   t2, 32(t0)
            skip:
                csrr t1, mcause          # a fetch that failed returns to its caller
                li   t2, 1
                beq  t1, t2, return
                li   t2, 12
                beq  t1, t2, return
                csrr t1, mepc
                lhu  t2, 0(t1)
                andi t2, t2, 3
                addi t2, t2, -3
                addi t1, t1, 2
                bnez t2, resume
                addi t1, t1, 2
                j    resume
            return:
                mv   t1, ra
            resume:
                csrw mepc, t1
                ld   t1, 8(t0)
                ld   t2, 16(t0)
                ld   t0, 0(t0)
                mret
            finish:
                li   t1, 0x6000
                csrrs zero, mstatus, t1
                ld   t1, 56(t0)
            """;

    private static final String FINISH =
            """
                ld   t2, 0(t0)
                sd   t2, 40(t1)
                ld   t2, 8(t0)
                sd   t2, 48(t1)
                ld   t2, 16(t0)
                sd   t2, 56(t1)
                csrr t2, fcsr
                sd   t2, 512(t1)
                ld   t2, 48(t0)
                sd   t2, 520(t1)
                csrr t2, sscratch
                sd   t2, 528(t1)
                csrr t2, sepc
                sd   t2, 536(t1)
                csrr t2, scause
                sd   t2, 544(t1)
                csrr t2, stval
                sd   t2, 552(t1)
                j    next
            .align 3
            context: .zero 96
            table:
            """;

    private Firmware() {}

    /// @param table `.dword` lines: entry, end, inputs, results, trap log, satp, status bits
    static byte[] assemble(String table) {
        StringBuilder text = new StringBuilder(START);
        for (int i = 0; i < 32; i++) {
            text.append("fld f%d, %d(s2)\n".formatted(i, 8 * (32 + i)));
        }
        for (int i = 1; i < 32; i++) {
            if (i != 18) {
                text.append("ld x%d, %d(s2)\n".formatted(i, 8 * i));
            }
        }
        text.append("ld s2, 144(s2)\n").append(HANDLER);
        for (int i = 1; i < 32; i++) {
            if (i < 5 || i > 7) {
                text.append("sd x%d, %d(t1)\n".formatted(i, 8 * i));
            }
        }
        for (int i = 0; i < 32; i++) {
            text.append("fsd f%d, %d(t1)\n".formatted(i, 8 * (32 + i)));
        }
        text.append(FINISH).append(table).append(".dword 0\n");
        return new Assembler(ProgramImage.RAM_BASE).add(text.toString()).assemble();
    }
}
