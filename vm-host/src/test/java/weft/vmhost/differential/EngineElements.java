package weft.vmhost.differential;

import weft.vmhost.differential.TestProgram.Mode;
import weft.vmhost.isa.asm.Assembler;

import java.util.List;
import java.util.SplittableRandom;

/// Elements of random programs that only our own engines are compared on: instructions that QEMU
/// 7.2 has not, counters, places where the specification leaves a choice and we have made one, and
/// changes of page tables under code that is translated already.
///
/// In the words of [RandomElements]; x5 to x7 and gp are free in between.
final class EngineElements {
    /// Pages that the tables of [TestPageTables] do not map.
    private static final int FREE_PAGE = 40;

    private static final int FREE_PAGES = 4;

    /// Two pages for code, in the 64 KiB behind the odd ones.
    private static final long CODE_PAGE =
            ProgramImage.RAM_BASE + ProgramImage.WINDOW_OFFSET + 0x1_D000;

    private static final long LAST_TABLE =
            ProgramImage.RAM_BASE + ProgramImage.TABLES_OFFSET + 0x2000;
    private static final String[] BLOCKS = {"cbo.zero", "cbo.clean", "cbo.flush", "cbo.inval"};
    private static final String[] WIDTHS = {"ld", "lw", "lwu", "lh", "lhu", "sd", "sw", "sh"};

    private final SplittableRandom random;
    private final Mode mode;
    private final Neighbours neighbours;

    EngineElements(SplittableRandom random, Mode mode) {
        this.random = random;
        this.mode = mode;
        neighbours = new Neighbours(random, this::window);
    }

    String element() {
        return switch (random.nextInt(10)) {
            case 0, 1 -> conditional();
            case 2 -> block();
            case 3 -> counter();
            case 4 -> crossing();
            case 5 -> misalignedAtomic();
            case 6 -> hotLoop();
            case 7, 8 -> neighbours.element();
            default -> isSupervisor() ? remappedCode() : patchedLoop();
        };
    }

    private boolean isSupervisor() {
        return mode != Mode.MACHINE && mode != Mode.USER;
    }

    private String x() {
        return "x" + random.nextInt(32);
    }

    private String destination() {
        return "x" + (10 + random.nextInt(20));
    }

    private String conditional() {
        String name = random.nextBoolean() ? "czero.eqz" : "czero.nez";
        return "%s %s, %s, %s".formatted(name, destination(), x(), x());
    }

    private String block() {
        String name = BLOCKS[random.nextInt(BLOCKS.length)];
        long place = random.nextInt(4) == 0 ? window() : 0;
        String address =
                place == 0
                        ? "addi gp, s0, " + random.nextInt(-1024, 1024)
                        : "li gp, 0x%x".formatted(place);
        return address + "\n" + name + " (gp)";
    }

    private long window() {
        long page = random.nextInt(TestPageTables.WINDOW_PAGES) * 0x1000L;
        return TestPageTables.WINDOW + page + random.nextInt(0x1000);
    }

    private String counter() {
        String csr = List.of("mcycle", "minstret", "cycle", "instret").get(random.nextInt(4));
        return "csrr %s, %s".formatted(destination(), csr);
    }

    /// Over the border of two pages, of which either may be forbidden.
    private String crossing() {
        String name = WIDTHS[random.nextInt(WIDTHS.length)];
        long border = window() & -0x1000L;
        return "li gp, 0x%x\n%s %s, 0(gp)"
                .formatted(border - random.nextInt(1, 8), name, destination());
    }

    private String misalignedAtomic() {
        String name = List.of("amoadd.d", "amoswap.w", "amomaxu.d", "lr.d").get(random.nextInt(4));
        String source = name.startsWith("lr.") ? "" : ", " + x();
        return "addi gp, s1, %d\n%s %s%s, (gp)"
                .formatted(random.nextInt(8), name, destination(), source);
    }

    /// Long enough to be worth something to any translator.
    private String hotLoop() {
        String body =
                switch (random.nextInt(4)) {
                    case 0 -> "ld x6, 0(sp)\nadd x6, x6, x5\nsd x6, 0(sp)";
                    case 1 -> "fcvt.d.l f1, x5\nfmadd.d f2, f1, f2, f1\nfsd f2, 8(sp)";
                    case 2 -> "mul x6, x6, x5\nsrli x7, x6, 7\nxor x6, x6, x7";
                    default -> "lr.d x6, (sp)\nadd x6, x6, x5\nsc.d x7, x6, (sp)";
                };
        return "li x5, %d\n%%: %s\naddi x5, x5, -1\nbnez x5, %%"
                .formatted(50 + random.nextInt(400), body);
    }

    /// A loop that changes an instruction of its own.
    private String patchedLoop() {
        int word = Assembler.encode("addi x6, x6, %d".formatted(random.nextInt(1, 100)));
        return """
        li x5, 3
        li x7, 0x%x
        %%: la gp, patch%%
        sw x7, 0(gp)
        fence.i
        patch%%: addi x6, x6, 0
        slli gp, x5, 20
        add x7, x7, gp
        addi x5, x5, -1
        bnez x5, %%\
        """
                .formatted(word & 0xffff_ffffL);
    }

    /// A page of code is mapped, run, and another mapped in its place.
    private String remappedCode() {
        int page = FREE_PAGE + random.nextInt(FREE_PAGES);
        var text = new StringBuilder();
        for (int i = 0; i < 2; i++) {
            int work = Assembler.encode("addi x6, x6, %d".formatted(random.nextInt(1, 100)));
            int back = Assembler.encode("jalr x0, 0(ra)");
            text.append("li gp, 0x%x\n".formatted(CODE_PAGE + 0x1000 * i));
            text.append("li x5, 0x%x\nsw x5, 0(gp)\n".formatted(work & 0xffff_ffffL));
            text.append("li x5, 0x%x\nsw x5, 4(gp)\n".formatted(back & 0xffff_ffffL));
        }
        text.append("fence.i\n");
        for (int i = 0; i < 2; i++) {
            long entry = CODE_PAGE + 0x1000 * i >>> 12 << 10 | 0xcb;
            text.append("li gp, 0x%x\n".formatted(LAST_TABLE + 8L * page));
            text.append("li x5, 0x%x\nsd x5, 0(gp)\n".formatted(entry));
            text.append("li gp, 0x%x\n".formatted(TestPageTables.WINDOW + 0x1000L * page));
            text.append(random.nextBoolean() ? "sfence.vma gp, zero\n" : "sfence.vma zero, zero\n");
            text.append("li x7, %d\n".formatted(random.nextInt(1, 20)));
            text.append("jalr ra, 0(gp)\naddi x7, x7, -1\nbnez x7, .-8\n");
        }
        return text.toString().strip();
    }
}
