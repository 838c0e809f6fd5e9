package weft.storage.store;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.chunk.BlocksRead;
import weft.storage.chunk.ChunkStore;
import weft.storage.chunk.CorruptChunkException;
import weft.storage.metadata.MetadataException;
import weft.storage.replica.ReplicaDisk.Events;
import weft.storage.replica.ReplicaDisk.ReadOutcome;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/// What a group is asked about its chunks: looked up under the group's lock, on its replica's loop,
/// and told to it as an event.
final class GroupLooks {
    private final PlacementGroupId pg;
    private final ChunkStore chunks;
    private final Object lock;
    private final SlowReads slow;
    private final StoreEvents store;
    private final Consumer<Consumer<Events>> replica;

    /// @param lock the group's, which guards `chunks`
    /// @param replica hears of what was found
    GroupLooks(
            PlacementGroupId pg,
            ChunkStore chunks,
            Object lock,
            StoreShared shared,
            Consumer<Consumer<Events>> replica) {
        this.pg = pg;
        this.chunks = chunks;
        this.lock = lock;
        this.replica = replica;
        slow = shared.reads();
        store = shared.events();
    }

    interface Look<T> {
        T make() throws IOException;
    }

    void read(long ticket, ReadBlocks request) {
        answer(
                ticket,
                () ->
                        switch (chunks.read(
                                request.layers(),
                                request.chunkIndex(),
                                request.offsetInChunk(),
                                request.lengthBytes())) {
                            case BlocksRead.Intact(var blocks, var checksums) ->
                                    new ReadOutcome.Blocks(blocks, checksums);
                            case BlocksRead.Corrupt(var block) -> new ReadOutcome.Damaged(block);
                        });
    }

    void map(long ticket, MapBlocks request) {
        answer(
                ticket,
                () -> new ReadOutcome.Mapped(chunks.map(request.layers(), request.chunkIndex())));
    }

    /// For a client, who waits: how long it takes is noted.
    private void answer(long ticket, Look<ReadOutcome> look) {
        tell(
                ticket,
                () -> {
                    long begunNanos = slow.begin();
                    try {
                        return look.make();
                    } catch (MetadataException e) {
                        throw e;
                    } catch (IOException e) {
                        return new ReadOutcome.Failed(pg + ": " + e.getMessage());
                    } finally {
                        slow.end(begunNanos);
                    }
                },
                (e, outcome) -> e.onRead(ticket, outcome));
    }

    void listChunks(long ticket, Optional<ChunkKey> after) {
        tell(
                ticket,
                () -> chunks.list(after, ReplicaMessage.STAMPS_MAX),
                (e, stamps) ->
                        e.onChunkList(ticket, stamps, stamps.size() < ReplicaMessage.STAMPS_MAX));
    }

    void readChunk(long ticket, ChunkKey key) {
        tell(ticket, () -> chunks.export(key), (e, content) -> e.onChunk(ticket, content));
    }

    void readBlock(long ticket, DamagedBlock block) {
        tell(ticket, () -> chunks.export(block), (e, content) -> e.onChunk(ticket, content));
    }

    void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch) {
        tell(
                ticket,
                () -> chunks.verify(key, fromBlock, scratch),
                (e, found) ->
                        e.onVerified(ticket, found.nextBlock(), found.blocks(), found.damaged()));
    }

    void digestMaps(long ticket, Optional<ChunkKey> after) {
        tell(
                ticket,
                () -> chunks.digests(after, MapPage.MAPS_MAX),
                (e, maps) -> e.onMaps(ticket, new MapPage(maps, maps.size() < MapPage.MAPS_MAX)));
    }

    /// Looks under the lock, and tells what was found.
    <T> void tell(long ticket, Look<T> look, BiConsumer<Events, T> told) {
        try {
            T found;
            synchronized (lock) {
                found = look.make();
            }
            replica.accept(e -> told.accept(e, found));
        } catch (CorruptChunkException e) {
            replica.accept(to -> to.onDamaged(ticket, e.block()));
        } catch (IOException e) {
            store.failed(e);
        }
    }
}
