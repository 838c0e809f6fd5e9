package weft.storage;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricWatcher;
import weft.coordination.StorageNodes;
import weft.fabric.Member;
import weft.runtime.BootClock;
import weft.storage.server.ReplicationService;
import weft.storage.store.Store;
import weft.transport.Handshake;
import weft.transport.MessageServer;
import weft.transport.Role;
import weft.transport.Transport;
import weft.volume.OpenVolumes;
import weft.wire.audit.AuditCodec;
import weft.wire.holder.HolderFamily;
import weft.wire.storage.StorageCodec;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/// A storage node: its stores, their replicas, and their ties to peers, clients and the
/// coordination. [#start] reads as a table of contents; [#close] undoes it backwards.
public final class StorageNode implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StorageNode.class);

    /// How the pool is looked after, who is there, and for NBD what is exported: not VMs, networks
    /// and holders, which change with every VM.
    private static final Set<FabricPaths.Kind> WATCHED =
            EnumSet.of(
                    FabricPaths.Kind.CLUSTER,
                    FabricPaths.Kind.SETTINGS,
                    FabricPaths.Kind.PRESENCE,
                    FabricPaths.Kind.VOLUME,
                    FabricPaths.Kind.EXPORT);

    private final Deque<AutoCloseable> opened;
    private final List<Member> members;
    private final InetSocketAddress address;
    private final Transport transport;
    private final FabricWatcher watcher;
    private final OpenVolumes openVolumes;
    private final ReplicationService replication;

    private StorageNode(
            Deque<AutoCloseable> opened,
            List<Member> members,
            InetSocketAddress address,
            Transport transport,
            FabricWatcher watcher,
            OpenVolumes openVolumes,
            ReplicationService replication) {
        this.opened = opened;
        this.members = members;
        this.address = address;
        this.transport = transport;
        this.watcher = watcher;
        this.openVolumes = openVolumes;
        this.replication = replication;
    }

    /// Starts a node; it serves and has announced itself when this returns. Blocks.
    ///
    /// @param coordination stays open when the node is closed
    /// @throws IOException naming what could not be had: any of the folders, the address, the
    ///   coordination
    public static StorageNode start(
            StorageNodeSettings settings, FabricStore coordination, MeterRegistry registry)
            throws IOException {
        var opened = new ArrayDeque<AutoCloseable>();
        try {
            return open(settings, coordination, registry, opened);
        } catch (IOException | RuntimeException e) {
            closeAll(opened);
            throw e;
        }
    }

    private static StorageNode open(
            StorageNodeSettings settings,
            FabricStore coordination,
            MeterRegistry registry,
            Deque<AutoCloseable> opened)
            throws IOException {
        var folders = StoreFolders.open(settings, new FabricRecords(coordination));
        opened.push(folders);
        long incarnation = BootClock.SYSTEM.nowNanos();
        var announcement =
                new NodeAnnouncement(
                        settings, coordination, incarnation, folders.disks(), registry);
        // Closed last: while the stores are closed the others see that they have ended.
        opened.addLast(announcement);

        FabricWatcher watcher = FabricWatcher.start(coordination, WATCHED);
        opened.push(watcher);
        var nodes = new StorageNodes(watcher::image);

        Handshake self =
                Handshake.of(settings.clusterId(), Role.STORAGE, settings.node(), incarnation);
        var transport =
                new Transport(
                        self,
                        List.of(new StorageCodec(), new AuditCodec(), new HolderFamily()),
                        settings.loopCount(),
                        registry);
        opened.push(transport);
        opened.push(() -> announcement.end(watcher::image));

        var replication =
                new ReplicationService(
                        settings.replica(),
                        self,
                        folders.stores(),
                        coordination,
                        watcher::image,
                        nodes,
                        transport,
                        BootClock.SYSTEM,
                        registry,
                        settings.scrub(),
                        settings.garbagePeriod(),
                        settings.loopCount(),
                        announcement::onFailure,
                        announcement::onSlow);
        opened.push(replication);
        var openVolumes = new OpenVolumes();
        MessageServer server =
                transport.listen(
                        settings.listen(),
                        Stream.concat(
                                        replication.services().stream(),
                                        Stream.of(openVolumes.service()))
                                .toList());
        opened.push(server);

        folders.stores().forEach(Store::start);
        replication.start();
        watcher.onChange(replication::onImage);
        String address = settings.advertiseHost() + ":" + server.address().getPort();
        announcement.begin(address);
        List<Member> members = folders.stores().stream().map(Store::member).toList();
        log.info("{} serves {} at {}", settings.node(), members, address);
        return new StorageNode(
                opened, members, server.address(), transport, watcher, openVolumes, replication);
    }

    /// The stores that it opened, in their present lives.
    public List<Member> members() {
        return members;
    }

    /// Where it listens.
    public InetSocketAddress address() {
        return address;
    }

    /// The node's transport, for clients of the pool in this process (the NBD server).
    public Transport transport() {
        return transport;
    }

    /// The node's picture of the fabric: its cluster, presences, volumes and exports.
    public FabricWatcher watcher() {
        return watcher;
    }

    /// What clients of the pool in this process have open for writing.
    public OpenVolumes openVolumes() {
        return openVolumes;
    }

    /// One line for each replica, for status pages.
    public List<String> describeReplicas() {
        return replication.describe();
    }

    @Override
    public void close() {
        closeAll(opened);
    }

    private static void closeAll(Deque<AutoCloseable> parts) {
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                // Whatever it is, the other parts are to be closed too.
                log.warn("closing a storage node", e);
            }
        }
    }
}
