package weft.fabric;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/// Where things belong: chunk → placement group → wanted stores. Pure functions that every process
/// computes alike, so they are final in form.
public final class Placement {
    private Placement() {}

    /// The group of a chunk: the first `pgBits` bits of a 32-bit hash of (placement root, index).
    ///
    /// @param pgBits 0..16; the pool has 2^pgBits groups
    public static PlacementGroupId groupOf(VolumeId placementRoot, long chunkIndex, int pgBits) {
        if (pgBits < 0 || pgBits > 16) {
            throw new IllegalArgumentException("pgBits " + pgBits + " is not in 0..16");
        }
        int hash = hash32(placementRoot.value(), chunkIndex);
        return new PlacementGroupId(pgBits == 0 ? 0 : hash >>> (32 - pgBits));
    }

    /// The upper half of a 64-bit mix (the finaliser of SplitMix64, twice).
    static int hash32(long root, long index) {
        return (int) (mix(mix(root) + index) >>> 32);
    }

    private static long mix(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    /// A store that may be chosen.
    ///
    /// @param domain failure domain: two replicas never share one while there are others
    /// @param weight relative size, > 0
    public record Candidate(StoreId store, String domain, double weight) {}

    /// The stores a group should have: weighted rendezvous hashing, distinct failure domains first;
    /// the first is the proposed primary. Fewer than `replicas` if there are not enough stores.
    public static List<StoreId> wanted(
            PlacementGroupId pg, List<Candidate> candidates, int replicas) {
        List<Candidate> ranked = new ArrayList<>(candidates);
        ranked.sort(
                Comparator.comparingDouble((Candidate c) -> -score(pg, c))
                        .thenComparing(Candidate::store));
        List<StoreId> chosen = new ArrayList<>();
        Set<String> domains = new HashSet<>();
        for (Candidate candidate : ranked) {
            if (chosen.size() < replicas && domains.add(candidate.domain())) {
                chosen.add(candidate.store());
            }
        }
        for (Candidate candidate : ranked) {
            if (chosen.size() < replicas && !chosen.contains(candidate.store())) {
                chosen.add(candidate.store());
            }
        }
        return chosen;
    }

    private static double score(PlacementGroupId pg, Candidate candidate) {
        return score(candidate.weight(), chance(seedOf(candidate.store()), pg.value()));
    }

    /// What a store brings to [#chance].
    public static long seedOf(StoreId store) {
        UUID uuid = store.uuid();
        return mix(uuid.getMostSignificantBits() ^ mix(uuid.getLeastSignificantBits()));
    }

    /// A store's lot for a group: uniform in (0, 1), the same whenever and wherever it is drawn.
    ///
    /// @param seed of the store, see [#seedOf]
    public static double chance(long seed, int pg) {
        return ((mix(seed + pg) >>> 11) + 0.5) / (1L << 53);
    }

    /// The store with the highest score has the group: −weight ÷ ln(chance), so that shares are
    /// proportional to weights.
    public static double score(double weight, double chance) {
        return -weight / Math.log(chance);
    }
}
