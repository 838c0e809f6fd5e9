package weft.ops.bench.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import weft.ops.bench.disk.DiskLoad.Pattern;

import java.io.IOException;

class DiskMeasuresTest {
    private static final DiskLoad WRITES = new DiskLoad("w", Pattern.RANDOM_WRITE, 4096, 32);

    /// As fio 3.33 says it, shortened.
    private static final String FIO =
            """
            note: something that fio says first
            {"jobs": [{"error": %d,
              "read": {"total_ios": 7, "runtime": 1, "clat_ns": {"mean": 1.0}},
              "write": {"total_ios": %d, "runtime": 2000, "clat_ns": {"mean": 3300000.5, "percentile": {
                "50.000000": 2500000, "99.000000": 9400000, "99.900000": 21000000}}}}]}
            """;

    @Test
    void fiosWordsBecomeAResult() throws IOException {
        LoadResult result = FioRun.result(FIO.formatted(0, 19_330), WRITES);
        assertEquals(9_665, result.perSecond());
        assertEquals(3.3, result.latency().mean(), 1e-3);
        assertEquals(2.5, result.latency().p50());
        assertEquals(9.4, result.latency().p99());
        assertEquals(21, result.latency().p999());
    }

    @Test
    void aRunThatFailedOrDidNothingIsNone() {
        assertThrows(IOException.class, () -> FioRun.result(FIO.formatted(5, 10), WRITES));
        assertThrows(IOException.class, () -> FioRun.result(FIO.formatted(0, 0), WRITES));
    }

    @Test
    void latenciesAreThoseBelowWhichAShareLies() {
        var nanos = new long[1000];
        for (int i = 0; i < nanos.length; i++) {
            nanos[i] = (1000 - i) * 1_000_000L;
        }
        var latency = LoadResult.Latency.of(nanos);
        assertEquals(500.5, latency.mean());
        assertEquals(501, latency.p50());
        assertEquals(991, latency.p99());
        assertEquals(1000, latency.p999());
    }

    @Test
    void whatTheKernelCountsIsReadByField() {
        String stat = "77 (a ) name) S 1 77 77 0 -1 4194560 9 0 0 0 150 50 3 4 20 0 1 0 100";
        assertEquals(2.0, ServerUsage.cpuSeconds(stat));
        String device = "  421 5 3000 77   912 34 16 88 0 100 165 0 0 0 0\n";
        assertEquals(8192, BlockDevice.writtenBytes(device));
    }
}
