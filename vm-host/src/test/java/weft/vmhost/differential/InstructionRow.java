package weft.vmhost.differential;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// One line of `instructions.txt`: a program of an instruction or a few, the state it starts from,
/// and what it changes.
record InstructionRow(int line, String code, String before, String after) implements TestProgram {
    static final int S0_OFFSET = 0x1000;
    static final int SP_OFFSET = 0x400;

    private static final String X_NAMES =
            "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10"
                    + " s11 t3 t4 t5 t6";
    private static final String F_NAMES = "fa0 fa1 fa2 fa3";
    private static final List<String> FLAGS = List.of("NX", "UF", "OF", "DZ", "NV");

    static InstructionRow parse(int line, String text) {
        String[] parts = text.split("\\|", -1);
        if (parts.length != 3) {
            throw new IllegalArgumentException("line " + line + ": " + text);
        }
        return new InstructionRow(line, parts[0].strip(), parts[1].strip(), parts[2].strip());
    }

    /// The names of the instructions in it.
    List<String> instructions() {
        return Arrays.stream(code.split(";")).map(i -> i.strip().split(" ")[0]).toList();
    }

    @Override
    public Mode mode() {
        return Mode.MACHINE;
    }

    @Override
    public String text() {
        return code.replace(';', '\n') + "\nend: ecall\n";
    }

    @Override
    public long[] inputs(long code, long scratch) {
        long[] state = new long[65];
        for (int i = 1; i < 64; i++) {
            state[i] = 0x0101_0101_0101_0101L * i;
        }
        state[2] = scratch + SP_OFFSET;
        state[8] = scratch + S0_OFFSET;
        assign(before, code, scratch).registers.forEach((index, value) -> state[index] = value);
        return state;
    }

    @Override
    public long[] scratch(long code, long scratch) {
        long[] words = new long[ProgramImage.SCRATCH_BYTES / 8];
        assign(before, code, scratch).words.forEach((index, value) -> words[index] = value);
        return words;
    }

    /// Values by what they are assigned to: registers as [TestProgram#inputs] numbers them, words
    /// of scratch memory, and everything else by name.
    record Assignments(
            Map<Integer, Long> registers, Map<Integer, Long> words, Map<String, Long> others) {}

    Assignments expected(long code, long scratch) {
        return assign(after, code, scratch);
    }

    private Assignments assign(String text, long code, long scratch) {
        Assignments assignments =
                new Assignments(new TreeMap<>(), new TreeMap<>(), new TreeMap<>());
        for (String assignment : text.split(" +")) {
            if (assignment.isEmpty()) {
                continue;
            }
            String name = assignment.substring(0, assignment.indexOf('='));
            long value = value(assignment.substring(name.length() + 1), code, scratch);
            int register = register(name);
            if (register >= 0) {
                assignments.registers.put(register, value);
            } else if (name.startsWith("[")) {
                String place = name.substring(1, name.length() - 1);
                long address =
                        place.startsWith("sp")
                                ? value(place, code, scratch)
                                : scratch + S0_OFFSET + Long.parseLong(place);
                assignments.words.put((int) (address - scratch) / 8, value);
            } else {
                assignments.others.put(name, value);
            }
        }
        return assignments;
    }

    static int register(String name) {
        int x = List.of(X_NAMES.split(" ")).indexOf(name);
        if (x >= 0) {
            return x;
        }
        int f = List.of(F_NAMES.split(" ")).indexOf(name);
        if (f >= 0) {
            return 32 + 10 + f;
        }
        return name.equals("fcsr") ? 64 : -1;
    }

    private static long value(String text, long code, long scratch) {
        if (text.startsWith("pc")) {
            return code + Long.parseLong(text.substring(2));
        } else if (text.startsWith("s0")) {
            return scratch + S0_OFFSET + Long.parseLong(text.substring(2));
        } else if (text.startsWith("sp")) {
            return scratch + SP_OFFSET + Long.parseLong(text.substring(2));
        } else if (text.equals("min")) {
            return Long.MIN_VALUE;
        } else if (text.equals("max")) {
            return Long.MAX_VALUE;
        } else if (text.startsWith("0x")) {
            return Long.parseUnsignedLong(text.substring(2), 16);
        } else if (text.endsWith("d")) {
            return Double.doubleToRawLongBits(Double.parseDouble(text));
        } else if (text.endsWith("f")) {
            return Float.floatToRawIntBits(Float.parseFloat(text)) | -1L << 32;
        } else if (Character.isUpperCase(text.charAt(0))) {
            long flags = 0;
            for (String flag : text.split(",")) {
                flags |= 1L << FLAGS.indexOf(flag);
            }
            return flags;
        }
        return Long.parseLong(text);
    }
}
