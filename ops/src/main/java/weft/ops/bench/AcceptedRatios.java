package weft.ops.bench;

import weft.fabric.FabricJson;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// The ratios to a peer that were last accepted, as a small file of the tree keeps them: the
/// performance gate. Ratios of one run, not rates, since hosts and hours differ; a row falls when
/// its ratio is below the accepted one by more than the tolerance.
///
/// @param bench of which report
/// @param peer against whom
/// @param commit that was measured when a row was last accepted
/// @param tolerancePercent how far a ratio may fall, 1 to 99
/// @param ratios by row
public record AcceptedRatios(
        String bench,
        String peer,
        String commit,
        int tolerancePercent,
        Map<String, Double> ratios) {
    /// What a new file begins with: a fifth is more than medians of three runs vary by on a quiet
    /// host, and less than anything that matters to a guest.
    public static final int TOLERANCE_PERCENT = 20;

    /// Beyond this factor, either way, a ratio says that something was not measured.
    private static final double FACTOR_MAX = 1000;

    /// The file itself, unlike its values, is small whatever happens.
    private static final long FILE_BYTES_MAX = 1 << 20;

    /// A row below what the tolerance allows.
    ///
    /// @param least the lowest ratio that would have passed
    public record Fall(String row, double accepted, double least, double found) {
        /// As an error tells it: `integer 1.50 (accepted 2.10, at least 1.68)`.
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%s %.2f (accepted %.2f, at least %.2f)",
                    row,
                    found,
                    accepted,
                    least);
        }
    }

    /// What a comparison found.
    ///
    /// @param compared how many rows both sides have
    /// @param unknown rows of the report that were never accepted
    public record Verdict(List<Fall> falls, int compared, List<String> unknown) {}

    /// Reads a file that [#json] made.
    public static AcceptedRatios read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IOException("%s does not exist: --accept %s makes it".formatted(file, file));
        }
        if (Files.size(file) > FILE_BYTES_MAX) {
            throw new IOException(file + " is too large for accepted ratios");
        }
        AcceptedRatios read;
        try {
            read = FabricJson.read(Files.readAllBytes(file), AcceptedRatios.class);
        } catch (IOException e) {
            throw new IOException(
                    "%s holds no accepted ratios: %s".formatted(file, firstLine(e)), e);
        }
        read.check(file);
        return read;
    }

    private static String firstLine(IOException e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    private void check(Path file) throws IOException {
        Optional<Map<String, Double>> some = Optional.ofNullable(ratios);
        boolean legal =
                tolerancePercent >= 1
                        && tolerancePercent <= 99
                        && some.isPresent()
                        && some.get().values().stream().allMatch(AcceptedRatios::isPlausible);
        if (!legal) {
            throw new IOException(
                    "%s holds no accepted ratios: a tolerance of 1 to 99 % and ratios of 0.001 to 1000 are expected"
                            .replace("%s", file.toString()));
        }
    }

    private static boolean isPlausible(double ratio) {
        return ratio >= 1 / FACTOR_MAX && ratio <= FACTOR_MAX;
    }

    /// Nothing accepted yet.
    public static AcceptedRatios none(String bench, String peer) {
        return new AcceptedRatios(bench, peer, "unknown", TOLERANCE_PERCENT, Map.of());
    }

    /// Compares the rows that both sides have.
    ///
    /// @throws IOException if they do not speak of the same, or have no row in common: a gate that
    ///   compares nothing must not pass
    public Verdict judge(Report report) throws IOException {
        var falls = new ArrayList<Fall>();
        var unknown = new ArrayList<String>();
        int compared = 0;
        for (Map.Entry<String, Double> row : ratiosOf(report).entrySet()) {
            Double accepted = ratios.get(row.getKey());
            if (accepted == null) {
                unknown.add(row.getKey());
                continue;
            }
            compared++;
            double least = accepted * (100 - tolerancePercent) / 100;
            // Not "found < least": a ratio that is no number has not passed either.
            if (!(row.getValue() >= least)) {
                falls.add(new Fall(row.getKey(), accepted, least, row.getValue()));
            }
        }
        if (compared == 0) {
            throw new IOException("no row of this run has an accepted ratio to compare with");
        }
        return new Verdict(List.copyOf(falls), compared, List.copyOf(unknown));
    }

    /// The same with the report's ratios in place of those accepted before; rows that the report
    /// does not have stay.
    ///
    /// @throws IOException also if one of them cannot be true
    public AcceptedRatios with(Report report) throws IOException {
        var all = new TreeMap<>(ratios);
        for (Map.Entry<String, Double> row : ratiosOf(report).entrySet()) {
            if (!isPlausible(row.getValue())) {
                throw new IOException(
                        "%s: a ratio of %s is not accepted; measure that row again"
                                .formatted(row.getKey(), row.getValue()));
            }
            all.put(row.getKey(), row.getValue());
        }
        return new AcceptedRatios(bench, peer, report.commit(), tolerancePercent, all);
    }

    private Map<String, Double> ratiosOf(Report report) throws IOException {
        var found = new TreeMap<String, Double>();
        for (Row row : report.rows()) {
            Optional<Row.Peer> other = row.peer();
            if (other.isPresent() && other.get().name().equals(peer)) {
                row.ratio().ifPresent(ratio -> found.put(row.name(), ratio));
            }
        }
        if (!report.bench().equals(bench) || found.isEmpty()) {
            throw new IOException(
                    "this run of '%s' has no ratios to '%s', but those of '%s' are asked for: run with --peer %s"
                            .formatted(report.bench(), peer, bench, peer));
        }
        return found;
    }

    /// As a file holds it: a row a line, in order, two digits, so that a change reads well.
    public byte[] json() {
        String rows =
                new TreeMap<>(ratios)
                        .entrySet().stream()
                                .map(row ->
                                        String.format(
                                                Locale.ROOT,
                                                "    \"%s\": %.2f",
                                                row.getKey(),
                                                row.getValue()))
                                .collect(Collectors.joining(",\n"));
        return """
        {
          "bench": "%s",
          "peer": "%s",
          "commit": "%s",
          "tolerancePercent": %d,
          "ratios": {
        %s
          }
        }
        """
                .formatted(bench, peer, commit, tolerancePercent, rows)
                .getBytes(StandardCharsets.UTF_8);
    }
}
