package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.coordination.FabricPaths;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.VolumeAdmin;
import weft.volume.RemoteVolume;

import java.time.Duration;

/// What lies beyond the end of a volume that was shrunk: gone for it, and kept for those who have
/// it yet.
@Timeout(180)
final class ShrunkVolumesSystemTest extends VolumeSystemTest {
    private static final int LENGTH = 2 * CHUNK;

    /// The snapshot's layer has the old bytes, and is merged away when it goes.
    @Test
    void whatWasCutOffDoesNotComeBackWhenLayersAreMerged() throws Exception {
        create("short");
        try (var holder = new HolderProcess(fabric(), "short-host");
                RemoteVolume volume = holder.open("short")) {
            write(volume, 0, (byte) 1, LENGTH);
            type("volume snapshot short@one");
            write(volume, CHUNK, (byte) 2, CHUNK);
            type("volume snapshot short@two");
            type("volume resize short --size 4M --allow-shrink");
            assertEquals(CHUNK, volume.sizeBytes());
        }
        assertArrayEquals(filled(2, CHUNK), readOnce("short@two", CHUNK, CHUNK));
        type("volume delete short@one");
        type("volume delete short@two");
        Await.until(
                "layers are merged",
                Duration.ofSeconds(60),
                () -> record("short").layers().size() <= 2);
        type("volume resize short --size 64M");
        assertArrayEquals(filled(1, CHUNK), readOnce("short", 0, CHUNK));
        assertArrayEquals(filled(0, CHUNK), readOnce("short", CHUNK, CHUNK));
    }

    /// The clone is shorter than its own snapshot, which reads through the clone's layers.
    @Test
    void flatteningAShrunkCloneKeepsItsLongerSnapshotWhole() throws Exception {
        create("origin");
        try (var holder = new HolderProcess(fabric(), "origin-host");
                RemoteVolume volume = holder.open("origin")) {
            write(volume, 0, (byte) 1, LENGTH);
        }
        type("volume snapshot origin@one");
        type("volume clone origin@one cut");
        type("volume snapshot cut@long");
        type("volume resize cut --size 4M --allow-shrink");
        type("volume flatten cut");
        for (String gone : new String[] {"origin@one", "origin"}) {
            type("volume delete " + gone);
        }
        assertArrayEquals(filled(1, LENGTH), readOnce("cut@long", 0, LENGTH));
        assertArrayEquals(filled(1, CHUNK), readOnce("cut", 0, CHUNK));
        type("volume resize cut --size 64M");
        assertArrayEquals(filled(0, CHUNK), readOnce("cut", CHUNK, CHUNK));
    }

    /// Whoever comes next goes on: nothing may be written beyond the end, and nothing come back.
    @Test
    void aShrinkWhoseCommandDiedIsFinishedByTheNextOne() throws Exception {
        create("half");
        try (var holder = new HolderProcess(fabric(), "half-host");
                RemoteVolume volume = holder.open("half")) {
            write(volume, 0, (byte) 1, LENGTH);
            var _ =
                    fabric().session()
                            .records()
                            .update(
                                    FabricPaths.volume("half"),
                                    Volume.class,
                                    now -> now.withSizeBytes(CHUNK).withDiscardFrom(CHUNK));
            Await.until(
                    "it is seen",
                    () -> VolumeAdmin.find(fabric().session().image(), "half").isShrinking());
            assertTrue(refused("volume snapshot half@now").contains("being shrunk"));
            type("volume resize half --size 64M");
            assertArrayEquals(filled(1, CHUNK), read(volume, 0, CHUNK));
            assertArrayEquals(filled(0, CHUNK), read(volume, CHUNK, CHUNK));
            write(volume, CHUNK, (byte) 3, CHUNK);
            type("volume snapshot half@now");
        }
        assertArrayEquals(filled(3, CHUNK), readOnce("half@now", CHUNK, CHUNK));
    }
}
