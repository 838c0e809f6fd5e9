package weft.storage.server;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.StoreId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.storage.replica.NodeLeases;
import weft.transport.Caller;
import weft.wire.WireMessage;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.audit.AuditMessage.GroupDigest;
import weft.wire.audit.AuditMessage.ScrubRequest;
import weft.wire.audit.AuditMessage.SpaceRequest;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused;

import java.util.List;
import java.util.Optional;

/// Where messages from the network enter the storage node. Runs on event loops and only sorts:
/// requests and replicas' messages to their group's loop, beats to the beat loop.

final class StorageServer {
    private final StoreId self;
    private final Clock clock;
    private final ReplicaDirectory replicas;
    private final NodeLeases leases;
    private final Loop beatLoop;
    private final StorageMeters meters;
    private final SpaceQuestions space;
    private final Scrubber scrubber;

    StorageServer(
            StoreId self,
            Clock clock,
            ReplicaDirectory replicas,
            NodeLeases leases,
            Loop beatLoop,
            StorageMeters meters,
            SpaceQuestions space,
            Scrubber scrubber) {
        this.self = self;
        this.clock = clock;
        this.replicas = replicas;
        this.leases = leases;
        this.beatLoop = beatLoop;
        this.meters = meters;
        this.space = space;
        this.scrubber = scrubber;
    }

    /// A message of the storage protocol.
    void onStorageMessage(WireMessage message, Caller caller) {
        if (!(message instanceof StorageMessage storage)) {
            throw new IllegalArgumentException("no storage message: " + message.getClass());
        }
        switch (storage) {
            case StorageMessage.Request request -> onRequest(request, caller);
            case StorageMessage.ToReplica(var from, var to, var inner) -> {
                if (to.equals(self)) {
                    replicas.find(inner.pg())
                            .ifPresent(replica -> replica.postMessage(from, inner));
                }
            }
            case StorageMessage.Beat beat ->
                    beatLoop.execute(() -> leases.onBeat(beat, clock.nowNanos()));
            case StorageMessage.BeatAck ack ->
                    beatLoop.execute(() -> leases.onBeatAck(ack, clock.nowNanos()));
            case StorageMessage.Answer answer ->
                    throw new IllegalArgumentException("an answer to nothing: " + answer);
        }
    }

    private void onRequest(StorageMessage.Request request, Caller caller) {
        int payloadBytes = 0;
        switch (request) {
            case StorageMessage.ReadBlocks read -> caller.charge(read.lengthBytes());
            case StorageMessage.MapBlocks _ -> caller.charge(ChunkKey.CHUNK_BLOCKS);
            case StorageMessage.WriteBlocks write -> {
                if (write.mutation() instanceof Mutation.Write bytes) {
                    payloadBytes = bytes.lengthBytes();
                }
            }
        }
        meters.count(request, payloadBytes);
        Optional<HostedReplica> replica = replicas.find(request.pg());
        if (replica.isPresent()) {
            replica.get().postRequest(request, caller);
            return;
        }
        Optional<Configuration> current = replicas.configurationOf(request.pg());
        Refused.Reason reason =
                current.isPresent() ? Refused.Reason.NOT_PRIMARY : Refused.Reason.NOT_SERVING;
        meters.countRefused(reason);
        caller.reply(new Refused(reason, current, "this node has no replica of " + request.pg()));
    }

    /// A message of the audit protocol.
    void onAuditMessage(WireMessage message, Caller caller) {
        switch (message) {
            case DigestRequest request -> {
                Optional<HostedReplica> replica = replicas.find(request.pg());
                if (replica.isPresent()) {
                    replica.get().postDigestRequest(request, caller);
                } else {
                    caller.reply(new GroupDigest(request.pg(), false, List.of(), true));
                }
            }
            case SpaceRequest request -> space.ask(request, caller);
            case ScrubRequest(boolean now) -> {
                if (now) {
                    scrubber.askForAll();
                }
                caller.reply(scrubber.status());
            }
            default -> throw new IllegalArgumentException("no question: " + message.getClass());
        }
    }
}
