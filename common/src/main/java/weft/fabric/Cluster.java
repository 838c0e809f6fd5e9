package weft.fabric;

import java.util.UUID;

/// What a fabric is, from its first start on.
///
/// @param id named in every handshake and every file
/// @param pgBits the pool has 2^pgBits placement groups
/// @param replicas how many stores hold each placement group
/// @param minReplicas how many must have a write before it is acknowledged
public record Cluster(UUID id, int formatVersion, int pgBits, int replicas, int minReplicas) {
    /// The layout of the records that this release writes.
    public static final int FORMAT_VERSION = 1;

    public Cluster {
        if (formatVersion != FORMAT_VERSION) {
            throw new IllegalArgumentException(
                    "the fabric's records have format %d, this release reads %d"
                            .formatted(formatVersion, FORMAT_VERSION));
        }
        if (pgBits < 0 || pgBits > 16) {
            throw new IllegalArgumentException("pgBits %d is not in 0..16".formatted(pgBits));
        }
        if (minReplicas < 1 || replicas < minReplicas || replicas > 7) {
            throw new IllegalArgumentException(
                    "replicas %d and minReplicas %d: needed is 1 <= minReplicas <= replicas <= 7"
                            .formatted(replicas, minReplicas));
        }
    }
}
