package weft.ops.cli;

import picocli.CommandLine.ITypeConverter;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A size a person typed: `4096`, `512M`, `1G`, `1.5G`; K, M, G and T count in 1024s.
///
/// @param bytes positive, and a multiple of [#GRANULARITY_BYTES]
public record ByteSize(long bytes) {
    /// The block of the pool and the page of a guest: no size is finer.
    public static final long GRANULARITY_BYTES = 4096;

    /// 1 PiB. Larger is a slip of the finger; the pool's 32-bit chunk numbers reach 16 PiB.
    public static final long BYTES_MAX = 1L << 50;

    private static final Pattern FORM =
            Pattern.compile("([0-9]{1,16})(?:\\.([0-9]{1,3}))?\\s*(?:([KMGT])(?:I?B)?|B)?");
    private static final String UNITS = "KMGT";

    public ByteSize {
        if (bytes <= 0 || bytes > BYTES_MAX || bytes % GRANULARITY_BYTES != 0) {
            throw new IllegalArgumentException(bytes + " bytes");
        }
    }

    /// The size.
    ///
    /// @throws IllegalArgumentException with a message fit for people
    public static ByteSize parse(String text) {
        String typed = text.strip();
        if (typed.startsWith("-")) {
            throw new IllegalArgumentException("size '" + typed + "' is negative");
        }
        Matcher match = FORM.matcher(typed.toUpperCase(Locale.ROOT));
        if (!match.matches()) {
            throw new IllegalArgumentException(
                    "size '" + shortened(typed) + "' is not understood: write 1G, 512M or bytes");
        }
        double bytes = Long.parseLong(match.group(1));
        String unit = match.group(3);
        long factor = unit == null ? 1 : 1L << (10 * (UNITS.indexOf(unit) + 1));
        if (match.group(2) != null) {
            bytes = Double.parseDouble(match.group(1) + "." + match.group(2));
        }
        bytes *= factor;
        if (bytes == 0) {
            throw new IllegalArgumentException("size '" + typed + "' is zero");
        }
        if (bytes > BYTES_MAX) {
            throw new IllegalArgumentException(
                    "size '" + typed + "' is too large: at most " + new ByteSize(BYTES_MAX));
        }
        if (bytes % GRANULARITY_BYTES != 0) {
            long below = Math.max(1, (long) (bytes / GRANULARITY_BYTES)) * GRANULARITY_BYTES;
            throw new IllegalArgumentException(
                    "size '%s' is not a multiple of 4096 bytes; the nearest is %d"
                            .formatted(typed, below));
        }
        return new ByteSize((long) bytes);
    }

    private static String shortened(String text) {
        return text.length() > 40 ? text.substring(0, 40) + "…" : text;
    }

    /// The size as a table shows it: `512M`, `1.5G`.
    @Override
    public String toString() {
        return humane(bytes);
    }

    /// Any count of bytes for people: three digits and a unit.
    public static String humane(long bytes) {
        if (bytes < 1024) {
            return Long.toString(bytes) + "B";
        }
        int power = Math.min(4, (63 - Long.numberOfLeadingZeros(bytes)) / 10);
        double value = (double) bytes / (1L << (10 * power));
        String digits = String.format(Locale.ROOT, value < 10 ? "%.1f" : "%.0f", value);
        return (digits.endsWith(".0") ? digits.substring(0, digits.length() - 2) : digits)
                + UNITS.charAt(power - 1);
    }

    /// For picocli: `@Option(names = "--size", converter = ByteSize.Converter.class)`.
    public static final class Converter implements ITypeConverter<ByteSize> {
        @Override
        public ByteSize convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new picocli.CommandLine.TypeConversionException(e.getMessage());
            }
        }
    }
}
