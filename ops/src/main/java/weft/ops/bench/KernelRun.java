package weft.ops.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a kernel said in one run, by the host's clock: `weft-bench NAME` · `rep N INSTRUCTIONS` … ·
/// `checksum HEX`. A program that measures itself also says how fast it was (`said …`, by the
/// guest's clock), and that clock (`clock NANOSECONDS`), which must agree with the host's.
final class KernelRun {
    private static final Pattern BEGIN = Pattern.compile("weft-bench [a-z-]+");
    private static final Pattern REPETITION = Pattern.compile("rep (\\d{1,18}) (\\d{1,18})");
    private static final Pattern SAID = Pattern.compile("said (.*)");
    private static final Pattern CLOCK = Pattern.compile("clock (\\d{1,18})");
    private static final Pattern CHECKSUM = Pattern.compile("checksum ([0-9a-f]{16})");

    /// How far a guest's clock may be from the host's if a figure by it is to count: what a busy
    /// host delays a line by, over some seconds.
    private static final double CLOCK_ERROR_MAX = 0.03;

    private final List<Mark> marks;
    private final String checksum;

    /// The end of a repetition; the first one stands for the beginning.
    ///
    /// @param seconds since the beginning
    /// @param repetitions since then, or what the program says it has done
    /// @param instructions of the guest, all in all
    record Mark(double seconds, double repetitions, long instructions) {}

    KernelRun(List<Mark> marks, String checksum) {
        this.marks = List.copyOf(marks);
        this.checksum = checksum;
    }

    /// Follows a kernel to its end.
    ///
    /// @param seconds after which it is told to stop, once it has done two repetitions: the first
    ///   is cold
    static KernelRun follow(GuestProcess guest, double seconds)
            throws IOException, InterruptedException {
        return new Follower(guest, seconds, Optional.empty()).follow();
    }

    /// Follows a program that measures itself to its end.
    ///
    /// @param rate finds in what it says how much it does in a second, as its first group
    static KernelRun follow(GuestProcess guest, double seconds, Pattern rate)
            throws IOException, InterruptedException {
        return new Follower(guest, seconds, Optional.of(rate)).follow();
    }

    /// One run while it goes on.
    private static final class Follower {
        private final GuestProcess guest;
        private final double seconds;
        private final Optional<Pattern> rate;
        private final List<Mark> marks = new ArrayList<>();
        private final List<ClockReading> clock = new ArrayList<>();
        private long beginNanos;
        private double saidRate = Double.NaN;
        private String lastSaid = "";
        private boolean told;

        Follower(GuestProcess guest, double seconds, Optional<Pattern> rate) {
            this.guest = guest;
            this.seconds = seconds;
            this.rate = rate;
        }

        KernelRun follow() throws IOException, InterruptedException {
            while (true) {
                GuestProcess.Line line = guest.awaitLine();
                Matcher checksum = CHECKSUM.matcher(line.text());
                if (BEGIN.matcher(line.text()).matches()) {
                    beginNanos = line.nanos();
                    marks.add(new Mark(0, 0, 0));
                } else if (marks.isEmpty()) {
                    // An operating system that boots first has its own words.
                    continue;
                } else if (checksum.matches() && marks.size() > 1) {
                    requireSuccess(guest.awaitEnd());
                    requireRightClock();
                    return new KernelRun(marks, checksum.group(1));
                } else {
                    hear(line);
                }
            }
        }

        private void hear(GuestProcess.Line line) throws IOException {
            Matcher repetition = REPETITION.matcher(line.text());
            Matcher said = SAID.matcher(line.text());
            Matcher time = CLOCK.matcher(line.text());
            if (repetition.matches()) {
                double now = (line.nanos() - beginNanos) / 1e9;
                marks.add(
                        new Mark(
                                now,
                                rate.isPresent()
                                        ? marks.getLast().repetitions() + sinceLastMark(now)
                                        : Long.parseLong(repetition.group(1)),
                                Long.parseLong(repetition.group(2))));
                if (now >= seconds && marks.size() > 2 && !told) {
                    guest.type("q\n");
                    told = true;
                }
            } else if (time.matches()) {
                clock.add(new ClockReading(line.nanos(), Long.parseLong(time.group(1))));
            } else if (said.matches()) {
                lastSaid = said.group(1);
                rate.map(form -> form.matcher(lastSaid))
                        .filter(Matcher::find)
                        .ifPresent(found -> saidRate = Double.parseDouble(found.group(1)));
            } else {
                throw new IOException(
                        "the kernel printed '%s'%s"
                                .formatted(
                                        line.text(),
                                        lastSaid.isEmpty()
                                                ? ""
                                                : "; the program said last: " + lastSaid));
            }
        }

        /// What the program says of itself, as if it held from mark to mark.
        private double sinceLastMark(double now) throws IOException {
            if (Double.isNaN(saidRate)) {
                throw new IOException("the program did not say how fast it was");
            }
            return saidRate * (now - marks.getLast().seconds());
        }

        private void requireRightClock() throws IOException {
            if (rate.isEmpty() || clock.isEmpty()) {
                return;
            }
            double host = clock.getLast().hostNanos() - clock.getFirst().hostNanos();
            double ratio = (clock.getLast().guestNanos() - clock.getFirst().guestNanos()) / host;
            if (Math.abs(ratio - 1) > CLOCK_ERROR_MAX) {
                throw new IOException(
                        "the guest's clock ran at %.2f of the host's: what the program says of itself does not count"
                                .formatted(ratio));
            }
        }
    }

    private record ClockReading(long hostNanos, long guestNanos) {}

    private static void requireSuccess(int exitCode) throws IOException {
        if (exitCode != 0) {
            throw new IOException("the kernel ended with code " + exitCode);
        }
    }

    List<Mark> marks() {
        return marks;
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
