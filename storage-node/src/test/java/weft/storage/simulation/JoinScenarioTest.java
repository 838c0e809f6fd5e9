package weft.storage.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;

import java.util.ArrayList;
import java.util.List;

/// Stories of stores that were away and join again.
class JoinScenarioTest {
    private static final long SEED = 11;
    private static final int CHUNKS = 3;

    private final SimPool pool = new SimPool(SEED, new SimPool.Size(1, 4, 3, 2, CHUNKS));
    private final StorageCluster cluster = pool.groups.getFirst();

    private void startWork() {
        pool.client(1).start(4);
        assertTrue(pool.runUntil(1_000, () -> pool.history.doneCount() > 20));
    }

    private void endWork() {
        pool.clients.forEach(SimClient::stop);
        assertTrue(pool.runUntil(10_000, () -> pool.clients.stream().allMatch(SimClient::isIdle)));
        pool.run(1_000);
        pool.checkReplicasAreEqual();
    }

    private boolean isOfTheFirstChunkBelow(ReplicaMessage message) {
        List<VolumeId> layers = pool.records.volume(SimPool.VOLUME).record().layers();
        ChunkKey key =
                switch (message) {
                    case ReplicaMessage.ChunkRequest m -> m.key();
                    case ReplicaMessage.ChunkReply m -> m.key();
                    default -> null;
                };
        return new ChunkKey(layers.get(1), 0).equals(key);
    }

    private SimNode missALayer() {
        startWork();
        SimNode away = cluster.nodes.get((cluster.primary() + 1) % 3);
        away.crash();
        pool.run(4_000);
        pool.addLayer(SimPool.VOLUME);
        pool.run(60);
        return away;
    }

    @Test
    void whatMayNeedALowerLayerIsNotMadeBeforeThatIsCopied() {
        SimNode away = missALayer();
        long until = pool.world.nowNanos() + 1_500 * SimPool.MILLIS;
        cluster.lost =
                message ->
                        message instanceof ReplicaMessage.ChunkReply
                                && isOfTheFirstChunkBelow(message)
                                && pool.world.nowNanos() < until;
        away.start();
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world::trace);
        endWork();
    }

    @Test
    void aChunkWhoseRequestIsLostIsAskedForAgainWhileOthersAreCopied() {
        SimNode away = missALayer();
        List<ReplicaMessage> lost = new ArrayList<>();
        cluster.lost =
                message ->
                        lost.isEmpty()
                                && message instanceof ReplicaMessage.ChunkRequest
                                && isOfTheFirstChunkBelow(message)
                                && lost.add(message);
        away.start();
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world::trace);
        assertEquals(1, lost.size());
        endWork();
    }

    /// A request that was repeated has two answers, and the first may be the last to come.
    @Test
    void anAnswerFromBeforeIsNotTakenForTheChunkThatIsAskedForAnew() {
        SimNode away = missALayer();
        SimNode primary = cluster.nodes.get(cluster.primary());
        VolumeId top = pool.records.volume(SimPool.VOLUME).record().layers().getFirst();
        List<ReplicaMessage> late = new ArrayList<>();
        long until = pool.world.nowNanos() + 1_500 * SimPool.MILLIS;
        cluster.lost =
                message -> {
                    if (!(message instanceof ReplicaMessage.ChunkReply reply)) {
                        return false;
                    }
                    if (!reply.key().equals(new ChunkKey(top, 0))) {
                        return isOfTheFirstChunkBelow(reply) && pool.world.nowNanos() < until;
                    }
                    if (late.isEmpty()) {
                        return late.add(reply);
                    }
                    away.receive(
                            new StorageMessage.ToReplica(
                                    primary.self, away.store, late.getFirst()));
                    return false;
                };
        away.start();
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world::trace);
        endWork();
    }

    /// Its journal says that it took over the primary's state, and names none of what that is.
    @Test
    void aStoreThatJoinedWithoutCopyingKeepsWhatItHasWhenItCrashes() {
        cluster.nodes.forEach(node -> node.model().checkpointRate = 0);
        startWork();
        endWork();
        int number = (cluster.primary() + 1) % 3;
        SimNode back = cluster.nodes.get(number);
        cluster.isolate(number);
        assertTrue(
                pool.runUntil(8_000, () -> cluster.configurations.current().members().size() == 2));
        cluster.rejoin(number);
        assertTrue(pool.runUntil(8_000, pool::isWhole), pool.world::trace);
        cluster.nodes.forEach(SimNode::crash);
        pool.run(100);
        back.start();
        SimClient reader = pool.client(1);
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            reader.readOnce(SimClient.firstHotCell(chunk), SimClient.hotCells(chunk));
        }
        assertTrue(pool.runUntil(30_000, reader::isIdle), pool.world::trace);
    }
}
