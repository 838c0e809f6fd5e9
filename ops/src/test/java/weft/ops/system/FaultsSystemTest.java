package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Four storage nodes and ZooKeeper as processes on machines (network namespaces) of their own,
/// harmed while they are written and read ([FaultRun]).
final class FaultsSystemTest {
    @TempDir Path folder;

    @Test
    @Timeout(300)
    void nothingIsLostWhenNodesAreKilledAndHangAndAreNotHeard() throws Exception {
        run(
                1,
                List.of(FaultKind.KILLED, FaultKind.REPORTED, FaultKind.HANGING, FaultKind.MUTE),
                Duration.ofSeconds(240));
    }

    @Test
    @Tag("long")
    @Timeout(value = 5, unit = TimeUnit.HOURS)
    void nothingIsLostWhateverBefallsNodesAgainAndAgain() throws Exception {
        run(Integer.getInteger("weft.faults.rounds", 50), kinds(), Duration.ofHours(4));
    }

    private static List<FaultKind> kinds() {
        String named = System.getProperty("weft.faults.kinds", "");
        return named.isEmpty()
                ? List.of(FaultKind.values())
                : Arrays.stream(named.split(",")).map(FaultKind::valueOf).toList();
    }

    private void run(int times, List<FaultKind> kinds, Duration limit) throws Exception {
        for (String program : List.of("fio", "nbdinfo", "mkfs.ext4", "fsfreeze")) {
            Assumptions.assumeTrue(
                    isThere(program),
                    program + " is missing (fio, libnbd-bin, e2fsprogs, util-linux)");
        }
        long seed = Long.getLong("weft.seed", System.nanoTime() % 1_000_000);
        System.out.println("-Dweft.seed=" + seed);
        try (var lab = NamespaceLab.of(FaultyFabric.MACHINES)) {
            Path told = folder.resolve("told.txt");
            List<String> command =
                    List.of(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-ea",
                            "-Xmx512m",
                            FaultyFabric.LOGGING,
                            "--enable-native-access=ALL-UNNAMED",
                            "--sun-misc-unsafe-memory-access=allow",
                            "-cp",
                            System.getProperty("java.class.path"),
                            FaultRun.class.getName(),
                            lab.prefix(),
                            folder.toString(),
                            Long.toString(seed),
                            Integer.toString(times),
                            kinds.stream().map(Enum::name).collect(Collectors.joining(",")),
                            Boolean.toString(Boolean.getBoolean("weft.faults.busiest")));
            Process process = lab.start(FaultyFabric.MACHINES, told, command);
            boolean ended = process.waitFor(limit.toSeconds(), TimeUnit.SECONDS);
            String words = Files.readString(told) + "whole logs: " + keepLogs(seed);
            System.out.println(words);
            assertTrue(ended, "it does not end:\n" + words);
            assertEquals(0, process.exitValue(), words);
        }
    }

    private Path keepLogs(long seed) throws IOException {
        Path kept = Files.createDirectories(Path.of("target", "faults", Long.toString(seed)));
        try (Stream<Path> all = Files.list(folder)) {
            for (Path log : all.filter(file -> file.toString().endsWith(".log")).toList()) {
                Files.copy(
                        log, kept.resolve(log.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return kept.toAbsolutePath();
    }

    private static boolean isThere(String program) {
        return Arrays.stream((System.getenv("PATH") + ":/usr/sbin:/sbin").split(":"))
                .anyMatch(place -> Files.isExecutable(Path.of(place, program)));
    }
}
