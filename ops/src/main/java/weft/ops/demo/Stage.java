package weft.ops.demo;

import weft.coordination.FabricPaths;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/// What a story happens in: a running fabric with storage nodes `node1` to `node3`, hosts `host1`
/// and `host2`, and a way to harm a storage node.
public interface Stage {
    /// How many storage nodes there are.
    int STORAGE_NODES = 3;

    /// How many hosts there are.
    int HOSTS = 2;

    /// The fabric's records.
    FabricSession session();

    /// The fabric's pool.
    PoolSession pool();

    /// Which storage node is harmed, 1 to [#STORAGE_NODES].
    int victim() throws IOException;

    /// What is done to it, in words: `kill -9 of node2`.
    String harm(int storageNode);

    /// Does it.
    void doHarm(int storageNode) throws IOException;

    /// Undoes it.
    void heal(int storageNode) throws IOException;

    /// The newest picture of the fabric.
    default FabricImage image() {
        return session().image();
    }

    /// Waits until every placement group has all its copies in sync.
    default void awaitHealthy(Duration patience) throws IOException {
        long endNanos = BootClock.SYSTEM.nowNanos() + patience.toNanos();
        while (true) {
            int degraded = 0;
            for (String name : session().records().store().children(FabricPaths.PLACEMENT_GROUPS)) {
                Optional<Configuration> group =
                        session()
                                .records()
                                .find(
                                        FabricPaths.PLACEMENT_GROUPS + "/" + name,
                                        Configuration.class)
                                .map(found -> found.noun());
                if (group.isEmpty() || group.get().members().size() < group.get().wanted().size()) {
                    degraded++;
                }
            }
            if (degraded == 0) {
                return;
            }
            DemoFailure.unless(
                    BootClock.SYSTEM.nowNanos() < endNanos,
                    "%d placement groups are still degraded after %d s",
                    degraded,
                    patience.toSeconds());
            Pause.millis(100);
        }
    }
}
