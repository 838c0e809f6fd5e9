package weft.vmhost.differential;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/// Says where two pictures of RAM differ, in the words of the programs that left them.
final class ImageDifference {
    private static final int DIFFERENCES_MAX = 20;

    private final ByteBuffer expected;
    private final ByteBuffer actual;
    private final List<String> found = new ArrayList<>();

    private ImageDifference(byte[] expected, byte[] actual) {
        this.expected = ByteBuffer.wrap(expected).order(ByteOrder.LITTLE_ENDIAN);
        this.actual = ByteBuffer.wrap(actual).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// The first program whose results, trap log or scratch memory differ; -1 if none does.
    static int firstProgram(int programs, byte[] expected, byte[] actual) {
        for (int i = 0; i < programs; i++) {
            if (!of(i, expected, actual).isEmpty()) {
                return i;
            }
        }
        return -1;
    }

    /// How one program's slot differs.
    static List<String> of(int program, byte[] expected, byte[] actual) {
        ImageDifference difference = new ImageDifference(expected, actual);
        int slot = ProgramImage.SLOTS_OFFSET + program * ProgramImage.SLOT_BYTES;
        difference.compareSlot(slot);
        return List.copyOf(difference.found);
    }

    /// How memory differs as a whole, up to a length that is a multiple of 8.
    static List<String> ofMemory(int lengthBytes, byte[] expected, byte[] actual) {
        ImageDifference difference = new ImageDifference(expected, actual);
        for (int at = 0; at < lengthBytes; at += 8) {
            difference.compare(at, "memory 0x%x".formatted(ProgramImage.RAM_BASE + at));
        }
        return List.copyOf(difference.found);
    }

    private void compareSlot(int slot) {
        int results = slot + ProgramImage.RESULTS;
        int log = slot + ProgramImage.TRAP_LOG;
        for (int i = 0; i < ProgramImage.TRAP_LOG_ENTRIES; i++) {
            int entry = log + i * ProgramImage.TRAP_LOG_ENTRY_BYTES;
            String name = "trap " + i + " (epc 0x%x)".formatted(expected.getLong(entry + 8));
            compare(entry, name + " mcause");
            compare(entry + 8, name + " mepc");
            compare(entry + 16, name + " mtval");
            compare(entry + 24, name + " mstatus");
        }
        compare(results + ProgramImage.TRAP_COUNT, "number of traps");
        for (int i = 0; i < 32; i++) {
            compare(results + 8 * i, "x" + i);
        }
        for (int i = 0; i < 32; i++) {
            compare(results + 8 * (32 + i), "f" + i);
        }
        compare(results + ProgramImage.FCSR, "fcsr");
        String[] csrs = {"sscratch", "sepc", "scause", "stval"};
        for (int i = 0; i < csrs.length; i++) {
            compare(results + ProgramImage.CSRS + 8 * i, csrs[i]);
        }
        for (int at = 0; at < ProgramImage.SCRATCH_BYTES; at += 8) {
            compare(slot + ProgramImage.SCRATCH + at, "scratch+0x%x".formatted(at));
        }
    }

    private void compare(int at, String name) {
        long want = expected.getLong(at);
        long have = actual.getLong(at);
        if (want != have && found.size() < DIFFERENCES_MAX) {
            found.add("%s: expected 0x%x, was 0x%x".formatted(name, want, have));
        }
    }
}
