package weft.ops.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// What `weft bench cpu` can measure, in the order of the table.
public sealed interface CpuRow {
    /// Arithmetic, a dictionary, strings and a function called often.
    String PYTHON_LOOP =
            """
            def step(state, i):
                return (state * 31 + i) & 0xffffffff

            counts = {}
            state = 1
            for i in range(100000):
                state = step(state, i)
                key = state & 1023
                counts[key] = counts.get(key, 0) + 1
            text = ",".join(str(counts[key]) for key in sorted(counts))
            print(state, len(text), sum(int(word) for word in text.split(",")))
            """;

    /// Inserts, an index, selects through it and without it, a change, a deletion.
    String SQL =
            """
            create table t (id integer primary key, k integer, v text);
            begin;
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
                insert into t select i, i * 7919 % 10007, 'value ' || i from n;
            commit;
            create index by_k on t (k);
            select count(*), sum(length(v)) from t where k between 100 and 500;
            select k, count(*) from t group by k order by 2 desc, 1 limit 5;
            select sum(a.id) from t a join t b on a.k = b.k + 1 where b.id % 10 = 0;
            select count(*) from t where v like '%99%';
            update t set v = upper(v) where id % 3 = 0;
            delete from t where k > 9000;
            select count(*), max(v) from t;
            """;

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
                    new Parallel("smp-integer", 4),
                    new Disk("guest-disk-read", "MB/s", 16.777216),
                    new Disk("guest-disk-random", "kread/s", 0.5),
                    new Net("guest-net", "Gb/s", 0.033554432),
                    new Net("guest-net-receive", "Gb/s", 0.033554432),
                    iperf3("iperf3", List.of()),
                    iperf3("iperf3-receive", List.of("-R")),
                    new Boot(),
                    new InterpreterMips(),
                    openssl("openssl-sha256", "sha256"),
                    openssl("openssl-aes", "aes-128-cbc"),
                    new Program(
                            "xz",
                            "run/s",
                            1,
                            GuestProgram.timed(
                                    Set.of("xz-utils"),
                                    "",
                                    List.of(
                                            "/usr/bin/xz",
                                            "-3",
                                            "-T1",
                                            "-c",
                                            "/usr/lib/riscv64-linux-gnu/libc.so.6"))),
                    new Program(
                            "7z-b",
                            "MIPS",
                            1,
                            GuestProgram.rated(
                                    Set.of("7zip"),
                                    "^Tot: .* (\\d+)$",
                                    List.of(
                                            "/usr/lib/7zip/7za",
                                            "b",
                                            "-mtime=1",
                                            "-mmt1",
                                            "-md18"))),
                    new Program(
                            "python-start",
                            "start/s",
                            1,
                            GuestProgram.timed(
                                    Set.of("python3-minimal"),
                                    "",
                                    List.of("/usr/bin/python3", "-c", "pass"))),
                    new Program(
                            "python-loop",
                            "run/s",
                            1,
                            GuestProgram.timed(
                                    Set.of("python3-minimal"),
                                    PYTHON_LOOP,
                                    List.of("/usr/bin/python3", "-"))),
                    new Program(
                            "sqlite3",
                            "run/s",
                            1,
                            GuestProgram.timed(
                                    Set.of("sqlite3"),
                                    SQL,
                                    List.of("/usr/bin/sqlite3", ":memory:"))),
                    new Program(
                            "gcc",
                            "file/s",
                            1,
                            GuestProgram.timed(
                                            Set.of("cpp-14-riscv64-linux-gnu"),
                                            "",
                                            List.of(
                                                    "/usr/libexec/gcc/riscv64-linux-gnu/14/cc1",
                                                    "-quiet",
                                                    "-O2",
                                                    "-ffreestanding",
                                                    "/bench/integer.c",
                                                    "-o",
                                                    "-"))
                                    .with("kernel.h", "integer.c")));

    /// Tests of one second each, of which the receiving end tells the rate. Its loader is named,
    /// since the image's folder /lib is in the place of Debian's link.
    private static Program iperf3(String name, List<String> options) {
        var command =
                new ArrayList<>(
                        List.of(
                                "/usr/lib/ld-linux-riscv64-lp64d.so.1",
                                "/usr/bin/iperf3",
                                "-c",
                                BenchNetwork.ADDRESS,
                                "-p",
                                BenchNetwork.IPERF3_PORT,
                                "-t",
                                "1",
                                "-f",
                                "m"));
        command.addAll(options);
        return new Program(
                name,
                "Gb/s",
                1e-3,
                GuestProgram.rated(Set.of("iperf3"), " ([0-9.]+) Mbits/sec +receiver", command)
                        .networked());
    }

    /// Rounds of one second each, of which it tells the bytes it did in one.
    private static Program openssl(String name, String algorithm) {
        var command =
                List.of(
                        "/usr/bin/openssl",
                        "speed",
                        "-mr",
                        "-seconds",
                        "1",
                        "-bytes",
                        "16384",
                        "-evp",
                        algorithm);
        return new Program(
                name,
                "MB/s",
                1e-6,
                GuestProgram.rated(Set.of("openssl"), "^\\+F:\\d+:[^:]+:([0-9.]+)", command));
    }

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

    /// As [Steady], but of a program of Debian's packages, which is started anew for each
    /// repetition.
    ///
    /// @param perRepetition how many of the unit's things are one repetition, or are one of what
    ///   the program says of itself
    record Program(String name, String unit, double perRepetition, GuestProgram program)
            implements CpuRow {}

    /// A kernel on four harts at once against the same on one, under Debian's kernel.
    record Parallel(String name, int harts) implements CpuRow {}

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
