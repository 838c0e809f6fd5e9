package weft.storage.replica;

/// Times and limits of the replication protocol. The defaults trade the pause after a failure
/// (grace
/// + one compare-and-set) against false alarms on a machine that stalls.
///
/// @param beatMillis between beats of a pair of nodes; most of what an idle node does
/// @param leaseMillis a primary's lease from a secondary, from when the answered beat was *sent*
/// @param graceMillis how long a secondary waits from when it *answered* before it takes over;
///   above leaseMillis by more than the drift of two clocks over it (1 % of 1.9 s = 19 ms)
/// @param lateMillis a node whose own loop was later than this accuses nobody in that round
/// @param resendMillis an unanswered message between replicas is sent again
/// @param slowOutMillis a store that was left out because its disk was slow is not asked back
///   before: each try costs writers what finding it slow takes
/// @param windowEntriesMax entries prepared and not committed
/// @param windowBytesMax their payloads together
/// @param waitingMax requests held while no sequence may be given
public record ReplicaSettings(
        long beatMillis,
        long leaseMillis,
        long graceMillis,
        long lateMillis,
        long resendMillis,
        long slowOutMillis,
        int windowEntriesMax,
        long windowBytesMax,
        int waitingMax) {
    /// What is used if nobody says otherwise. 1024 entries of 64 KiB fill the window's 64 MiB.
    public static final ReplicaSettings DEFAULT =
            new ReplicaSettings(375, 1_500, 1_900, 500, 500, 60_000, 1024, 64L << 20, 1024);

    public ReplicaSettings {
        if (beatMillis < 1 || leaseMillis < 4 * beatMillis) {
            throw new IllegalArgumentException(
                    "lease %d ms is shorter than four beats of %d ms"
                            .formatted(leaseMillis, beatMillis));
        }
        if (graceMillis * 98 < leaseMillis * 102) {
            throw new IllegalArgumentException(
                    "grace %d ms is not above the lease %d ms by 2 %% of drift on each side"
                            .formatted(graceMillis, leaseMillis));
        }
    }

    /// The same with another lease, and what is in proportion to it: four beats to a lease, and a
    /// grace of 19/15.
    ///
    /// @param millis the same at all nodes of a fabric
    public ReplicaSettings withLeaseMillis(long millis) {
        return new ReplicaSettings(
                millis / 4,
                millis,
                millis * 19 / 15,
                millis / 3,
                resendMillis,
                slowOutMillis,
                windowEntriesMax,
                windowBytesMax,
                waitingMax);
    }

    /// The same with another time until a store that was slow is asked back.
    public ReplicaSettings withSlowOutMillis(long millis) {
        return new ReplicaSettings(
                beatMillis,
                leaseMillis,
                graceMillis,
                lateMillis,
                resendMillis,
                millis,
                windowEntriesMax,
                windowBytesMax,
                waitingMax);
    }

    /// Milliseconds as nanoseconds.
    static long nanos(long millis) {
        return millis * 1_000_000;
    }
}
