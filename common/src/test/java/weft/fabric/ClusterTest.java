package weft.fabric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

class ClusterTest {
    private static final Cluster USUAL =
            new Cluster(new UUID(1, 2), Cluster.FORMAT_VERSION, 5, 3, 2);

    @Test
    void aRecordOfBeforeThereWereLeasesInItHasTheUsualOne() throws IOException {
        String written = new String(FabricJson.write(USUAL), StandardCharsets.UTF_8);
        String before = written.replace(",\"leaseMillis\":1500", "");
        assertEquals(written.length() - 19, before.length(), written);
        assertEquals(
                USUAL, FabricJson.read(before.getBytes(StandardCharsets.UTF_8), Cluster.class));
        Cluster slow = USUAL.withLeaseMillis(4_000);
        assertEquals(slow, FabricJson.read(FabricJson.write(slow), Cluster.class));
    }

    @Test
    void aLeaseThatNobodyCouldKeepIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> USUAL.withLeaseMillis(599));
        assertThrows(IllegalArgumentException.class, () -> USUAL.withLeaseMillis(60_001));
    }
}
