package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.Cluster;

class ReplicaSettingsTest {
    /// The settings refuse a grace that two clocks' drift could bring below the lease.
    @Test
    void allThatIsWaitedForIsInProportionToTheLease() {
        for (long lease = Cluster.LEASE_MILLIS_MIN; lease <= Cluster.LEASE_MILLIS_MAX; lease++) {
            ReplicaSettings settings = ReplicaSettings.DEFAULT.withLeaseMillis(lease);
            assertEquals(lease, settings.leaseMillis());
            assertTrue(settings.graceMillis() < 1.3 * lease, settings::toString);
        }
        assertEquals(
                ReplicaSettings.DEFAULT,
                ReplicaSettings.DEFAULT.withLeaseMillis(Cluster.LEASE_MILLIS_DEFAULT));
    }
}
