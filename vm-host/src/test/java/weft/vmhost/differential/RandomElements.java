package weft.vmhost.differential;

import org.jspecify.annotations.Nullable;

import weft.vmhost.differential.TestProgram.Mode;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.isa.asm.InstructionTable;
import weft.vmhost.isa.asm.InstructionTable.Encoding;
import weft.vmhost.isa.asm.OperandField;
import weft.vmhost.isa.asm.OperandField.Kind;
import weft.vmhost.isa.fp.FloatOperands;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// The dice behind [RandomProgram]. In an element `@+n` is the n-th element from it, and labels
/// contain `%`, which becomes unique.
final class RandomElements {
    private static final int[] FREE = {
        0, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
        29, 30, 31
    };
    private static final String[] BASES = {"sp", "s0", "s1"};
    private static final String INVALIDATION =
            "sfence.w.inval\nsinval.vma zero, zero\nsfence.inval.ir";
    private static final String[] ROUNDING = {"rne", "rtz", "rdn", "rup", "rmm", "dyn", "dyn"};
    private static final String[] BRANCHES = {"beq", "bne", "blt", "bge", "bltu", "bgeu"};

    /// Reserved and unprivileged encodings, of every kind that is likely to be decoded wrongly.
    private static final String[] ILLEGAL = {
        ".half 0", // defined illegal
        ".half 0x0008", // c.addi4spn with 0
        ".half 0x8000", // reserved quadrant 0
        ".half 0x2001", // c.addiw x0
        ".half 0x6281", // c.lui with 0
        ".half 0x6101", // c.addi16sp with 0
        ".half 0x4002", // c.lwsp x0
        ".half 0x6002", // c.ldsp x0
        ".half 0x8002", // c.jr x0
        ".half 0x9c41", // reserved quadrant 1
        ".half 0x9c61",
        ".word 0xffffffff",
        ".word 0x22a5f5b3", // OP with no such funct7
        ".word 0x0000708b",
        ".word 0x00007583", // load of width 7
        ".word 0x00004523", // store of width 4
        ".word 0x00002563", // branch 2
        ".word 0x0000259b", // OP-IMM-32 funct3 2
        ".word 0x02a5559b", // srliw by 32 or more
        ".word 0x8005559b",
        ".word 0x0005052f", // AMO of width 0
        ".word 0x10b5252f", // lr.w with rs2
        ".word 0x02b55553", // fadd.d with rounding mode 5
        ".word 0x00b56553", // fadd.s with rounding mode 6
        ".word 0x58b57553", // fsqrt.s with rs2
        ".word 0x04b57553", // format H
        ".word 0x06b57553", // format Q
        ".word 0x20b53553", // fsgnj.s funct3 3
        ".word 0x7b200073", // dret
        ".word 0x16b500f3", // sinval.vma with rd
        ".word 0x18200073", // no such fence
        ".word 0x0030200f", // no such cbo
        ".word 0x0000208f", // cbo.inval with rd
        ".word 0x0eb56533", // funct7 of Zicond
        "csrrw x0, 0xc00, x5", // read-only
        "csrrs x5, 0x5c0, x0", // no such CSR
        "csrrwi x0, mhartid, 3",
        "ecall",
        "ebreak",
        "c.ebreak"
    };

    private final SplittableRandom random;
    private final Mode mode;
    private final @Nullable EngineElements extra;
    private final FloatOperands singles;
    private final FloatOperands doubles;
    private final List<String> elements = new ArrayList<>();
    private int loopStart = -1;

    private static final List<Encoding> INTEGER =
            select(e -> !e.isCompressed() && isPlain(e) && !touchesFloats(e));
    private static final List<Encoding> FLOAT =
            select(e -> !e.isCompressed() && isPlain(e) && touchesFloats(e));
    private static final List<Encoding> COMPRESSED =
            select(e ->
                    e.isCompressed()
                            && !isCompressedMemory(e)
                            && !List.of("c.j", "c.beqz", "c.bnez", "c.jr", "c.jalr")
                                    .contains(e.name())
                            && !e.name().equals("c.ebreak")
                            && !e.name().equals("c.addi16sp"));
    private static final List<Encoding> COMPRESSED_MEMORY =
            select(e -> e.isCompressed() && isCompressedMemory(e));
    private static final List<Encoding> MEMORY = select(RandomElements::isMemory);
    private static final List<Encoding> ATOMIC =
            select(e -> e.name().startsWith("amo") || e.name().startsWith("lr."));

    /// @param extra what QEMU is not asked about; null if it is to run the program
    RandomElements(SplittableRandom random, Mode mode, @Nullable EngineElements extra) {
        this.random = random;
        this.mode = mode;
        this.extra = extra;
        singles = FloatOperands.single(random);
        doubles = FloatOperands.doubles(random);
    }

    List<String> make(int length) {
        while (elements.size() < length) {
            if (loopStart >= 0 && elements.size() - loopStart > 4 + random.nextInt(12)) {
                elements.add("addi tp, tp, -1\nblt zero, tp, @" + (loopStart - elements.size()));
                loopStart = -1;
            } else {
                elements.add(element());
            }
        }
        return elements;
    }

    /// Integers at the borders more often than not.
    static long integer(SplittableRandom random) {
        long[] borders = {
            0,
            1,
            -1,
            2,
            63,
            64,
            0x7f,
            0x80,
            0x7fff_ffffL,
            0x8000_0000L,
            0xffff_ffffL,
            Integer.MIN_VALUE,
            Long.MIN_VALUE,
            Long.MAX_VALUE,
            0x0101_0101_0101_0101L
        };
        return switch (random.nextInt(4)) {
            case 0 -> borders[random.nextInt(borders.length)];
            case 1 -> random.nextLong() >> random.nextInt(64);
            case 2 -> 1L << random.nextInt(64);
            default -> random.nextLong();
        };
    }

    private String element() {
        if (extra != null && random.nextInt(12) == 0) {
            return extra.element();
        }
        int dice = random.nextInt(100);
        if (dice < 24) {
            return line(pick(INTEGER));
        } else if (dice < 34) {
            return line(pick(COMPRESSED));
        } else if (dice < 44) {
            return line(pick(MEMORY));
        } else if (dice < 49) {
            return line(pick(COMPRESSED_MEMORY));
        } else if (dice < 71) {
            return line(pick(FLOAT));
        } else if (dice < 77) {
            return newFloat();
        } else if (dice < 80) {
            return "li " + destination() + ", 0x" + Long.toHexString(integer(random));
        }
        return rareElement(dice);
    }

    private String rareElement(int dice) {
        if (dice < 83) {
            return atomic("addi gp, s0, " + (random.nextInt(-256, 256) * 8 + skew()));
        } else if (dice < 85) {
            return reservation();
        } else if (dice < 88) {
            return floatCsr();
        } else if (dice < 92) {
            return branch();
        } else if (dice < 93) {
            return jump();
        } else if (dice < 94) {
            return loop();
        } else if (dice < 96) {
            return ILLEGAL[random.nextInt(ILLEGAL.length)];
        } else if (dice < 97) {
            return patch();
        } else if (dice < 98) {
            return privileged();
        }
        return window();
    }

    // --- elements

    private String newFloat() {
        boolean isSingle = random.nextBoolean();
        long bits = isSingle ? singles.any() : doubles.any();
        if (isSingle && random.nextInt(8) == 0) {
            return "li gp, 0x%x\nfmv.d.x %s, gp".formatted(bits, anyFloat()); // not boxed
        }
        String move = isSingle ? "fmv.w.x" : "fmv.d.x";
        return "li gp, 0x%x\n%s %s, gp".formatted(bits, move, anyFloat());
    }

    private String atomic(String address) {
        Encoding encoding = pick(ATOMIC);
        String order = new String[] {"", ".aq", ".rl", ".aqrl"}[random.nextInt(4)];
        String source = encoding.name().startsWith("lr.") ? "" : ", " + anyX();
        return "%s\n%s%s %s%s, (gp)"
                .formatted(address, encoding.name(), order, destination(), source);
    }

    /// Reserve and store: at the reserved place, at another, or without a reservation.
    private String reservation() {
        String width = random.nextBoolean() ? "w" : "d";
        String reserve = "lr.%s %s, (gp)\n".formatted(width, destination());
        String store = "sc.%s %s, %s, (gp)".formatted(width, destination(), anyX());
        String address = "addi gp, s0, %d\n".formatted(random.nextInt(-256, 255) * 8);
        return switch (random.nextInt(4)) {
            case 0 -> address + reserve + "addi gp, gp, 8\n" + store;
            case 1 -> address + reserve + store + "\n" + store; // the second must fail
            default -> address + reserve + line(pick(INTEGER)) + "\n" + store;
        };
    }

    private String floatCsr() {
        String csr = new String[] {"fflags", "frm", "fcsr"}[random.nextInt(3)];
        return switch (random.nextInt(6)) {
            case 0 -> "csrrw %s, %s, %s".formatted(destination(), csr, anyX());
            case 1 -> "csrrs %s, %s, %s".formatted(destination(), csr, anyX());
            case 2 -> "csrrc %s, %s, %s".formatted(destination(), csr, anyX());
            case 3 -> "csrrwi %s, %s, %d".formatted(destination(), csr, random.nextInt(32));
            case 4 -> "csrrwi %s, frm, %d".formatted(destination(), random.nextInt(5));
            default -> "csrrci %s, fflags, %d".formatted(destination(), random.nextInt(32));
        };
    }

    private String branch() {
        int distance = 1 + random.nextInt(5);
        if (random.nextInt(3) == 0) {
            String name = random.nextBoolean() ? "c.beqz" : "c.bnez";
            // A compressed branch reaches 254 bytes: to the next element only.
            return "%s x%d, @+1".formatted(name, 8 + random.nextInt(8));
        }
        String name = BRANCHES[random.nextInt(BRANCHES.length)];
        return "%s %s, %s, @+%d".formatted(name, anyX(), anyX(), distance);
    }

    private String jump() {
        int distance = 1 + random.nextInt(4);
        return switch (random.nextInt(6)) {
            case 0 -> "jal %s, @+%d".formatted(destination(), distance);
            case 1 -> "la gp, @+%d\njalr %s, 0(gp)".formatted(distance, destination());
            case 2 -> "la gp, @+%d\naddi gp, gp, 21\njalr ra, -20(gp)".formatted(distance);
            case 3 -> "la gp, @+%d\nc.jr gp".formatted(distance);
            case 4 -> "la gp, @+%d\nc.jalr gp".formatted(distance);
            default -> "c.j @+1";
        };
    }

    private String loop() {
        if (loopStart >= 0) {
            return "c.nop";
        }
        loopStart = elements.size() + 1;
        return "addi tp, zero, " + (1 + random.nextInt(6));
    }

    /// Self-modifying code, with the fence it needs.
    private String patch() {
        int word = Assembler.encode("add %s, %s, %s".formatted(destination(), anyX(), anyX()));
        return "la gp, patch%%\nli x5, 0x%x\nsw x5, 0(gp)\nfence.i\npatch%%: .word 0x00000013"
                .formatted(word & 0xffff_ffffL);
    }

    private String privileged() {
        String any = anyX();
        return switch (random.nextInt(9)) {
            case 0 -> "csrrw %s, sscratch, %s".formatted(destination(), any);
            // Even: QEMU 7.2 keeps bit 0, which the specification says is always zero.
            case 1 -> "andi gp, %s, -2\ncsrrw %s, sepc, gp".formatted(any, destination());
            case 2 -> "csrrw %s, stval, %s".formatted(destination(), any);
            case 3 -> "csrrci %s, sscratch, 21".formatted(destination());
            case 4 -> "sfence.vma zero, zero";
            // In U-mode QEMU 7.2 lets the two fences pass, and of the third it does not say what.
            case 8 -> mode == Mode.USER ? "fence" : INVALIDATION;
            case 5 -> mode == Mode.USER ? "sret" : "fence";
            case 6 -> mode == Mode.MACHINE ? "fence.i" : "mret";
            default -> floatsOff();
        };
    }

    /// With FS off, everything that touches floats is illegal; in S and U mode, so are these CSRs.
    private String floatsOff() {
        return "li gp, 0x6000\ncsrrc zero, mstatus, gp\n%s\n%s\ncsrrs zero, mstatus, gp"
                .formatted(line(pick(FLOAT)), floatCsr());
    }

    /// An access, or a jump, to a place where it may be forbidden or where nothing is.
    private String window() {
        String address = "li gp, 0x%x\n".formatted(place());
        int dice = random.nextInt(8);
        // Atomics at places without memory are left out: QEMU reports them as failed loads.
        if (dice < 2 && mode != Mode.MACHINE) {
            return atomic(address.strip());
        }
        if (dice == 2) {
            return "li gp, 0x%x\njalr ra, 0(gp)".formatted(placeWithoutCode());
        }
        Encoding encoding = pick(MEMORY);
        String register = touchesFloats(encoding) ? anyFloat() : destination();
        return "%s%s %s, 0(gp)".formatted(address, encoding.name(), register);
    }

    private long place() {
        if (mode == Mode.MACHINE) {
            return random.nextBoolean() ? protectedPlace() : placeWithoutMemory();
        }
        return switch (random.nextInt(8)) {
            case 0 -> // through the 2 MiB page, to the scratch memory of the first program
                    TestPageTables.WINDOW
                            + 0x20_0000
                            + ProgramImage.SLOTS_OFFSET
                            + ProgramImage.SCRATCH
                            + random.nextInt(ProgramImage.SCRATCH_BYTES - 8);
            case 1 -> TestPageTables.WINDOW + 0x20_0000L * (2 + random.nextInt(4));
            case 2 -> 0xc000_0000L + 8 * random.nextInt(512);
            case 3 -> 0x40_0000_0000L << random.nextInt(25); // not canonical
            default -> {
                long page = random.nextInt(TestPageTables.WINDOW_PAGES) * 0x1000L;
                yield TestPageTables.WINDOW + page + random.nextInt(0x200) * 8L;
            }
        };
    }

    private long placeWithoutMemory() {
        return random.nextBoolean()
                ? 0x30_0000 + random.nextInt(0x1000) * 8L
                : 0x100_0000_0000L + random.nextInt(0x1000) * 8L;
    }

    /// Pages that physical memory protection treats in odd ways, as M-mode sees them.
    private long protectedPlace() {
        return ProgramImage.RAM_BASE + ProgramImage.WINDOW_OFFSET + random.nextInt(0x2000) * 8L;
    }

    private long placeWithoutCode() {
        if (mode == Mode.MACHINE) {
            return placeWithoutMemory();
        }
        // Two pages the tables let code run from, and protection does not; five malformed ones.
        int page = random.nextInt(7);
        return TestPageTables.WINDOW + 0x1000L * (page < 2 ? 6 + page : 8 + page);
    }

    // --- lines

    private String line(Encoding encoding) {
        if (encoding.name().equals("ctzw")) {
            // Zero-extended first: QEMU 7.2 counts on into the upper half.
            return "add.uw x5, %s, zero\nctzw %s, x5".formatted(anyX(), destination());
        }
        StringBuilder line = new StringBuilder(encoding.name());
        String separator = " ";
        boolean isMemory = isMemory(encoding) || isCompressedMemory(encoding);
        boolean afterOffset = false;
        for (OperandField field : encoding.operands()) {
            if (field == OperandField.RM_OF_EXACT) {
                continue;
            }
            if (isMemory && afterOffset) {
                line.append('(').append(base(field)).append(')');
            } else {
                line.append(separator).append(operand(field));
            }
            separator = ", ";
            afterOffset = field.kind() == Kind.IMMEDIATE;
        }
        return line.toString();
    }

    private String base(OperandField field) {
        return switch (field) {
            case SP -> "sp";
            case C_RS1_LOW -> random.nextBoolean() ? "s0" : "s1";
            default -> BASES[random.nextInt(BASES.length)];
        };
    }

    private String operand(OperandField field) {
        return switch (field) {
            case RD -> destination();
            case C_RD -> "x" + FREE[1 + random.nextInt(FREE.length - 1)];
            case C_RD_NOT_SP -> "x" + FREE[2 + random.nextInt(FREE.length - 2)];
            case SP -> "sp";
            default ->
                    switch (field.kind()) {
                        case X -> "x" + between(field.min(), field.max());
                        case F -> anyFloat();
                        case X_LOW -> "x" + between(10, 15);
                        case F_LOW -> "f" + between(8, 15);
                        case ROUNDING -> ROUNDING[random.nextInt(ROUNDING.length)];
                        case IMMEDIATE -> immediate(field);
                        case CSR, TARGET -> throw new IllegalStateException(field.toString());
                    };
        };
    }

    private String immediate(OperandField field) {
        int steps = (field.max() - field.min()) / field.step();
        int value = field.min() + field.step() * random.nextInt(steps + 1);
        if (field == OperandField.C_IMM_UPPER) {
            value = (value == 0 ? 1 : value) & 0xfffff;
        }
        return Integer.toString(value);
    }

    private int between(int min, int max) {
        return min + random.nextInt(max - min + 1);
    }

    private String destination() {
        return "x" + FREE[random.nextInt(FREE.length)];
    }

    private String anyX() {
        return "x" + random.nextInt(32);
    }

    private String anyFloat() {
        return "f" + random.nextInt(32);
    }

    /// Mostly aligned.
    private int skew() {
        return random.nextInt(8) == 0 ? random.nextInt(8) : 0;
    }

    private Encoding pick(List<Encoding> from) {
        return from.get(random.nextInt(from.size()));
    }

    // --- kinds of instructions

    private static List<Encoding> select(java.util.function.Predicate<Encoding> wanted) {
        return InstructionTable.all().stream().filter(wanted).toList();
    }

    private static boolean isMemory(Encoding encoding) {
        List<OperandField> operands = encoding.operands();
        return !encoding.isCompressed()
                && !encoding.name().equals("jalr")
                && operands.size() == 3
                && (operands.get(1) == OperandField.IMM_I || operands.get(1) == OperandField.IMM_S);
    }

    private static boolean isCompressedMemory(Encoding encoding) {
        return encoding.isCompressed()
                && encoding.operands().size() == 3
                && !encoding.name().equals("c.addi4spn");
    }

    /// Registers in, a register out, and nothing else.
    private static boolean isPlain(Encoding encoding) {
        List<String> others =
                Arrays.asList(
                        "jal",
                        "jalr",
                        "mret",
                        "sret",
                        "ecall",
                        "ebreak",
                        "wfi",
                        "sfence.vma",
                        "sinval.vma",
                        "sfence.w.inval",
                        "sfence.inval.ir");
        return !InstructionTableTest.UNKNOWN_TO_QEMU.contains(encoding.name())
                && !isMemory(encoding)
                && !others.contains(encoding.name())
                && encoding.operands().stream()
                        .noneMatch(f -> f.kind() == Kind.TARGET || f.kind() == Kind.CSR)
                && !encoding.name().startsWith("amo")
                && !encoding.name().startsWith("lr.")
                && !encoding.name().startsWith("sc.");
    }

    private static boolean touchesFloats(Encoding encoding) {
        return encoding.operands().stream()
                .anyMatch(f -> f.kind() == Kind.F || f.kind() == Kind.F_LOW);
    }
}
