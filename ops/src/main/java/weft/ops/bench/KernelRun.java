package weft.ops.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a kernel said in one run, by the host's clock: `weft-bench NAME` · `rep N INSTRUCTIONS` … ·
/// `checksum HEX`.
final class KernelRun {
    private static final Pattern BEGIN = Pattern.compile("weft-bench [a-z-]+");
    private static final Pattern REPETITION = Pattern.compile("rep (\\d{1,18}) (\\d{1,18})");
    private static final Pattern CHECKSUM = Pattern.compile("checksum ([0-9a-f]{16})");

    private final List<Mark> marks;
    private final String checksum;

    /// The end of a repetition; the first one stands for the beginning.
    ///
    /// @param seconds since the beginning
    /// @param instructions of the guest, all in all
    record Mark(double seconds, long repetitions, long instructions) {}

    KernelRun(List<Mark> marks, String checksum) {
        this.marks = List.copyOf(marks);
        this.checksum = checksum;
    }

    /// Follows a kernel to its end.
    ///
    /// @param seconds after which it is told to stop
    static KernelRun follow(GuestProcess guest, double seconds)
            throws IOException, InterruptedException {
        var marks = new ArrayList<Mark>();
        long beginNanos = 0;
        boolean told = false;
        while (true) {
            GuestProcess.Line line = guest.awaitLine();
            Matcher repetition = REPETITION.matcher(line.text());
            Matcher checksum = CHECKSUM.matcher(line.text());
            if (BEGIN.matcher(line.text()).matches()) {
                beginNanos = line.nanos();
                marks.add(new Mark(0, 0, 0));
            } else if (marks.isEmpty()) {
                // An operating system that boots first has its own words.
                continue;
            } else if (repetition.matches()) {
                double now = (line.nanos() - beginNanos) / 1e9;
                marks.add(
                        new Mark(
                                now,
                                Long.parseLong(repetition.group(1)),
                                Long.parseLong(repetition.group(2))));
                if (now >= seconds && !told) {
                    guest.type("q\n");
                    told = true;
                }
            } else if (checksum.matches() && marks.size() > 1) {
                requireSuccess(guest.awaitEnd());
                return new KernelRun(marks, checksum.group(1));
            } else {
                throw new IOException("the kernel printed '" + line.text() + "'");
            }
        }
    }

    private static void requireSuccess(int exitCode) throws IOException {
        if (exitCode != 0) {
            throw new IOException("the kernel ended with code " + exitCode);
        }
    }

    String checksum() {
        return checksum;
    }

    /// From the beginning to the end of the last repetition.
    double seconds() {
        return marks.getLast().seconds();
    }

    /// Repetitions per second between two moments, parts of a repetition counted as if it went on
    /// evenly.
    double repetitionsPerSecond(double from, double to) {
        return (repetitionsAt(to) - repetitionsAt(from)) / (to - from);
    }

    private double repetitionsAt(double moment) {
        for (int i = 1; i < marks.size(); i++) {
            Mark before = marks.get(i - 1);
            Mark after = marks.get(i);
            if (after.seconds() >= moment) {
                double part = (moment - before.seconds()) / (after.seconds() - before.seconds());
                return before.repetitions() + part * (after.repetitions() - before.repetitions());
            }
        }
        return marks.getLast().repetitions();
    }

    /// Million instructions per second between the first marks at or after two moments.
    double mips(double from, double to) {
        Mark first = markAfter(from);
        Mark last = markAfter(to);
        return (last.instructions() - first.instructions())
                / 1e6
                / (last.seconds() - first.seconds());
    }

    private Mark markAfter(double moment) {
        return marks.stream()
                .filter(mark -> mark.seconds() >= moment)
                .findFirst()
                .orElseGet(marks::getLast);
    }
}
