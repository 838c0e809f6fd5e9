package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.MapDone;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.Refused;
import weft.wire.storage.StorageMessage.WriteBlocks;
import weft.wire.storage.StorageMessage.WriteDone;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/// A holder of one volume: several operations at a time, each sent again until it is answered.
final class SimClient {
    static final int CHUNKS = 3;
    static final int BLOCKS = 3;
    static final VolumeId VOLUME = new VolumeId(7);
    static final List<VolumeId> LAYERS = List.of(VOLUME);

    /// How a client's requests get to a node.
    interface Network {
        void request(int nodeNumber, StorageMessage.Request request, AnswerTo answer);
    }

    /// Takes an answer.
    interface AnswerTo {
        void answered(StorageMessage.Answer answer);
    }

    private final SimWorld world;
    private final Network network;
    private final History history;
    private final PlacementGroupId pg;
    private final int nodes;
    final long token;
    private final long session;
    private final TreeSet<Long> unfinished = new TreeSet<>();
    private long requestSequence;
    private int guess;
    private boolean fenced;
    private boolean stopping;
    private int running;

    SimClient(
            SimWorld world,
            Network network,
            History history,
            PlacementGroupId pg,
            int nodes,
            long token) {
        this.world = world;
        this.network = network;
        this.history = history;
        this.pg = pg;
        this.nodes = nodes;
        this.token = token;
        session = 1000 + token;
    }

    void start(int operationsAtOnce) {
        for (int i = 0; i < operationsAtOnce; i++) {
            running++;
            next();
        }
    }

    void stop() {
        stopping = true;
    }

    boolean isFenced() {
        return fenced;
    }

    boolean isIdle() {
        return running == 0;
    }

    private void next() {
        if (stopping || fenced) {
            running--;
            return;
        }
        world.after(world.between(1_000_000, 20_000_000), this::begin);
    }

    private void begin() {
        if (stopping || fenced) {
            running--;
            return;
        }
        long chunk = world.between(0, CHUNKS - 1);
        int block = (int) world.between(0, BLOCKS - 1);
        if (world.chance(0.4)) {
            History.Operation read = history.beginRead(chunk, block, token);
            sendRead(read, 0);
        } else {
            requestSequence++;
            unfinished.add(requestSequence);
            History.Operation write = history.beginWrite(chunk, block, token);
            sendWrite(write, requestSequence, 0);
        }
    }

    void sendRead(History.Operation read, int attempt) {
        var request =
                new ReadBlocks(
                        pg,
                        0,
                        token,
                        LAYERS,
                        read.chunk(),
                        read.block() * ChunkKey.BLOCK_BYTES,
                        ChunkKey.BLOCK_BYTES);
        send(request, read, 0, attempt);
    }

    private void sendWrite(History.Operation write, long sequence, int attempt) {
        ByteBuffer payload = ByteBuffer.allocate(8).putLong(0, write.value());
        var mutation =
                new Mutation.Write(
                        LAYERS,
                        write.chunk(),
                        write.block() * ChunkKey.BLOCK_BYTES,
                        payload,
                        ByteBuffer.allocate(0));
        send(
                new WriteBlocks(pg, 0, session, sequence, unfinished.first(), token, mutation),
                write,
                sequence,
                attempt);
    }

    private void again(History.Operation operation, long sequence, int attempt) {
        if (operation.isWrite()) {
            sendWrite(operation, sequence, attempt);
        } else {
            sendRead(operation, attempt);
        }
    }

    private void send(
            StorageMessage.Request request,
            History.Operation operation,
            long sequence,
            int attempt) {
        boolean[] over = new boolean[1];
        network.request(
                guess,
                request,
                answer -> {
                    if (!over[0]) {
                        over[0] = true;
                        onAnswer(answer, operation, sequence, attempt);
                    }
                });
        world.after(
                world.between(300_000_000, 900_000_000),
                () -> {
                    if (!over[0] && !fenced) {
                        over[0] = true;
                        guess = (int) world.between(0, nodes - 1);
                        again(operation, sequence, attempt + 1);
                    } else if (!over[0]) {
                        over[0] = true;
                        running--;
                    }
                });
    }

    private void onAnswer(
            StorageMessage.Answer answer, History.Operation operation, long sequence, int attempt) {
        if (fenced) {
            running--;
            return;
        }
        switch (answer) {
            case WriteDone _ -> {
                if (!operation.isOver()) {
                    unfinished.remove(sequence);
                    history.endWrite(operation);
                }
                next();
            }
            case MapDone _ -> throw new AssertionError("nobody asked for a map");
            case ReadDone done -> {
                history.endRead(operation, done.data().getLong(0));
                next();
            }
            case Refused refused -> {
                if (refused.reason() == Refused.Reason.FENCED) {
                    fenced = true;
                    running--;
                    return;
                }
                guess = guessFrom(refused.current());
                world.after(
                        world.between(10_000_000, 50_000_000),
                        () -> again(operation, sequence, attempt + 1));
            }
        }
    }

    private int guessFrom(Optional<Configuration> current) {
        @Nullable Integer known =
                current.map(c -> (int) c.primary().store().uuid().getLeastSignificantBits())
                        .orElse(null);
        return known != null && world.chance(0.8) ? known : (int) world.between(0, nodes - 1);
    }
}
