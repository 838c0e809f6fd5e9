package weft.fabric;

/// What the fabric has decided about a store: how much it is to carry, and where it stands. The
/// storage node makes the record when the store first starts; from then on commands change it.
///
/// @param node the node that serves it, or served it last
/// @param folder where that node has it
/// @param weight its share relative to others; by default the size of its disk in TiB
public record PoolStore(
        StoreId store,
        NodeId node,
        String folder,
        double weight,
        FailureDomain domain,
        State state) {
    /// The least and the greatest weight.
    public static final double WEIGHT_MIN = 0.0001;

    public static final double WEIGHT_MAX = 1_000_000;

    private static final double TIB_BYTES = 1L << 40;
    private static final double STEPS_PER_UNIT = 10_000;

    /// What the store is for.
    public enum State {
        /// It has and gets copies.
        IN,
        /// Its copies go elsewhere.
        DRAINING,
        /// It has no copies and gets none, also when its node starts again.
        REMOVED
    }

    public PoolStore {
        if (!(weight >= WEIGHT_MIN && weight <= WEIGHT_MAX)) {
            throw new IllegalArgumentException(
                    "weight %s is not in %s..%.0f".formatted(weight, WEIGHT_MIN, WEIGHT_MAX));
        }
    }

    /// The weight of a disk of that size: TiB, to four digits.
    public static double weightOf(long capacityBytes) {
        double steps = Math.rint(capacityBytes / TIB_BYTES * STEPS_PER_UNIT);
        return Math.clamp(steps / STEPS_PER_UNIT, WEIGHT_MIN, WEIGHT_MAX);
    }

    /// The same store, served by this node from that folder.
    public PoolStore servedBy(NodeId newNode, String newFolder) {
        return new PoolStore(store, newNode, newFolder, weight, domain, state);
    }

    public PoolStore withWeight(double newWeight) {
        return new PoolStore(store, node, folder, newWeight, domain, state);
    }

    public PoolStore withDomain(FailureDomain newDomain) {
        return new PoolStore(store, node, folder, weight, newDomain, state);
    }

    public PoolStore withState(State newState) {
        return new PoolStore(store, node, folder, weight, domain, newState);
    }
}
