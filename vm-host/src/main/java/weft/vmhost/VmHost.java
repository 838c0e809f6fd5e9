package weft.vmhost;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricWatcher;
import weft.coordination.HostAddresses;
import weft.fabric.FabricJson;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.runtime.BootClock;
import weft.runtime.Clock;
import weft.transport.Handshake;
import weft.transport.MessageServer;
import weft.transport.NodeAddress;
import weft.transport.Peers;
import weft.transport.Role;
import weft.transport.Transport;
import weft.vmhost.agent.HostAgent;
import weft.vmhost.agent.HostParts;
import weft.vmhost.agent.VmMeters;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.wire.MessageFamily;
import weft.wire.capture.CaptureFamily;
import weft.wire.console.ConsoleFamily;
import weft.wire.holder.HolderFamily;
import weft.wire.migration.MigrationFamily;
import weft.wire.network.SwitchFamily;
import weft.wire.storage.StorageCodec;
import weft.wire.vm.VmFamily;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/// A VM host: the wiring, one line per part, in the order of dependence.
public final class VmHost implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(VmHost.class);
    private static final int EVENT_LOOPS = 2;

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();

    private VmHost() {}

    /// Starts a host that follows the fabric until it is closed.
    ///
    /// @param store stays the caller's
    /// @param watcher stays the caller's
    public static VmHost start(
            VmHostSettings settings,
            UUID clusterId,
            FabricStore store,
            FabricWatcher watcher,
            MeterRegistry registry)
            throws IOException {
        var host = new VmHost();
        try {
            host.wire(settings, clusterId, store, watcher, registry);
        } catch (IOException | RuntimeException e) {
            host.close();
            throw e;
        }
        return host;
    }

    private void wire(
            VmHostSettings settings,
            UUID clusterId,
            FabricStore store,
            FabricWatcher watcher,
            MeterRegistry registry)
            throws IOException {
        Clock clock = BootClock.SYSTEM;
        long incarnation = ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE);
        var handshake = Handshake.of(clusterId, Role.HOST, settings.node(), incarnation);
        List<MessageFamily<?>> families =
                List.of(
                        new StorageCodec(),
                        new MigrationFamily(),
                        new ConsoleFamily(),
                        new CaptureFamily(),
                        new VmFamily(),
                        new SwitchFamily(),
                        new HolderFamily());
        Transport transport = own(new Transport(handshake, families, EVENT_LOOPS, registry));
        var openVolumes = new OpenVolumes();
        PoolClient pool =
                own(new PoolClient(store, watcher::image, transport, clock, registry, openVolumes));
        VSwitch vswitch =
                own(
                        new VSwitch(
                                VSwitchSettings.of(settings.node(), settings.vtep()),
                                clock,
                                registry));
        Peers hosts = own(new Peers(transport, new HostAddresses(watcher::image), List.of()));
        HostAgent agent =
                own(
                        new HostAgent(
                                new HostParts(
                                        settings.node(),
                                        new FabricRecords(store),
                                        watcher,
                                        pool,
                                        vswitch,
                                        hosts,
                                        settings.engine(),
                                        new VmMeters(registry, settings.node()),
                                        clock,
                                        settings.memoryBytes())));
        MessageServer server =
                own(
                        transport.listen(
                                settings.listen(),
                                Stream.concat(
                                                agent.services().stream(),
                                                Stream.of(openVolumes.service()))
                                        .toList()));
        agent.start();
        count(settings, watcher, registry);
        own(announce(settings, incarnation, store));
        log.info(
                "host {} listens on {}, engine {}",
                settings.node(),
                NodeAddress.format(server.address()),
                settings.engine().lowerCase());
    }

    private static AutoCloseable announce(
            VmHostSettings settings, long incarnation, FabricStore store) throws IOException {
        var presence =
                new NodePresence(
                        settings.node(),
                        NodePresence.Role.HOST,
                        incarnation,
                        settings.advertise(),
                        "",
                        settings.advertiseVtep(),
                        settings.metrics(),
                        List.of(),
                        settings.memoryBytes(),
                        ProcessHandle.current().pid());
        return store.announce(
                FabricPaths.presence(NodePresence.Role.HOST, settings.node().name()),
                FabricJson.write(presence));
    }

    private static void count(
            VmHostSettings settings, FabricWatcher watcher, MeterRegistry registry) {
        for (VmPlacement.State state : VmPlacement.State.values()) {
            Gauge.builder(
                            "weft_vmhost_vms",
                            watcher,
                            w ->
                                    w.image().placements().values().stream()
                                            .filter(p -> settings.node().equals(p.owner()))
                                            .filter(p -> p.state() == state)
                                            .count())
                    .description("VMs that this host owns, by state")
                    .tag("host", settings.node().name())
                    .tag("state", state.name().toLowerCase(java.util.Locale.ROOT))
                    .register(registry);
        }
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    /// Switches its VMs off, gives them up, and leaves the fabric.
    @Override
    public void close() {
        for (AutoCloseable part : new ArrayList<>(parts)) {
            try {
                part.close();
            } catch (Exception e) {
                log.warn("closing {}", part, e);
            }
        }
        parts.clear();
    }
}
