package weft.ops.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

final class AcceptedRatiosTest {
    private static final AcceptedRatios ACCEPTED =
            new AcceptedRatios(
                    "cpu", "qemu", "abc", 20, Map.of("integer", 2.0, "wide", 0.5, "gone", 9.0));

    @TempDir private Path folder = Path.of("set by JUnit");

    private static Report report(String peer, Map<String, Double> ratios) {
        var rows = new ArrayList<Row>();
        ratios.forEach((name, ratio) -> {
            var other = new Row.Peer(peer, Figure.of(List.of(10.0)));
            var figure = Figure.of(List.of(10 * ratio));
            rows.add(new Row(name, "x/s", Row.Better.MORE, figure, Optional.of(other)));
        });
        var alone =
                new Row("mips", "MIPS", Row.Better.MORE, Figure.of(List.of(1.0)), Optional.empty());
        rows.add(alone);
        return new Report("cpu", "def", new Report.Machine("c", 2), rows);
    }

    @Test
    void aRatioMayFallByTheToleranceAndNoFurther() throws IOException {
        var verdict = ACCEPTED.judge(report("qemu", Map.of("integer", 1.6, "wide", 0.39)));
        assertEquals(2, verdict.compared());
        assertEquals(List.of("wide"), verdict.falls().stream().map(it -> it.row()).toList());
        assertEquals(
                "wide 0.39 (accepted 0.50, at least 0.40)", verdict.falls().getFirst().toString());
    }

    @Test
    void aRatioThatRoseOrThatNobodyAcceptedYetIsNoFall() throws IOException {
        var verdict = ACCEPTED.judge(report("qemu", Map.of("integer", 7.0, "new", 0.01)));
        assertEquals(new AcceptedRatios.Verdict(List.of(), 1, List.of("new")), verdict);
    }

    @Test
    void aRatioThatIsNoNumberHasFallen() throws IOException {
        var verdict = ACCEPTED.judge(report("qemu", Map.of("integer", Double.NaN)));
        assertEquals(1, verdict.falls().size());
    }

    @Test
    void aGateThatComparesNothingDoesNotPass() {
        assertRefused("no row of this run", report("qemu", Map.of("new", 1.0)));
        assertRefused("no ratios to 'qemu'", report("other", Map.of("integer", 2.0)));
        assertRefused("no ratios to 'qemu'", report("qemu", Map.of()));
    }

    private static void assertRefused(String words, Report report) {
        IOException refused = assertThrows(IOException.class, () -> ACCEPTED.judge(report));
        assertTrue(String.valueOf(refused.getMessage()).contains(words), refused.getMessage());
    }

    @Test
    void whatIsAcceptedReplacesItsRowsAndSurvivesTheFile() throws IOException {
        var more = ACCEPTED.with(report("qemu", Map.of("integer", 2.5, "new", 1.25)));
        Path file = Files.write(folder.resolve("accepted.json"), more.json());
        var expected = Map.of("integer", 2.5, "wide", 0.5, "gone", 9.0, "new", 1.25);
        assertEquals(
                new AcceptedRatios("cpu", "qemu", "def", 20, expected), AcceptedRatios.read(file));
    }

    @Test
    void whatCannotBeTrueIsNotAccepted() {
        for (double ratio : new double[] {0, 1e-4, 1e4, Double.NaN}) {
            var absurd = report("qemu", Map.of("integer", ratio));
            IOException refused = assertThrows(IOException.class, () -> ACCEPTED.with(absurd));
            assertTrue(String.valueOf(refused.getMessage()).startsWith("integer: "));
        }
    }

    @Test
    void aFileThatHoldsSomethingElseIsRefusedByName() throws IOException {
        for (String text :
                List.of(
                        "",
                        "[]",
                        "{}",
                        "{\"tolerancePercent\":0,\"ratios\":{\"a\":1}}",
                        "{\"tolerancePercent\":20,\"ratios\":{\"a\":-1}}",
                        "{\"tolerancePercent\":20,\"ratios\":{\"a\":5000}}")) {
            Path file = folder.resolve("bad.json");
            Files.write(file, text.getBytes(StandardCharsets.UTF_8));
            IOException refused = assertThrows(IOException.class, () -> AcceptedRatios.read(file));
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.contains("bad.json holds no accepted ratios"), message);
            assertEquals(1, message.lines().count(), message);
        }
        Path absent = folder.resolve("absent.json");
        IOException refused = assertThrows(IOException.class, () -> AcceptedRatios.read(absent));
        assertTrue(String.valueOf(refused.getMessage()).contains("--accept"));
    }
}
