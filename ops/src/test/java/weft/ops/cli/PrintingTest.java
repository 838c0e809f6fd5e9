package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.ops.cli.Output.Column;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// Sizes, tables and bars.
final class PrintingTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void sizesCountIn1024s() {
        assertEquals(1L << 30, ByteSize.parse("1G").bytes());
        assertEquals(512L << 20, ByteSize.parse("512m").bytes());
        assertEquals(4096, ByteSize.parse("4096").bytes());
        assertEquals(3L << 29, ByteSize.parse("1.5GiB").bytes());
        assertEquals(1L << 50, ByteSize.parse("1024T").bytes());
        assertEquals("1.5G", ByteSize.parse("1.5G").toString());
        assertEquals("4K", ByteSize.humane(4096));
        assertEquals("1023B", ByteSize.humane(1023));
    }

    @Test
    void aSizeThatCannotBeIsRefusedWithTheReason() {
        assertRefused("0", "zero");
        assertRefused("0G", "zero");
        assertRefused("-1G", "negative");
        assertRefused("4097", "multiple of 4096 bytes; the nearest is 4096");
        assertRefused("1", "multiple of 4096");
        assertRefused("1025T", "too large");
        assertRefused("9999999999999999T", "too large");
        for (String bad :
                List.of("", "G", "1X", "1e9", "1,5G", "99999999999999999999", "1G 2", "NaN")) {
            assertRefused(bad, "not understood");
        }
    }

    private static void assertRefused(String text, String reason) {
        var refusal = assertThrows(IllegalArgumentException.class, () -> ByteSize.parse(text));
        assertTrue(String.valueOf(refusal.getMessage()).contains(reason), refusal::toString);
    }

    @Test
    void aTableAlignsAndNoControlCharacterReachesTheTerminal() {
        record Row(String name, int size) {}
        String table =
                Table.format(
                        List.of(new Row("web1", 5), new Row("a\u001b[31m", 12345)),
                        List.of(Column.of("NAME", Row::name), Column.of("SIZE", Row::size)));
        assertEquals(List.of("NAME    SIZE", "web1    5", "a?[31m  12345"), table.lines().toList());
    }

    @Test
    void aBarIsRedrawnOnATerminalAndPlainElsewhere() {
        var now = new AtomicLong();
        var text = new StringWriter();
        var bar =
                new ProgressBar(
                        new PrintWriter(text),
                        ProgressBar.Style.REDRAWN,
                        now::get,
                        "file",
                        100 << 20);
        now.set(2 * SECOND);
        bar.add(50 << 20);
        assertTrue(
                text.toString()
                        .endsWith(
                                "\r"
                                    + "\033[Kfile [############............]  50% 50M/100M, 25M/s,"
                                    + " 2 s left"),
                text.toString());
        bar.close();
        assertTrue(
                text.toString().endsWith("25M/s, 2.0 s" + System.lineSeparator()), text.toString());
    }

    @Test
    void elsewhereABarIsALineEveryFiveSecondsAndAtTheEnd() {
        var now = new AtomicLong();
        var text = new StringWriter();
        try (var bar =
                new ProgressBar(
                        new PrintWriter(text),
                        ProgressBar.Style.PLAIN_LINES,
                        now::get,
                        "file",
                        -1)) {
            for (int second = 1; second <= 12; second++) {
                now.set(second * SECOND);
                bar.add(1 << 20);
            }
        }
        assertEquals(
                List.of("file 5M, 1M/s", "file 10M, 1M/s", "file 12M, 1M/s, 12.0 s"),
                text.toString().lines().toList());
    }
}
