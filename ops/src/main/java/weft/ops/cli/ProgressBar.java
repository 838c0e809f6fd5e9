package weft.ops.cli;

import weft.runtime.Clock;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;

/// Shows how far a piece of work is: on a terminal one line that is redrawn ten times a second,
/// elsewhere a plain line every five seconds and at the end. One thread at a time.
public final class ProgressBar implements AutoCloseable {
    /// Who reads.
    public enum Style {
        /// A person at a terminal.
        REDRAWN,
        /// A log file or a pipe.
        PLAIN_LINES
    }

    private static final long REDRAW_NANOS = 100_000_000L;
    private static final long PLAIN_NANOS = 5_000_000_000L;
    private static final int WIDTH_CHARACTERS = 24;

    private final PrintWriter out;
    private final Style style;
    private final Clock clock;
    private final String label;
    private final Optional<String> counted;
    private final long startedNanos;
    private long totalBytes;
    private long doneBytes;
    private long shownNanos;
    private boolean closed;

    /// @param totalBytes negative if unknown
    public ProgressBar(PrintWriter out, Style style, Clock clock, String label, long totalBytes) {
        this(out, style, clock, label, Optional.empty(), totalBytes);
    }

    /// @param counted what is counted instead of bytes: "placement groups"
    ProgressBar(
            PrintWriter out,
            Style style,
            Clock clock,
            String label,
            Optional<String> counted,
            long totalBytes) {
        this.counted = counted;
        this.out = out;
        this.style = style;
        this.clock = clock;
        this.label = label;
        this.totalBytes = totalBytes;
        startedNanos = clock.nowNanos();
        shownNanos = startedNanos;
        if (style == Style.REDRAWN) {
            show(startedNanos);
        }
    }

    /// More was done.
    public void add(long bytes) {
        update(doneBytes + bytes, totalBytes);
    }

    /// So much is done, of so much; totals may change while the work goes on.
    public void update(long newDoneBytes, long newTotalBytes) {
        doneBytes = newDoneBytes;
        totalBytes = newTotalBytes;
        long now = clock.nowNanos();
        if (now - shownNanos >= (style == Style.REDRAWN ? REDRAW_NANOS : PLAIN_NANOS)) {
            show(now);
        }
    }

    private void show(long nowNanos) {
        shownNanos = nowNanos;
        String line = line(nowNanos);
        if (style == Style.REDRAWN) {
            out.print("\r\033[K" + line);
        } else {
            out.println(line);
        }
        out.flush();
    }

    private String line(long nowNanos) {
        double seconds = (nowNanos - startedNanos) / 1e9;
        double bytesPerSecond = seconds > 0.05 ? doneBytes / seconds : 0;
        var line = new StringBuilder(label);
        if (totalBytes > 0) {
            int percent = (int) Math.min(100, doneBytes * 100 / totalBytes);
            if (style == Style.REDRAWN) {
                int filled = percent * WIDTH_CHARACTERS / 100;
                line.append(" [").repeat("#", filled).repeat(".", WIDTH_CHARACTERS - filled);
                line.append(']');
            }
            line.append(String.format(Locale.ROOT, " %3d%%", percent));
            line.append(' ').append(amount(doneBytes));
            line.append('/').append(amount(totalBytes));
        } else {
            line.append(' ').append(amount(doneBytes));
        }
        counted.ifPresent(what -> line.append(' ').append(what));
        if (bytesPerSecond > 0 && counted.isEmpty()) {
            line.append(", ").append(ByteSize.humane((long) bytesPerSecond)).append("/s");
        }
        if (closed) {
            line.append(String.format(Locale.ROOT, ", %.1f s", seconds));
        } else if (bytesPerSecond > 0 && totalBytes > doneBytes) {
            line.append(", ");
            line.append(Math.round((totalBytes - doneBytes) / bytesPerSecond)).append(" s left");
        }
        return line.toString();
    }

    private String amount(long done) {
        return counted.isPresent() ? Long.toString(done) : ByteSize.humane(done);
    }

    /// Shows the last state and ends the line.
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        show(clock.nowNanos());
        if (style == Style.REDRAWN) {
            out.println();
            out.flush();
        }
    }
}
