package weft.ops.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;

import picocli.CommandLine;

import weft.ops.cli.ExitCode;
import weft.storage.simulation.FaultSchedule;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;

class BenchSimulateTest {
    private final StringWriter out = new StringWriter();

    private int run(BenchSimulate bench, String... arguments) {
        var root = new CommandLine(bench);
        root.setOut(new PrintWriter(out));
        root.setErr(new PrintWriter(new StringWriter()));
        return root.execute(arguments);
    }

    private static FaultSchedule.Outcome brokenAtSeven(long seed) {
        if (seed == 7) {
            throw new AssertionError("two primaries");
        }
        return new FaultSchedule.Outcome(10, Map.of("CRASH", 2), 1);
    }

    @Test
    void realSchedulesArePlayed() throws IOException {
        assertEquals(ExitCode.OK.value(), run(new BenchSimulate(), "--seeds", "2", "--json"));
        JsonNode found = new ObjectMapper().readTree(out.toString());
        assertEquals(2, found.get("schedules").asInt());
        assertTrue(found.get("operations").asLong() > 20, found::toString);
        assertEquals("", found.get("broken").asText());
    }

    @Test
    void aBrokenPromiseNamesItsSeedAndFails() {
        var bench = new BenchSimulate(BenchSimulateTest::brokenAtSeven);
        int exitCode = run(bench, "--first", "5", "--seeds", "100", "--threads", "2");
        assertEquals(ExitCode.FAILED.value(), exitCode);
        assertTrue(out.toString().contains("20 operations in 2 schedules"), out::toString);
        assertTrue(out.toString().contains("--seeds 1 --first 7"), out::toString);
        assertTrue(out.toString().contains("two primaries"), out::toString);
        assertFalse(out.toString().contains("no promise was broken"), out::toString);
    }

    @Test
    void allSeedsAreTakenAndFaultsAreCountedByKind() {
        var bench = new BenchSimulate(BenchSimulateTest::brokenAtSeven);
        int exitCode = run(bench, "--first", "8", "--seeds", "30", "--threads", "3");
        assertEquals(ExitCode.OK.value(), exitCode);
        assertTrue(out.toString().contains("300 operations in 30 schedules"), out::toString);
        assertTrue(out.toString().contains("CRASH: 60"), out::toString);
    }
}
