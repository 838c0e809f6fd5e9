package weft.vmhost.machine;

import weft.fixtures.MemoryVolume;
import weft.vmhost.isa.asm.Assembler;

import java.util.List;
import java.util.SplittableRandom;

/// A bare-metal guest without end that folds into its registers and its memory whatever could
/// differ from one run to the next: where interrupts come (pc, cycle, time), what the clocks show
/// when instructions and when devices read them, random bytes, when a disk answers, whether a
/// conditional store succeeds. It computes, prints and sleeps in between, and patches its own code.
final class RestlessGuest {
    /// s0 dice · s1 all it has seen · s2 its memory, 64 KiB · s3 mtimecmp · s4 mtime · s5 serial
    /// line · s6, s7 disk and entropy source · s8, s9 their queues · s10 count of rounds
    private static final String CODE =
            """
                la   t0, interrupted
                csrw mtvec, t0
                li   t0, 0x6000
                csrrs zero, mstatus, t0
                li   s1, 0
                li   s2, 0x80100000
                li   s3, 0x02004000
                li   s4, 0x0200bff8
                li   s5, 0x10000000
                li   s6, 0x10001000
                li   s7, 0x10002000
                li   s8, 0x80200000
                li   s9, 0x80210000
                li   s10, 0
                mv   a0, s6
                mv   a1, s8
                call begin
                mv   a0, s7
                mv   a1, s9
                call begin
                ld   t0, 0(s4)
                addi t0, t0, 77
                sd   t0, 0(s3)
                li   t0, 0x80            # MTIE
                csrrs zero, mie, t0
                csrrsi zero, mstatus, 8
            round:
                addi s10, s10, 1
                li   s11, 300
                srli t4, s0, 50
                andi t4, t4, 7
                slli t4, t4, 20
                li   t3, 0x00048493      # addi s1, s1, 0
                or   t4, t4, t3
                la   t3, patched
                sw   t4, 0(t3)
                fence.i
            work:
                call roll
                srli t1, s0, 20
                li   t2, 0xfff8
                and  t1, t1, t2
                add  t1, t1, s2
                ld   t3, 0(t1)
                xor  s1, s1, t3
                sd   s1, 0(t1)
                fcvt.d.l fa0, s0
                fdiv.d fa1, fa0, fa1
                fadd.d fa1, fa1, fa0
                fmv.x.d t3, fa1
                xor  s1, s1, t3
            again:
                lr.d t3, (s2)
                add  t3, t3, s1
                sc.d t4, t3, (s2)
                bnez t4, again
            patched:
                addi s1, s1, 2
                addi s11, s11, -1
                bnez s11, work
                csrr t0, time
                add  s1, s1, t0
                ld   t0, 0(s4)           # mtime
                xor  s1, s1, t0
                srli t0, s1, 11
                andi t0, t0, 63
                addi t0, t0, 48
                sb   t0, 0(s5)
                call roll
                andi t0, s10, 7
                bnez t0, noRead
                call read
            noRead:
                andi t0, s10, 15
                bnez t0, noChance
                call chance
            noChance:
                andi t0, s10, 3
                bnez t0, round
                wfi
                j    round

            roll:
                li   t0, 6364136223846793005
                mul  s0, s0, t0
                addi s0, s0, 1443
                ret

            .align 2
            interrupted:
                csrrw t0, mscratch, t0
                sd   t1, -24(s2)
                csrr t0, mepc
                add  s1, s1, t0
                csrr t0, mcycle
                xor  s1, s1, t0
                csrr t0, time
                add  s1, s1, t0
                srli t0, s1, 5
                andi t0, t0, 0x7ff
                ld   t1, 0(s4)
                add  t0, t0, t1
                addi t0, t0, 5
                sd   t0, 0(s3)
                ld   t1, -24(s2)
                csrrw t0, mscratch, t0
                mret

            # a0 transport, a1 queue: descriptors, at 0x100 offered, at 0x200 used
            begin:
                sw   zero, 0x70(a0)
                li   t0, 3
                sw   t0, 0x70(a0)
                li   t0, 1
                sw   t0, 0x24(a0)
                sw   t0, 0x20(a0)        # version 1
                li   t0, 11
                sw   t0, 0x70(a0)
                sw   zero, 0x30(a0)
                li   t0, 8
                sw   t0, 0x38(a0)
                sw   a1, 0x80(a0)
                sw   zero, 0x84(a0)
                addi t1, a1, 0x100
                sw   t1, 0x90(a0)
                sw   zero, 0x94(a0)
                addi t1, a1, 0x200
                sw   t1, 0xa0(a0)
                sw   zero, 0xa4(a0)
                li   t0, 1
                sw   t0, 0x44(a0)
                li   t0, 15
                sw   t0, 0x70(a0)
                ret

            # a0 transport, a1 queue: offers the chain at 0 and waits for its end
            offer:
                lhu  t0, 0x102(a1)
                addi t0, t0, 1
                sh   t0, 0x102(a1)
                fence
                sw   zero, 0x50(a0)
            waiting:
                addi s1, s1, 1
                lhu  t1, 0x202(a1)
                lhu  t0, 0x102(a1)
                bne  t0, t1, waiting
                lw   t0, 0x60(a0)
                add  s1, s1, t0
                sw   t0, 0x64(a0)
                ret

            # 512 bytes of a random sector
            read:
                mv   a3, ra
                mv   a0, s6
                mv   a1, s8
                addi t0, a1, 0x400       # header
                sw   zero, 0(t0)
                andi t1, s1, 63
                sd   t1, 8(t0)
                sd   t0, 0(a1)
                li   t1, 0x100000010     # 16 bytes, next
                sd   t1, 8(a1)
                li   t1, 1
                sh   t1, 14(a1)
                addi t0, a1, 0x500
                sd   t0, 16(a1)
                li   t1, 0x300000200     # 512 bytes, write, next
                sd   t1, 24(a1)
                li   t1, 2
                sh   t1, 30(a1)
                addi t0, a1, 0x7f0
                sd   t0, 32(a1)
                li   t1, 0x200000001     # 1 byte, write
                sd   t1, 40(a1)
                call offer
                ld   t0, 0x508(a1)
                add  s1, s1, t0
                jr   a3

            # 24 random bytes
            chance:
                mv   a3, ra
                mv   a0, s7
                mv   a1, s9
                addi t0, a1, 0x500
                sd   t0, 0(a1)
                li   t1, 0x200000018
                sd   t1, 8(a1)
                call offer
                ld   t0, 0x510(a1)
                xor  s1, s1, t0
                jr   a3
            """;

    private RestlessGuest() {}

    /// A deterministic machine that runs it.
    static MachineSpec spec(String name, long seed) {
        byte[] code =
                new Assembler(MemoryLayout.RAM).add("li s0, " + seed + "\n" + CODE).assemble();
        byte[] file = new ElfFile(MemoryLayout.RAM).load(MemoryLayout.RAM, code, 0x4000).bytes();
        var disk = new MemoryVolume(1 << 20, false);
        new SplittableRandom(seed).nextBytes(disk.bytes());
        return new MachineSpec(
                name,
                16L << 20,
                1,
                ElfProgram.parse(file),
                List.of(new MachineSpec.Disk("disk", disk)),
                List.of(),
                MachineSpec.Options.DETERMINISTIC);
    }
}
