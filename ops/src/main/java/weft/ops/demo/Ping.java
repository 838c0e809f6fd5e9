package weft.ops.demo;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What `ping` of busybox says at its end.
record Ping(int sent, int lost, String roundTrip) {
    private static final Pattern COUNTS =
            Pattern.compile("(\\d+) packets transmitted, (\\d+) packets received");
    private static final Pattern TIMES = Pattern.compile("round-trip[^=]*= ([^\\n]*)");

    static Ping parse(String output) {
        Matcher counts = COUNTS.matcher(output);
        DemoFailure.unless(counts.find(), "ping printed no summary: %s", output);
        Matcher times = TIMES.matcher(output);
        int sent = Integer.parseInt(counts.group(1));
        return new Ping(
                sent,
                Math.max(0, sent - Integer.parseInt(counts.group(2))),
                times.find() ? "round trip " + times.group(1).strip() : "");
    }
}
