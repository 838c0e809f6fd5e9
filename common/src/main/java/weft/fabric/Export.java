package weft.fabric;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// A volume that storage nodes offer over NBD, under the volume's name.
///
/// @param nodes which offer it, at least one; records of earlier releases name one `node`
/// @param ioTimeoutSeconds after which a request that the pool has not answered fails; null: it
///   waits for as long as the pool takes
public record Export(
        String volume,
        @JsonAlias("node") @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
                List<NodeId> nodes,
        boolean readOnly,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer ioTimeoutSeconds) {
    public static final int IO_TIMEOUT_SECONDS_MIN = 1;

    /// A day.
    public static final int IO_TIMEOUT_SECONDS_MAX = 86_400;

    public Export {
        nodes = List.copyOf(nodes);
        if (nodes.isEmpty() || nodes.stream().distinct().count() < nodes.size()) {
            throw new IllegalArgumentException("volume %s exported by %s".formatted(volume, nodes));
        }
        if (ioTimeoutSeconds != null
                && (ioTimeoutSeconds < IO_TIMEOUT_SECONDS_MIN
                        || ioTimeoutSeconds > IO_TIMEOUT_SECONDS_MAX)) {
            throw new IllegalArgumentException(
                    "an I/O timeout of %d s is not in %d..%d s"
                            .formatted(
                                    ioTimeoutSeconds,
                                    IO_TIMEOUT_SECONDS_MIN,
                                    IO_TIMEOUT_SECONDS_MAX));
        }
    }

    /// An export whose requests wait for as long as the pool takes.
    public Export(String volume, List<NodeId> nodes, boolean readOnly) {
        this(volume, nodes, readOnly, null);
    }

    /// The same export at these nodes.
    public Export withNodes(List<NodeId> newNodes) {
        return new Export(volume, newNodes, readOnly, ioTimeoutSeconds);
    }

    /// How long a request may take.
    public Optional<Duration> ioTimeout() {
        return Optional.ofNullable(ioTimeoutSeconds).map(Duration::ofSeconds);
    }
}
