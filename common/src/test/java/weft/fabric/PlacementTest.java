package weft.fabric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;

class PlacementTest {
    private static List<Placement.Candidate> stores(int count) {
        List<Placement.Candidate> stores = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            stores.add(new Placement.Candidate(new StoreId(new UUID(i, 77)), "node" + i, 1));
        }
        return stores;
    }

    @Test
    void aGroupSplitsIntoTwoWhenThePoolDoublesItsGroups() {
        for (long chunk = 0; chunk < 1000; chunk++) {
            int coarse = Placement.groupOf(new VolumeId(9), chunk, 6).value();
            int fine = Placement.groupOf(new VolumeId(9), chunk, 7).value();
            assertEquals(coarse, fine / 2);
        }
    }

    @Test
    void theHashIsFinal() {
        assertEquals(23, Placement.groupOf(new VolumeId(1), 0, 6).value());
        assertEquals(33, Placement.groupOf(new VolumeId(1), 1, 6).value());
        assertEquals(0, Placement.groupOf(new VolumeId(1), 1, 0).value());
    }

    @Test
    void wantedStoresAreDistinctAndTheLossOfOneMovesOnlyItsGroups() {
        List<Placement.Candidate> all = stores(5);
        StoreId lost = all.get(2).store();
        List<Placement.Candidate> rest = all.stream().filter(c -> !c.store().equals(lost)).toList();
        for (int pg = 0; pg < 256; pg++) {
            var id = new PlacementGroupId(pg);
            List<StoreId> before = Placement.wanted(id, all, 3);
            assertEquals(3, new HashSet<>(before).size());
            List<StoreId> after = Placement.wanted(id, rest, 3);
            for (StoreId kept : before) {
                assertTrue(kept.equals(lost) || after.contains(kept));
            }
        }
    }

    @Test
    void twoReplicasShareAFailureDomainOnlyIfThereAreTooFew() {
        var sameNode = new Placement.Candidate(new StoreId(new UUID(99, 99)), "node0", 5);
        List<Placement.Candidate> stores = new ArrayList<>(stores(3));
        stores.add(sameNode);
        for (int pg = 0; pg < 64; pg++) {
            List<StoreId> wanted = Placement.wanted(new PlacementGroupId(pg), stores, 3);
            assertTrue(
                    !wanted.contains(sameNode.store())
                            || !wanted.contains(stores.getFirst().store()));
        }
        assertEquals(4, Placement.wanted(new PlacementGroupId(1), stores, 4).size());
    }

    @Test
    void groupsSpreadOverStoresByWeight() {
        List<Placement.Candidate> stores = new ArrayList<>(stores(3));
        stores.add(new Placement.Candidate(new StoreId(new UUID(50, 50)), "big", 2));
        Map<StoreId, Integer> shares = new HashMap<>();
        for (int pg = 0; pg < 4096; pg++) {
            shares.merge(
                    Placement.wanted(new PlacementGroupId(pg), stores, 1).getFirst(),
                    1,
                    Integer::sum);
        }
        // Of five parts, the big one has two: 1638 ± 5 standard deviations of 31.
        assertEquals(1638, shares.getOrDefault(stores.getLast().store(), 0), 160);
    }
}
