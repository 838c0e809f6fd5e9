package weft.ops.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.FabricJson;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

final class ReportTest {
    private static Row row(Row.Better better, double weft, double peer) {
        var other = new Row.Peer("qemu", Figure.of(List.of(peer)));
        return new Row("x", "s", better, Figure.of(List.of(weft)), Optional.of(other));
    }

    @Test
    void theMedianIsTheMiddleRunOrTheMeanOfTheTwoInTheMiddle() {
        assertEquals(new Figure(2, 1, 9, 3), Figure.of(List.of(9.0, 1.0, 2.0)));
        assertEquals(new Figure(3, 1, 9, 4), Figure.of(List.of(9.0, 1.0, 2.0, 4.0)));
        assertEquals(new Figure(7, 7, 7, 1), Figure.of(List.of(7.0)));
    }

    @Test
    void aRatioAboveOneIsBetterForWeftWhicheverWayIsBetter() {
        assertEquals(Optional.of(2.0), row(Row.Better.MORE, 10, 5).ratio());
        assertEquals(Optional.of(0.5), row(Row.Better.LESS, 10, 5).ratio());
    }

    @Test
    void figuresAreShownWithThreeDigits() {
        assertEquals("0.12 [0.12–0.12]", Figure.of(List.of(0.123)).toString());
        assertEquals("12.3 [9.99–1234]", Figure.of(List.of(9.99, 12.34, 1234.4)).toString());
    }

    @Test
    void jsonHasTheFormThatAllBenchmarksShare() {
        var alone =
                new Row(
                        "interpreter-mips",
                        "MIPS",
                        Row.Better.MORE,
                        Figure.of(List.of(300.0)),
                        Optional.empty());
        var machine = new Report.Machine("a \"CPU\"", 2);
        var report =
                new Report("cpu", "abc1234", machine, List.of(row(Row.Better.LESS, 4, 2), alone));
        String expected =
                """
                {"bench":"cpu","commit":"abc1234","machine":{"cpu":"a \\"CPU\\"","cores":2},
                "rows":[{"name":"x","unit":"s","better":"less",
                "weft":{"median":4.0,"min":4.0,"max":4.0,"n":1},
                "peer":{"name":"qemu","median":2.0,"min":2.0,"max":2.0,"n":1},"ratio":0.5},
                {"name":"interpreter-mips","unit":"MIPS","better":"more",
                "weft":{"median":300.0,"min":300.0,"max":300.0,"n":1}}]}\
                """
                        .replace("\n", "");
        assertEquals(expected, new String(FabricJson.write(report.json()), StandardCharsets.UTF_8));
    }

    @Test
    void timeOfOthersIsAllThatIsBusyLessOurOwn() {
        assertEquals(
                1 + 2 + 4 + 16 + 32 + 64,
                HostLoad.busyTicks("cpu  1 2 4 1000 1000 16 32 64 500 500"));
        String self = "12 (a) b (c) S " + "0 ".repeat(10) + "1 2 4 8 100 0";
        assertEquals(15, HostLoad.ownTicks(self));
        assertTrue(HostLoad.busyTicks("cpu  1 2 4 8 16") == 7);
    }
}
