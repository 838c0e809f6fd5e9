package weft.ops.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// One side of a comparison: how it is started, its console on standard input and output.
sealed interface Emulator extends Turns.Side {
    /// What a guest gets.
    ///
    /// @param memory as both emulators' options write it
    record Size(int harts, String memory) {
        /// Enough for every kernel.
        static final Size SMALL = new Size(1, "256M");
    }

    /// The command that runs a bare-metal program.
    List<String> bare(Path program);

    /// The command that boots a kernel on a small guest.
    default List<String> boot(Path kernel, Path initrd, String arguments) {
        return boot(Size.SMALL, kernel, initrd, arguments);
    }

    /// The command that boots a kernel.
    List<String> boot(Size size, Path kernel, Path initrd, String arguments);

    /// Ourselves, as a user starts it.
    ///
    /// @param weft makes the command line of a Weft process
    /// @param options more of them for `emu run`
    record Weft(UnaryOperator<List<String>> weft, List<String> options) implements Emulator {
        @Override
        public String name() {
            return "weft";
        }

        @Override
        public List<String> bare(Path program) {
            return command(Size.SMALL, List.of(program.toString()));
        }

        @Override
        public List<String> boot(Size size, Path kernel, Path initrd, String arguments) {
            return command(
                    size,
                    List.of(
                            "--kernel",
                            kernel.toString(),
                            "--initrd",
                            initrd.toString(),
                            "--append",
                            arguments));
        }

        private List<String> command(Size size, List<String> what) {
            var arguments = new ArrayList<>(List.of("emu", "run", "--memory", size.memory()));
            arguments.addAll(List.of("--smp", Integer.toString(size.harts())));
            arguments.addAll(options);
            arguments.addAll(what);
            return weft.apply(List.copyOf(arguments));
        }
    }

    /// QEMU's TCG.
    record Qemu() implements Emulator {
        static final String PROGRAM = "qemu-system-riscv64";
        static final String PACKAGE = "qemu-system-misc";

        @Override
        public String name() {
            return "qemu";
        }

        @Override
        public List<String> bare(Path program) {
            return command(Size.SMALL, List.of("-bios", "none", "-kernel", program.toString()));
        }

        @Override
        public List<String> boot(Size size, Path kernel, Path initrd, String arguments) {
            return command(
                    size,
                    List.of(
                            "-kernel",
                            kernel.toString(),
                            "-initrd",
                            initrd.toString(),
                            "-append",
                            arguments));
        }

        private static List<String> command(Size size, List<String> what) {
            var command = new ArrayList<>(List.of(PROGRAM, "-M", "virt", "-cpu", "rv64"));
            command.addAll(List.of("-m", size.memory(), "-smp", Integer.toString(size.harts())));
            command.addAll(List.of("-display", "none", "-serial", "stdio", "-monitor", "none"));
            command.addAll(what);
            return List.copyOf(command);
        }
    }
}
