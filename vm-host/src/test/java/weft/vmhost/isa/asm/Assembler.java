package weft.vmhost.isa.asm;

import weft.vmhost.isa.asm.InstructionTable.Encoding;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Assembles RISC-V text for tests.
///
/// ```
/// byte[] code = new Assembler(0x8000_0000L).add("""
///         li   a0, 0x123456789
///     loop:
///         addi a0, a0, -1
///         bnez a0, loop
///         """).assemble();
/// ```
///
/// One instruction or directive per line, `#` starts a comment. Registers by number or ABI name,
/// targets as a label or `.+n`, memory operands as `8(sp)`, CSRs by number or by the names in
/// [#csr]. Directives: `.half`, `.word`, `.dword` (each one value or label), `.zero n`, `.align n`
/// (to 2^n, with zeros). Pseudo-instructions: nop li la mv not neg j jr ret call beqz bnez csrr
/// csrw fmv.d fmv.s. Not compressed unless written `c.…`.
public final class Assembler {
    private static final List<String> X_NAMES =
            List.of(
                    ("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8"
                                    + " s9 s10 s11 t3 t4 t5 t6")
                            .split(" "));
    private static final List<String> F_NAMES =
            List.of(
                    ("ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2"
                                    + " fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11")
                            .split(" "));
    private static final List<String> ROUNDING_NAMES =
            List.of("rne", "rtz", "rdn", "rup", "rmm", "5", "6", "dyn");
    private static final Map<String, Integer> CSRS = csrNames();

    /// One thing with an address: its words were split, its labels are not yet known.
    private record Item(long address, int sizeBytes, String[] words) {}

    private final long origin;
    private final List<Item> items = new ArrayList<>();
    private final Map<String, Long> labels = new HashMap<>();
    private long address;

    /// @param origin the address of the first byte
    public Assembler(long origin) {
        this.origin = origin;
        this.address = origin;
    }

    /// Appends lines of text.
    public Assembler add(String text) {
        for (String line : text.split("\n")) {
            String code = line.split("#", 2)[0].strip();
            int colon = code.indexOf(':');
            if (colon > 0) {
                labels.put(code.substring(0, colon), address);
                code = code.substring(colon + 1).strip();
            }
            if (!code.isEmpty()) {
                addLine(code.split("[\\s,()]+"));
            }
        }
        return this;
    }

    /// The bytes from the origin on.
    public byte[] assemble() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (Item item : items) {
            long bits = bits(item);
            for (int i = 0; i < item.sizeBytes; i++) {
                bytes.write(i < 8 ? (int) (bits >>> 8 * i) : 0);
            }
        }
        return bytes.toByteArray();
    }

    /// Where the next line will be.
    public long address() {
        return address;
    }

    /// Where a label is.
    public long address(String label) {
        Long value = labels.get(label);
        if (value == null) {
            throw new IllegalArgumentException("no label " + label);
        }
        return value;
    }

    /// The word of one instruction that names no label.
    public static int encode(String instruction) {
        Assembler assembler = new Assembler(0).add(instruction);
        if (assembler.items.size() != 1) {
            throw new IllegalArgumentException("not one instruction: " + instruction);
        }
        return (int) assembler.bits(assembler.items.getFirst());
    }

    /// The number of a CSR, by name or as a number.
    public static int csr(String name) {
        Integer number = CSRS.get(name);
        return number != null ? number : (int) number(name);
    }

    // --- lines

    private void addLine(String[] words) {
        switch (words[0]) {
            case ".half" -> put(2, words);
            case ".word" -> put(4, words);
            case ".dword" -> put(8, words);
            case ".zero" -> put((int) number(words[1]), words);
            case ".align" -> put((int) (-address & (1L << number(words[1])) - 1), words);
            case "nop" -> put(4, "addi", "x0", "x0", "0");
            case "mv" -> put(4, "addi", words[1], words[2], "0");
            case "not" -> put(4, "xori", words[1], words[2], "-1");
            case "neg" -> put(4, "sub", words[1], "x0", words[2]);
            case "j" -> put(4, "jal", "x0", words[1]);
            case "call" -> put(4, "jal", "ra", words[1]);
            case "jr" -> put(4, "jalr", "x0", "0", words[1]);
            case "ret" -> put(4, "jalr", "x0", "0", "ra");
            case "beqz" -> put(4, "beq", words[1], "x0", words[2]);
            case "bnez" -> put(4, "bne", words[1], "x0", words[2]);
            case "csrr" -> put(4, "csrrs", words[1], words[2], "x0");
            case "csrw" -> put(4, "csrrw", "x0", words[1], words[2]);
            case "fmv.d", "fmv.s" -> {
                String name = words[0].equals("fmv.d") ? "fsgnj.d" : "fsgnj.s";
                put(4, name, words[1], words[2], words[2]);
            }
            case "li" -> loadImmediate(words[1], number(words[2]));
            case "la" -> put(8, words);
            default -> put(InstructionTable.named(plainName(words[0])).sizeBytes(), words);
        }
    }

    private void put(int sizeBytes, String... words) {
        items.add(new Item(address, sizeBytes, words));
        address += sizeBytes;
    }

    private void loadImmediate(String register, long value) {
        if (value == (int) value) {
            int low = (int) value << 20 >> 20;
            int upper = (int) (value - low >>> 12) & 0xfffff;
            if (upper == 0) {
                put(4, "addi", register, "x0", Integer.toString(low));
                return;
            }
            put(4, "lui", register, Integer.toString(upper));
            put(4, "addiw", register, register, Integer.toString(low));
            return;
        }
        long low = value << 52 >> 52;
        long rest = value - low;
        int zeros = Long.numberOfTrailingZeros(rest);
        loadImmediate(register, rest >> zeros);
        put(4, "slli", register, register, Integer.toString(zeros));
        put(4, "addi", register, register, Long.toString(low));
    }

    // --- encoding

    private long bits(Item item) {
        String[] words = item.words;
        return switch (words[0]) {
            case ".half", ".word", ".dword" -> value(words[1]);
            case ".zero", ".align" -> 0;
            case "la" -> {
                long distance = address(words[2]) - item.address;
                long low = distance << 52 >> 52;
                long upper = (distance - low >> 12) & 0xfffff;
                int register = register(X_NAMES, 'x', words[1]);
                long auipc = 0x17 | upper << 12 | (long) register << 7;
                long addi = 0x13 | (low & 0xfff) << 20 | register << 15 | register << 7;
                yield (auipc & 0xffff_ffffL) | addi << 32;
            }
            default -> instruction(item);
        };
    }

    private long instruction(Item item) {
        String[] words = item.words;
        Encoding encoding = InstructionTable.named(plainName(words[0]));
        int word = encoding.fixedBits();
        if (encoding.isAtomic()) {
            String suffix = words[0].substring(encoding.name().length());
            word |= suffix.contains("aq") ? 1 << 26 : 0;
            word |= suffix.contains("rl") ? 1 << 25 : 0;
        }
        int next = 1;
        for (OperandField field : encoding.operands()) {
            if (next == words.length && field.isOptional()) {
                word |= field == OperandField.RM ? 7 << 12 : 0;
                continue;
            }
            if (next == words.length) {
                throw new IllegalArgumentException("too few operands: " + Arrays.toString(words));
            }
            word |= field.encode((int) operand(field, words[next++], item.address));
        }
        if (next != words.length) {
            throw new IllegalArgumentException("too many operands: " + Arrays.toString(words));
        }
        return word & 0xffff_ffffL;
    }

    private static String plainName(String name) {
        if (!InstructionTable.contains(name)) {
            for (String suffix : new String[] {".aqrl", ".aq", ".rl"}) {
                if (name.endsWith(suffix)) {
                    return name.substring(0, name.length() - suffix.length());
                }
            }
        }
        return name;
    }

    private long operand(OperandField field, String text, long here) {
        return switch (field.kind()) {
            case X, X_LOW -> register(X_NAMES, 'x', text);
            case F, F_LOW -> register(F_NAMES, 'f', text);
            case ROUNDING -> ROUNDING_NAMES.indexOf(text);
            case CSR -> csr(text);
            case IMMEDIATE -> {
                long value = number(text);
                // lui and c.lui take the upper 20 bits as a non-negative number.
                yield field == OperandField.C_IMM_UPPER ? value << 44 >> 44 : value;
            }
            case TARGET -> text.startsWith(".") ? number(text.substring(1)) : value(text) - here;
        };
    }

    private long value(String text) {
        Long label = labels.get(text);
        return label != null ? label : number(text);
    }

    private static int register(List<String> names, char letter, String text) {
        int number = text.equals("fp") ? 8 : names.indexOf(text);
        if (number < 0 && text.charAt(0) == letter) {
            number = Integer.parseInt(text.substring(1));
        }
        if (number < 0 || number > 31) {
            throw new IllegalArgumentException("no register " + text);
        }
        return number;
    }

    private static long number(String text) {
        boolean negative = text.startsWith("-");
        String digits = negative || text.startsWith("+") ? text.substring(1) : text;
        long value =
                digits.startsWith("0x")
                        ? Long.parseUnsignedLong(digits.substring(2).replace("_", ""), 16)
                        : Long.parseUnsignedLong(digits);
        return negative ? -value : value;
    }

    private static Map<String, Integer> csrNames() {
        String table =
                "fflags 1 frm 2 fcsr 3 sstatus 100 sie 104 stvec 105 scounteren 106 sscratch 140"
                    + " sepc 141 scause 142 stval 143 sip 144 stimecmp 14d satp 180 mstatus 300"
                    + " misa 301 medeleg 302 mideleg 303 mie 304 mtvec 305 mcounteren 306 menvcfg"
                    + " 30a senvcfg 10a mcountinhibit 320 mscratch 340 mepc 341 mcause 342 mtval"
                    + " 343 mip 344 pmpcfg0 3a0 pmpcfg2 3a2 pmpaddr0 3b0 pmpaddr1 3b1 mcycle b00"
                    + " minstret b02 cycle c00 time c01 instret c02 mvendorid f11 marchid f12"
                    + " mimpid f13 mhartid f14";
        String[] words = table.split(" ");
        Map<String, Integer> map = new HashMap<>();
        for (int i = 0; i < words.length; i += 2) {
            map.put(words[i], Integer.parseInt(words[i + 1], 16));
        }
        return Map.copyOf(map);
    }
}
