package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import weft.runtime.BootClock;
import weft.vmhost.nativecode.NativeCode;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/// Linux on four harts, under a program that makes them meet (`stress.c`): locks and futexes,
/// storms of forks and page faults, address spaces and code that change under running threads; and
/// while it runs, harts are taken out and come back. Every part checks its own result.
///
/// Four harts on a host of two processors mostly wait for each other: a part that takes a second
/// alone takes many when the host is busy. So the numbers of rounds are small, and nothing is said
/// about time but a limit that is far off.
class SeveralHartsStressTest {
    private static final int HARTS = 4;
    private static final String COMPILER = "riscv64-linux-gnu-gcc";
    private static final Pattern KERNEL_LINE = Pattern.compile("\\[ *[0-9]+\\.[0-9]+]");
    private static final String HART = "/sys/devices/system/cpu/cpu";

    @TempDir private Path folder;

    /// A part of stress.c, and how often it does what it does.
    private record Part(String name, int rounds) {
        static List<Part> each(int times) {
            return List.of(
                    new Part("locks", 2_000 * times),
                    new Part("turns", 10 * times),
                    new Part("forks", 2 * times),
                    new Part("faults", 2 * times),
                    new Part("maps", 5 * times),
                    new Part("patches", 50 * times),
                    new Part("code", 10 * times));
        }
    }

    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void fourHartsGetAlong() throws Exception {
        stress(EngineKind.best(), 1);
    }

    @Tag("long")
    @Timeout(value = 30, unit = TimeUnit.MINUTES)
    @ParameterizedTest
    @EnumSource(EngineKind.class)
    void fourHartsSurviveEachOther(EngineKind engine) throws Exception {
        assumeTrue(engine != EngineKind.NATIVE || NativeCode.isSupported(), "no native code here");
        stress(engine, 10);
    }

    private void stress(EngineKind engine, int times) throws Exception {
        MachineSpec.BootImage image = DebianGuest.bootImage("quiet");
        byte[] initrd = new Initramfs(image.initrd()).add("stress", stressProgram()).finish();
        var spec =
                new MachineSpec(
                        "stressed",
                        256L << 20,
                        HARTS,
                        new MachineSpec.BootImage(image.kernel(), initrd, image.arguments()),
                        List.of(),
                        List.of());
        var off = new CountDownLatch(1);
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        off.countDown();
                    }
                };
        try (var machine = new Machine(spec, BootClock.SYSTEM, engine, listener)) {
            machine.start();
            var guest = new DebianGuest(machine.console());
            guest.awaitShell();
            assertTrue(guest.run("echo harts=$(nproc)").contains("harts=" + HARTS));
            for (Part part : Part.each(times)) {
                passes(guest, part);
            }
            takeHartsOutAndIn(guest, times);
            String complaints = guest.run("dmesg | grep -E 'BUG|WARNING|Oops|Unable to handle'");
            assertFalse(KERNEL_LINE.matcher(complaints).find(), complaints);
            guest.type("poweroff -f");
            assertTrue(off.await(60, TimeUnit.SECONDS));
        }
    }

    private static void passes(DebianGuest guest, Part part) throws InterruptedException {
        long begin = System.nanoTime();
        String printed = guest.run("/stress %s %d".formatted(part.name, part.rounds));
        assertTrue(printed.contains("STRESS PASSED " + part.name), printed);
        System.out.printf(
                "stress: %s %d passed in %d ms%n",
                part.name, part.rounds, (System.nanoTime() - begin) / 1_000_000);
    }

    /// All but the first leave and come back while the others work; the load ends when it is told
    /// to, so that there is some to the end.
    private static void takeHartsOutAndIn(DebianGuest guest, int rounds)
            throws InterruptedException {
        guest.run("[ -d /sys/devices ] || mount -t sysfs sysfs /sys");
        guest.run(
                "while [ ! -e /stop ]; do /stress maps 3; /stress locks 1000; /stress forks 1;"
                        + " /stress code 3; done > /load 2>&1 & true");
        for (int round = 0; round < rounds; round++) {
            for (int hart = 1; hart < HARTS; hart++) {
                turn(guest, hart, 0);
            }
            String left = guest.run("echo left=$(cat /sys/devices/system/cpu/online)");
            assertTrue(left.contains("left=0\r"), left);
            for (int hart = 1; hart < HARTS; hart++) {
                turn(guest, hart, 1);
            }
        }
        guest.run("touch /stop; wait");
        String load = guest.run("grep -c PASSED /load; grep -v PASSED /load");
        assertFalse(load.contains("STRESS"), load);
        String online = guest.run("echo online=$(cat /sys/devices/system/cpu/online)");
        assertTrue(online.contains("online=0-3"), online);
        System.out.println("stress: harts went and came " + rounds + " times");
    }

    private static void turn(DebianGuest guest, int hart, int online) throws InterruptedException {
        String out =
                guest.run("echo %d > %s%d/online && echo TUR''NED".formatted(online, HART, hart));
        assertTrue(out.contains("TURNED"), out);
    }

    private byte[] stressProgram() throws IOException, InterruptedException {
        boolean installed =
                Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                        .anyMatch(path -> Files.isExecutable(Path.of(path, COMPILER)));
        assumeTrue(installed, "needs " + COMPILER + " (gcc-riscv64-linux-gnu)");
        Process asked = new ProcessBuilder(COMPILER, "-print-file-name=libc.a").start();
        String library = new String(asked.getInputStream().readAllBytes(), UTF_8).strip();
        assumeTrue(library.startsWith("/"), "needs a C library (libc6-dev-riscv64-cross)");
        Path source = folder.resolve("stress.c");
        try (InputStream in = Objects.requireNonNull(getClass().getResourceAsStream("stress.c"))) {
            Files.copy(in, source);
        }
        Path program = folder.resolve("stress");
        Process compiler =
                new ProcessBuilder(
                                COMPILER,
                                "-O2",
                                "-static",
                                "-pthread",
                                "-o",
                                program.toString(),
                                source.toString())
                        .inheritIO()
                        .start();
        assertEquals(0, compiler.waitFor());
        return Files.readAllBytes(program);
    }
}
