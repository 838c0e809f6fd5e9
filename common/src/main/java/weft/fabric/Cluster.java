package weft.fabric;

import java.util.UUID;

/// What a fabric is, from its first start on.
///
/// @param id named in every handshake and every file
/// @param pgBits the pool has 2^pgBits placement groups
/// @param replicas how many stores hold each placement group
/// @param minReplicas how many must have a write before it is acknowledged
/// @param leaseMillis a primary's lease from its secondaries; what else storage nodes wait for is
///   made from it
public record Cluster(
        UUID id, int formatVersion, int pgBits, int replicas, int minReplicas, int leaseMillis) {
    /// The layout of the records that this release writes.
    public static final int FORMAT_VERSION = 1;

    /// If nobody says otherwise, and of fabrics whose record says nothing.
    public static final int LEASE_MILLIS_DEFAULT = 1_500;

    /// Less is lost by any machine that does something else for a moment.
    public static final int LEASE_MILLIS_MIN = 600;

    /// More is a minute without writes.
    public static final int LEASE_MILLIS_MAX = 60_000;

    public Cluster {
        leaseMillis = leaseMillis == 0 ? LEASE_MILLIS_DEFAULT : leaseMillis;
        if (leaseMillis < LEASE_MILLIS_MIN || leaseMillis > LEASE_MILLIS_MAX) {
            throw new IllegalArgumentException(
                    "a lease of %d ms is not in %d..%d"
                            .formatted(leaseMillis, LEASE_MILLIS_MIN, LEASE_MILLIS_MAX));
        }
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

    /// With the usual lease.
    public Cluster(UUID id, int formatVersion, int pgBits, int replicas, int minReplicas) {
        this(id, formatVersion, pgBits, replicas, minReplicas, LEASE_MILLIS_DEFAULT);
    }

    /// The same, with another lease.
    public Cluster withLeaseMillis(int millis) {
        return new Cluster(id, formatVersion, pgBits, replicas, minReplicas, millis);
    }
}
