package weft.ops.bench;

import java.util.Locale;
import java.util.Optional;

/// A line of a result.
///
/// @param peer what the peer reached, if one ran
public record Row(String name, String unit, Better better, Figure weft, Optional<Peer> peer) {
    /// Which way is better.
    public enum Better {
        MORE,
        LESS;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// The other side.
    public record Peer(String name, Figure figure) {}

    /// In a line, for whoever waits for the table: `write: 12.3 [11.9–12.4] ms, qemu 9.1
    /// [9.0–9.2]`.
    public String line() {
        String theirs = peer.map(it -> ", " + it.name() + " " + it.figure()).orElse("");
        return "%s: %s %s%s".formatted(name, weft, unit, theirs);
    }

    /// Weft against the peer by the medians; above 1 is better for Weft, whichever way is better.
    public Optional<Double> ratio() {
        return peer.map(Peer::figure)
                .map(figure ->
                        switch (better) {
                            case MORE -> weft.median() / figure.median();
                            case LESS -> figure.median() / weft.median();
                        });
    }
}
