package weft.fabric;

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.annotation.JsonFormat;

import java.util.List;

/// A volume that storage nodes offer over NBD, under the volume's name.
///
/// @param nodes which offer it, at least one; records of earlier releases name one `node`
public record Export(
        String volume,
        @JsonAlias("node") @JsonFormat(with = JsonFormat.Feature.ACCEPT_SINGLE_VALUE_AS_ARRAY)
                List<NodeId> nodes,
        boolean readOnly) {
    public Export {
        nodes = List.copyOf(nodes);
        if (nodes.isEmpty() || nodes.stream().distinct().count() < nodes.size()) {
            throw new IllegalArgumentException("volume %s exported by %s".formatted(volume, nodes));
        }
    }
}
