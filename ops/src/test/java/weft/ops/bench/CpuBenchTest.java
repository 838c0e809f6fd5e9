package weft.ops.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.ops.cli.JavaProcess;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// One small kernel on both machines, as `weft bench cpu` runs it.
final class CpuBenchTest {
    @TempDir private Path folder = Path.of("set by JUnit");

    private static void assumeInstalled(String program) {
        Assumptions.assumeTrue(Host.isInstalled(program), program + " is not installed");
    }

    private List<Row> run(CpuRow row, boolean peer) throws IOException, InterruptedException {
        var settings =
                new CpuBench.Settings(
                        List.of(row),
                        peer,
                        1,
                        CpuBench.SECONDS_MIN,
                        List.of(),
                        folder,
                        Optional.empty());
        Path log = folder.resolve("weft.log");
        var bench =
                new CpuBench(
                        settings,
                        arguments -> JavaProcess.command(log, List.of(), arguments),
                        recipe -> {
                            throw new IOException("no root for " + recipe.name());
                        },
                        _ -> {});
        return bench.run().rows();
    }

    @Test
    void aKernelEndsWithTheSameChecksumOnBothMachines() throws IOException, InterruptedException {
        assumeInstalled(CrossCompiler.PROGRAM);
        assumeInstalled(Emulator.Qemu.PROGRAM);
        Row row = run(new CpuRow.Whole("selfmodify", 1), true).getFirst();
        assertEquals("selfmodify", row.name());
        assertEquals(1, row.weft().n());
        assertTrue(row.ratio().orElseThrow() > 0);
    }

    @Test
    @Tag("long")
    void aRateIsMeasuredColdAndSteady() throws IOException, InterruptedException {
        assumeInstalled(CrossCompiler.PROGRAM);
        List<Row> rows = run(new CpuRow.Steady("chase", "Mload/s", 1), false);
        assertEquals(List.of("chase", "chase-first-second"), rows.stream().map(Row::name).toList());
        assertTrue(rows.stream().allMatch(row -> row.weft().median() > 0));
        assertTrue(rows.stream().allMatch(row -> row.peer().isEmpty()));
    }
}
