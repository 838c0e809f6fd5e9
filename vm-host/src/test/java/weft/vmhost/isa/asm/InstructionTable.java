package weft.vmhost.isa.asm;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Every instruction of RV64GC, Zba, Zbb, Zbc, Zbs, Zicond, Zicbom, Zicboz and Svinval with what
/// privileged programs need: name, the bits that do not depend on operands, and the operands in the
/// order of assembly text. Four hex digits are a compressed instruction.
public final class InstructionTable {
    /// One line of the table.
    public record Encoding(
            String name, int fixedBits, boolean isCompressed, List<OperandField> operands) {
        public int sizeBytes() {
            return isCompressed ? 2 : 4;
        }

        /// Atomics may carry `.aq`, `.rl` or `.aqrl`.
        boolean isAtomic() {
            return !isCompressed && (fixedBits & 0x7f) == 0x2f;
        }
    }

    private static final String TABLE =
            """
            lui         00000037 RD IMM_U
            auipc       00000017 RD IMM_U
            jal         0000006f RD IMM_J
            jalr        00000067 RD IMM_I RS1
            lb          00000003 RD IMM_I RS1
            lh          00001003 RD IMM_I RS1
            lw          00002003 RD IMM_I RS1
            ld          00003003 RD IMM_I RS1
            lbu         00004003 RD IMM_I RS1
            lhu         00005003 RD IMM_I RS1
            lwu         00006003 RD IMM_I RS1
            beq         00000063 RS1 RS2 IMM_B
            bne         00001063 RS1 RS2 IMM_B
            blt         00004063 RS1 RS2 IMM_B
            bge         00005063 RS1 RS2 IMM_B
            bltu        00006063 RS1 RS2 IMM_B
            bgeu        00007063 RS1 RS2 IMM_B
            sb          00000023 RS2 IMM_S RS1
            sh          00001023 RS2 IMM_S RS1
            sw          00002023 RS2 IMM_S RS1
            sd          00003023 RS2 IMM_S RS1
            addi        00000013 RD RS1 IMM_I
            slti        00002013 RD RS1 IMM_I
            sltiu       00003013 RD RS1 IMM_I
            xori        00004013 RD RS1 IMM_I
            ori         00006013 RD RS1 IMM_I
            andi        00007013 RD RS1 IMM_I
            addiw       0000001b RD RS1 IMM_I
            slli        00001013 RD RS1 SHAMT6
            srli        00005013 RD RS1 SHAMT6
            srai        40005013 RD RS1 SHAMT6
            slli.uw     0800101b RD RS1 SHAMT6
            rori        60005013 RD RS1 SHAMT6
            bclri       48001013 RD RS1 SHAMT6
            bexti       48005013 RD RS1 SHAMT6
            binvi       68001013 RD RS1 SHAMT6
            bseti       28001013 RD RS1 SHAMT6
            slliw       0000101b RD RS1 SHAMT5
            srliw       0000501b RD RS1 SHAMT5
            sraiw       4000501b RD RS1 SHAMT5
            roriw       6000501b RD RS1 SHAMT5
            add         00000033 RD RS1 RS2
            sub         40000033 RD RS1 RS2
            sll         00001033 RD RS1 RS2
            slt         00002033 RD RS1 RS2
            sltu        00003033 RD RS1 RS2
            xor         00004033 RD RS1 RS2
            srl         00005033 RD RS1 RS2
            sra         40005033 RD RS1 RS2
            or          00006033 RD RS1 RS2
            and         00007033 RD RS1 RS2
            addw        0000003b RD RS1 RS2
            subw        4000003b RD RS1 RS2
            sllw        0000103b RD RS1 RS2
            srlw        0000503b RD RS1 RS2
            sraw        4000503b RD RS1 RS2
            mul         02000033 RD RS1 RS2
            mulh        02001033 RD RS1 RS2
            mulhsu      02002033 RD RS1 RS2
            mulhu       02003033 RD RS1 RS2
            div         02004033 RD RS1 RS2
            divu        02005033 RD RS1 RS2
            rem         02006033 RD RS1 RS2
            remu        02007033 RD RS1 RS2
            mulw        0200003b RD RS1 RS2
            divw        0200403b RD RS1 RS2
            divuw       0200503b RD RS1 RS2
            remw        0200603b RD RS1 RS2
            remuw       0200703b RD RS1 RS2
            add.uw      0800003b RD RS1 RS2
            sh1add      20002033 RD RS1 RS2
            sh2add      20004033 RD RS1 RS2
            sh3add      20006033 RD RS1 RS2
            sh1add.uw   2000203b RD RS1 RS2
            sh2add.uw   2000403b RD RS1 RS2
            sh3add.uw   2000603b RD RS1 RS2
            andn        40007033 RD RS1 RS2
            orn         40006033 RD RS1 RS2
            xnor        40004033 RD RS1 RS2
            max         0a006033 RD RS1 RS2
            maxu        0a007033 RD RS1 RS2
            min         0a004033 RD RS1 RS2
            minu        0a005033 RD RS1 RS2
            rol         60001033 RD RS1 RS2
            ror         60005033 RD RS1 RS2
            rolw        6000103b RD RS1 RS2
            rorw        6000503b RD RS1 RS2
            bclr        48001033 RD RS1 RS2
            bext        48005033 RD RS1 RS2
            binv        68001033 RD RS1 RS2
            bset        28001033 RD RS1 RS2
            clmul       0a001033 RD RS1 RS2
            clmulr      0a002033 RD RS1 RS2
            clmulh      0a003033 RD RS1 RS2
            czero.eqz   0e005033 RD RS1 RS2
            czero.nez   0e007033 RD RS1 RS2
            clz         60001013 RD RS1
            ctz         60101013 RD RS1
            cpop        60201013 RD RS1
            clzw        6000101b RD RS1
            ctzw        6010101b RD RS1
            cpopw       6020101b RD RS1
            sext.b      60401013 RD RS1
            sext.h      60501013 RD RS1
            zext.h      0800403b RD RS1
            orc.b       28705013 RD RS1
            rev8        6b805013 RD RS1
            lr.w        1000202f RD RS1
            sc.w        1800202f RD RS2 RS1
            amoswap.w   0800202f RD RS2 RS1
            amoadd.w    0000202f RD RS2 RS1
            amoxor.w    2000202f RD RS2 RS1
            amoand.w    6000202f RD RS2 RS1
            amoor.w     4000202f RD RS2 RS1
            amomin.w    8000202f RD RS2 RS1
            amomax.w    a000202f RD RS2 RS1
            amominu.w   c000202f RD RS2 RS1
            amomaxu.w   e000202f RD RS2 RS1
            lr.d        1000302f RD RS1
            sc.d        1800302f RD RS2 RS1
            amoswap.d   0800302f RD RS2 RS1
            amoadd.d    0000302f RD RS2 RS1
            amoxor.d    2000302f RD RS2 RS1
            amoand.d    6000302f RD RS2 RS1
            amoor.d     4000302f RD RS2 RS1
            amomin.d    8000302f RD RS2 RS1
            amomax.d    a000302f RD RS2 RS1
            amominu.d   c000302f RD RS2 RS1
            amomaxu.d   e000302f RD RS2 RS1
            csrrw       00001073 RD CSR RS1
            csrrs       00002073 RD CSR RS1
            csrrc       00003073 RD CSR RS1
            csrrwi      00005073 RD CSR ZIMM
            csrrsi      00006073 RD CSR ZIMM
            csrrci      00007073 RD CSR ZIMM
            ecall       00000073
            ebreak      00100073
            mret        30200073
            sret        10200073
            wfi         10500073
            fence       0ff0000f
            fence.i     0000100f
            sfence.vma  12000073 RS1 RS2
            sinval.vma  16000073 RS1 RS2
            sfence.w.inval  18000073
            sfence.inval.ir 18100073
            cbo.inval   0000200f BLOCK
            cbo.clean   0010200f BLOCK
            cbo.flush   0020200f BLOCK
            cbo.zero    0040200f BLOCK
            flw         00002007 FRD IMM_I RS1
            fld         00003007 FRD IMM_I RS1
            fsw         00002027 FRS2 IMM_S RS1
            fsd         00003027 FRS2 IMM_S RS1
            fmadd.s     00000043 FRD FRS1 FRS2 FRS3 RM
            fmsub.s     00000047 FRD FRS1 FRS2 FRS3 RM
            fnmsub.s    0000004b FRD FRS1 FRS2 FRS3 RM
            fnmadd.s    0000004f FRD FRS1 FRS2 FRS3 RM
            fadd.s      00000053 FRD FRS1 FRS2 RM
            fsub.s      08000053 FRD FRS1 FRS2 RM
            fmul.s      10000053 FRD FRS1 FRS2 RM
            fdiv.s      18000053 FRD FRS1 FRS2 RM
            fsqrt.s     58000053 FRD FRS1 RM
            fsgnj.s     20000053 FRD FRS1 FRS2
            fsgnjn.s    20001053 FRD FRS1 FRS2
            fsgnjx.s    20002053 FRD FRS1 FRS2
            fmin.s      28000053 FRD FRS1 FRS2
            fmax.s      28001053 FRD FRS1 FRS2
            fle.s       a0000053 RD FRS1 FRS2
            flt.s       a0001053 RD FRS1 FRS2
            feq.s       a0002053 RD FRS1 FRS2
            fclass.s    e0001053 RD FRS1
            fcvt.w.s    c0000053 RD FRS1 RM
            fcvt.s.w    d0000053 FRD RS1 RM
            fcvt.wu.s   c0100053 RD FRS1 RM
            fcvt.s.wu   d0100053 FRD RS1 RM
            fcvt.l.s    c0200053 RD FRS1 RM
            fcvt.s.l    d0200053 FRD RS1 RM
            fcvt.lu.s   c0300053 RD FRS1 RM
            fcvt.s.lu   d0300053 FRD RS1 RM
            fmadd.d     02000043 FRD FRS1 FRS2 FRS3 RM
            fmsub.d     02000047 FRD FRS1 FRS2 FRS3 RM
            fnmsub.d    0200004b FRD FRS1 FRS2 FRS3 RM
            fnmadd.d    0200004f FRD FRS1 FRS2 FRS3 RM
            fadd.d      02000053 FRD FRS1 FRS2 RM
            fsub.d      0a000053 FRD FRS1 FRS2 RM
            fmul.d      12000053 FRD FRS1 FRS2 RM
            fdiv.d      1a000053 FRD FRS1 FRS2 RM
            fsqrt.d     5a000053 FRD FRS1 RM
            fsgnj.d     22000053 FRD FRS1 FRS2
            fsgnjn.d    22001053 FRD FRS1 FRS2
            fsgnjx.d    22002053 FRD FRS1 FRS2
            fmin.d      2a000053 FRD FRS1 FRS2
            fmax.d      2a001053 FRD FRS1 FRS2
            fle.d       a2000053 RD FRS1 FRS2
            flt.d       a2001053 RD FRS1 FRS2
            feq.d       a2002053 RD FRS1 FRS2
            fclass.d    e2001053 RD FRS1
            fcvt.w.d    c2000053 RD FRS1 RM
            fcvt.d.w    d2000053 FRD RS1 RM_OF_EXACT
            fcvt.wu.d   c2100053 RD FRS1 RM
            fcvt.d.wu   d2100053 FRD RS1 RM_OF_EXACT
            fcvt.l.d    c2200053 RD FRS1 RM
            fcvt.d.l    d2200053 FRD RS1 RM
            fcvt.lu.d   c2300053 RD FRS1 RM
            fcvt.d.lu   d2300053 FRD RS1 RM
            fmv.x.w     e0000053 RD FRS1
            fmv.x.d     e2000053 RD FRS1
            fmv.w.x     f0000053 FRD RS1
            fmv.d.x     f2000053 FRD RS1
            fcvt.s.d    40100053 FRD FRS1 RM
            fcvt.d.s    42000053 FRD FRS1 RM_OF_EXACT
            c.addi4spn  0000 C_RS2_LOW SP C_ADDI4SPN
            c.fld       2000 C_FRS2_LOW C_OFFSET_D C_RS1_LOW
            c.lw        4000 C_RS2_LOW C_OFFSET_W C_RS1_LOW
            c.ld        6000 C_RS2_LOW C_OFFSET_D C_RS1_LOW
            c.fsd       a000 C_FRS2_LOW C_OFFSET_D C_RS1_LOW
            c.sw        c000 C_RS2_LOW C_OFFSET_W C_RS1_LOW
            c.sd        e000 C_RS2_LOW C_OFFSET_D C_RS1_LOW
            c.nop       0001
            c.addi      0001 C_RD C_IMM6
            c.addiw     2001 C_RD C_IMM6
            c.li        4001 C_RD C_IMM6
            c.addi16sp  6101 SP C_ADDI16SP
            c.lui       6001 C_RD_NOT_SP C_IMM_UPPER
            c.srli      8001 C_RD_LOW C_SHAMT
            c.srai      8401 C_RD_LOW C_SHAMT
            c.andi      8801 C_RD_LOW C_IMM6
            c.sub       8c01 C_RD_LOW C_RS2_LOW
            c.xor       8c21 C_RD_LOW C_RS2_LOW
            c.or        8c41 C_RD_LOW C_RS2_LOW
            c.and       8c61 C_RD_LOW C_RS2_LOW
            c.subw      9c01 C_RD_LOW C_RS2_LOW
            c.addw      9c21 C_RD_LOW C_RS2_LOW
            c.j         a001 C_JUMP
            c.beqz      c001 C_RS1_LOW C_BRANCH
            c.bnez      e001 C_RS1_LOW C_BRANCH
            c.slli      0002 C_RD C_SHAMT
            c.fldsp     2002 C_FRD C_LDSP SP
            c.lwsp      4002 C_RD C_LWSP SP
            c.ldsp      6002 C_RD C_LDSP SP
            c.jr        8002 C_RD
            c.mv        8002 C_RD C_RS2
            c.ebreak    9002
            c.jalr      9002 C_RD
            c.add       9002 C_RD C_RS2
            c.fsdsp     a002 C_FRS2 C_SDSP SP
            c.swsp      c002 C_RS2_ANY C_SWSP SP
            c.sdsp      e002 C_RS2_ANY C_SDSP SP
            """;

    private static final Map<String, Encoding> BY_NAME = parse();

    private InstructionTable() {}

    /// All of them, in the table's order.
    public static List<Encoding> all() {
        return List.copyOf(BY_NAME.values());
    }

    /// The encoding of this name; unknown names are refused.
    public static Encoding named(String name) {
        Encoding encoding = BY_NAME.get(name);
        if (encoding == null) {
            throw new IllegalArgumentException("no instruction " + name);
        }
        return encoding;
    }

    static boolean contains(String name) {
        return BY_NAME.containsKey(name);
    }

    private static Map<String, Encoding> parse() {
        Map<String, Encoding> map = new LinkedHashMap<>();
        for (String line : TABLE.strip().split("\n")) {
            String[] words = line.strip().split(" +");
            List<OperandField> operands = new ArrayList<>();
            for (int i = 2; i < words.length; i++) {
                operands.add(OperandField.valueOf(words[i]));
            }
            int bits = Integer.parseUnsignedInt(words[1], 16);
            boolean compressed = words[1].length() == 4;
            map.put(words[0], new Encoding(words[0], bits, compressed, List.copyOf(operands)));
        }
        return Collections.unmodifiableMap(map);
    }
}
