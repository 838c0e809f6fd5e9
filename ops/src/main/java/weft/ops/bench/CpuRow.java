package weft.ops.bench;

import java.util.List;

/// What `weft bench cpu` can measure, in the order of the table.
public sealed interface CpuRow {
    /// As `--rows` names it.
    String name();

    /// All of them.
    List<CpuRow> ALL =
            List.of(
                    new Steady("integer", "round/s", 60),
                    new Steady("fp-nbody", "kstep/s", 30),
                    new Steady("fp-matmul", "MFLOP/s", 16),
                    new Steady("indirect", "Mop/s", 2.56),
                    new Steady("sieve", "pass/s", 1),
                    new Steady("qsort", "sort/s", 1),
                    new Steady("memcpy", "MB/s", 67.108864),
                    new Steady("selfmodify", "kpatch/s", 20),
                    new Steady("chase", "Mload/s", 1),
                    new Whole("wide", 20),
                    new Linux("pagefault", "kfault/s", 2),
                    new Linux("pipe", "kround/s", 0.5),
                    new Linux("forkexec", "start/s", 10),
                    new Disk("guest-disk-read", "MB/s", 16.777216),
                    new Disk("guest-disk-random", "kread/s", 0.5),
                    new Net("guest-net", "Gb/s", 0.033554432),
                    new Net("guest-net-receive", "Gb/s", 0.033554432),
                    new Boot(),
                    new InterpreterMips());

    /// A kernel's rate: in the first second, and in the last three of its run.
    ///
    /// @param perRepetition how many of the unit's things are one repetition
    record Steady(String name, String unit, double perRepetition) implements CpuRow {}

    /// As [Steady], but of a program that is the first process under Debian's kernel.
    record Linux(String name, String unit, double perRepetition) implements CpuRow {}

    /// As [Linux], of a program that reads a disk through the image's modules.
    record Disk(String name, String unit, double perRepetition) implements CpuRow {}

    /// As [Linux], of a program that talks to the host through a NIC. Left out where no network
    /// namespace can be made.
    record Net(String name, String unit, double perRepetition) implements CpuRow {}

    /// The seconds that a kernel takes from its first repetition to its last, cold.
    record Whole(String name, int repetitions) implements CpuRow {}

    /// Debian's kernel and the image's initramfs, from the start of the process to the shell.
    record Boot() implements CpuRow {
        @Override
        public String name() {
            return "boot-first";
        }
    }

    /// The interpreter by itself on the integer kernel, warm.
    record InterpreterMips() implements CpuRow {
        @Override
        public String name() {
            return "interpreter-mips";
        }
    }
}
