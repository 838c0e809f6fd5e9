package weft.vmhost.differential;

import java.util.SplittableRandom;
import java.util.function.LongSupplier;

/// Loads and stores by way of one register, near each other, with something else in between, and
/// sometimes at both sides of the end of a page: what an engine may look up once for all of them.
///
/// QEMU is not asked: of a misaligned access where there is no memory it reports another address.
final class Neighbours {
    private static final String[][] NAMES = {
        {"lb", "lbu", "sb"},
        {"lh", "lhu", "sh"},
        {"lw", "lwu", "sw", "flw", "fsw"},
        {"ld", "sd", "sd", "fld", "fsd"}
    };
    private static final String[] BETWEEN = {
        "add x%1$d, x%2$d, x%3$d",
        "sll x%1$d, x%2$d, x%3$d",
        "div x%1$d, x%2$d, x%3$d",
        "mulh x%1$d, x%2$d, x%3$d",
        "fadd.d f%1$d, f%2$d, f%3$d",
        "fmul.s f%1$d, f%2$d, f%3$d",
        "fmin.d f%1$d, f%2$d, f%3$d",
        "feq.s x%1$d, f%2$d, f%3$d",
        "ld x%1$d, -16(s0)",
        "sd x%2$d, 8(sp)"
    };

    private final SplittableRandom random;

    private final LongSupplier oddPlaces;

    /// @param oddPlaces addresses in pages whose neighbours are mapped elsewhere, or not at all; or
    ///   0
    Neighbours(SplittableRandom random, LongSupplier oddPlaces) {
        this.random = random;
        this.oddPlaces = oddPlaces;
    }

    String element() {
        boolean isAtEnd = random.nextInt(4) == 0;
        var lines = new StringBuilder();
        long odd = random.nextBoolean() ? oddPlaces.getAsLong() : 0;
        if (odd == 0) {
            // At the end of the first page of scratch memory: behind the second are the next
            // program's inputs.
            lines.append("addi gp, s0, ").append(random.nextInt(-200, isAtEnd ? 0 : 200) * 8);
        } else {
            lines.append("li gp, 0x%x".formatted((odd | 0xfff) - 31));
        }
        if (isAtEnd) {
            lines.append("\nli x5, 0xfff\nor gp, gp, x5\naddi gp, gp, -31");
        }
        int count = 2 + random.nextInt(8);
        for (int i = 0; i < count; i++) {
            if (random.nextInt(3) == 0) {
                String text = BETWEEN[random.nextInt(BETWEEN.length)];
                int rd = 10 + random.nextInt(20);
                lines.append('\n')
                        .append(text.formatted(rd, random.nextInt(32), random.nextInt(32)));
            }
            lines.append('\n').append(access(random.nextInt(NAMES.length)));
        }
        if (random.nextInt(6) == 0) {
            lines.append("\nld gp, 8(gp)\nandi gp, gp, -8\nld gp, 8(gp)");
        }
        return lines.toString();
    }

    private String access(int sizeLog2) {
        String name = NAMES[sizeLog2][random.nextInt(NAMES[sizeLog2].length)];
        int distance = random.nextInt(-2, 9) << sizeLog2;
        int skew = random.nextInt(40) == 0 ? 1 : 0;
        char kind = name.startsWith("f") ? 'f' : 'x';
        int register = name.startsWith("s") ? random.nextInt(32) : 10 + random.nextInt(20);
        return "%s %c%d, %d(gp)".formatted(name, kind, register, distance + skew);
    }
}
