package weft.storage.server;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.runtime.Clock;
import weft.storage.replica.NodeLeases;
import weft.transport.Caller;
import weft.wire.WireMessage;
import weft.wire.audit.AuditMessage;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.audit.AuditMessage.GroupDigest;
import weft.wire.audit.AuditMessage.ScrubRequest;
import weft.wire.audit.AuditMessage.SpaceRequest;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Where messages from the network enter the storage node. Runs on event loops and only sorts:
/// requests and replicas' messages to their store and to their group's loop there. Beats are
/// answered at once, with no other thread to be woken: idle nodes do little else.
final class StorageServer {
    private final Map<StoreId, HostedStore> stores;
    private final Clock clock;
    private final NodeLeases leases;
    private final StorageMeters meters;

    StorageServer(
            Map<StoreId, HostedStore> stores,
            Clock clock,
            NodeLeases leases,
            StorageMeters meters) {
        this.stores = Map.copyOf(stores);
        this.clock = clock;
        this.leases = leases;
        this.meters = meters;
    }

    /// A message of the storage protocol.
    void onStorageMessage(WireMessage message, Caller caller) {
        if (!(message instanceof StorageMessage storage)) {
            throw new IllegalArgumentException("no storage message: " + message.getClass());
        }
        switch (storage) {
            case StorageMessage.ToStore(var to, var request) -> onRequest(to, request, caller);
            case StorageMessage.ToReplica(var from, var to, var inner) ->
                    find(to, inner.pg()).ifPresent(replica -> replica.postMessage(from, inner));
            case StorageMessage.Beat beat -> caller.send(leases.onBeat(beat, clock.nowNanos()));
            case StorageMessage.BeatAck _ -> caller.garbage("an answer to no beat");
            case StorageMessage.Request request ->
                    throw new IllegalArgumentException("a request to no store: " + request);
            case StorageMessage.Answer answer ->
                    throw new IllegalArgumentException("an answer to nothing: " + answer);
        }
    }

    private Optional<HostedReplica> find(StoreId store, PlacementGroupId pg) {
        return Optional.ofNullable(stores.get(store)).flatMap(known -> known.replicas().find(pg));
    }

    /// Of a group, whoever its members are; each store hears of all.
    private Optional<Configuration> configurationOf(PlacementGroupId pg) {
        return stores.values().stream()
                .map(store -> store.replicas().configurationOf(pg))
                .flatMap(Optional::stream)
                .max(Comparator.comparingLong(Configuration::version));
    }

    private void onRequest(StoreId store, StorageMessage.Request request, Caller caller) {
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
        Optional<HostedReplica> replica = find(store, request.pg());
        if (replica.isPresent()) {
            replica.get().postRequest(request, caller);
            return;
        }
        Optional<Configuration> current = configurationOf(request.pg());
        Refused.Reason reason =
                current.isPresent() ? Refused.Reason.NOT_PRIMARY : Refused.Reason.NOT_SERVING;
        meters.countRefused(reason);
        caller.reply(
                new Refused(
                        reason,
                        current,
                        "%s has no replica of %s here".formatted(store, request.pg())));
    }

    /// A message of the audit protocol.
    void onAuditMessage(WireMessage message, Caller caller) {
        if (!(message instanceof AuditMessage.Question question)) {
            throw new IllegalArgumentException("no question: " + message.getClass());
        }
        HostedStore store = stores.get(question.store());
        if (store == null) {
            caller.fail(question.store() + " is not served here");
            return;
        }
        switch (question) {
            case DigestRequest request -> {
                Optional<HostedReplica> replica = store.replicas().find(request.pg());
                if (replica.isPresent()) {
                    replica.get().postDigestRequest(request, caller);
                } else {
                    caller.reply(new GroupDigest(request.pg(), false, List.of(), true));
                }
            }
            case SpaceRequest request -> store.space().ask(request, caller);
            case ScrubRequest request -> {
                store.scrubber().askForAll(request.begin());
                caller.reply(store.scrubber().status());
            }
        }
    }
}
