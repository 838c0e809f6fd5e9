package weft.ops.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A span of time a person typed: `90s`, `10m`, `12h`, `7d`.
public final class TimeSpan {
    private static final Pattern FORM = Pattern.compile("([0-9]{1,9})([smhd])");
    private static final String UNITS = "dhms";
    private static final long[] UNIT_SECONDS = {86_400, 3_600, 60, 1};

    private TimeSpan() {}

    /// The span, in seconds.
    ///
    /// @throws IllegalArgumentException with a message fit for people
    public static long parse(String text) {
        Matcher match = FORM.matcher(text.strip());
        if (!match.matches()) {
            throw new IllegalArgumentException(
                    "time '%s' is not understood: write 90s, 10m, 12h or 7d"
                            .formatted(text.length() > 40 ? text.substring(0, 40) + "…" : text));
        }
        return Long.parseLong(match.group(1)) * UNIT_SECONDS[UNITS.indexOf(match.group(2))];
    }

    /// The span as it would be typed.
    public static String format(Duration span) {
        long seconds = span.toSeconds();
        for (int unit = 0; unit < UNIT_SECONDS.length; unit++) {
            if (seconds % UNIT_SECONDS[unit] == 0 && (seconds > 0 || unit == 3)) {
                return seconds / UNIT_SECONDS[unit] + UNITS.substring(unit, unit + 1);
            }
        }
        throw new IllegalArgumentException(span.toString());
    }

    /// The span as a table shows it: in its largest unit, rounded down.
    public static String humane(Duration span) {
        long seconds = Math.max(0, span.toSeconds());
        for (int unit = 0; unit < UNIT_SECONDS.length; unit++) {
            if (seconds >= UNIT_SECONDS[unit]) {
                return seconds / UNIT_SECONDS[unit] + UNITS.substring(unit, unit + 1);
            }
        }
        return "0s";
    }

    /// For picocli: an option's seconds.
    public static final class Converter implements ITypeConverter<Long> {
        @Override
        public Long convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
