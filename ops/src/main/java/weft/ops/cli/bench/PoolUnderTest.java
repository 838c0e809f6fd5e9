package weft.ops.cli.bench;

import weft.fabric.FabricImage;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.ops.admin.ExportAdmin;
import weft.ops.admin.VolumeAdmin;
import weft.ops.admin.VolumeUsers;
import weft.ops.bench.disk.DiskSide;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricFile;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.fabric.LocalProcesses;
import weft.ops.cli.fabric.Up;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// A volume of a pool, exported over NBD: of a fabric that was started for it, or of one that runs.
final class PoolUnderTest implements DiskSide, AutoCloseable {
    private static final int STORAGE_NODES = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    /// The volume of a fabric that was started for it.
    static final String NAME = "bench";

    /// Longer than a checkpoint is put off.
    private static final Duration DRAINED = Duration.ofSeconds(20);

    private final FabricSession session;
    private final ExportAdmin exports;
    private final Volume volume;
    private final String uri;
    private final List<Long> servers;
    private boolean exported = true;
    private Optional<PoolSession> pool = Optional.empty();

    private PoolUnderTest(FabricSession session, String name) throws IOException {
        this.session = session;
        exports = new ExportAdmin(session.records());
        FabricImage image = session.image();
        volume = VolumeAdmin.find(image, name);
        if (volume.access() == Volume.Access.READ_ONLY) {
            throw CliFailure.refused(
                    "volume '%s' is read-only: it cannot be overwritten".formatted(name));
        }
        VolumeUsers.usersOf(image, volume)
                .ifPresent(user -> {
                    throw CliFailure.refused("volume '%s' is in use by %s".formatted(name, user));
                });
        servers = storageNodesHere(image);
        uri = exports.export(image, name, List.of(), Volume.Access.READ_WRITE).uris().getFirst();
    }

    /// Starts a fabric of three storage nodes, each a process of its own.
    static PoolUnderTest fresh(Path folder, long sizeBytes, Remains remains)
            throws IOException, InterruptedException {
        LocalLayout layout = LocalLayout.free(folder);
        remains.own(() -> stop(layout));
        new LocalProcesses(layout).startSeparate(FabricSize.of(STORAGE_NODES, 0), HostOffer.NONE);
        Up.Readiness.await(layout, STORAGE_NODES, 0, PATIENCE);
        FabricSession session =
                remains.own(FabricSession.open(layout.zookeeper(), Duration.ofSeconds(10)));
        var _ =
                new VolumeAdmin(session.records())
                        .create(session.image(), NAME, sizeBytes, Volume.Access.READ_WRITE);
        var _ =
                session.await(
                        PATIENCE,
                        image ->
                                image.volumes().containsKey(NAME)
                                        ? Optional.of(image)
                                        : Optional.empty());
        return remains.own(new PoolUnderTest(session, NAME));
    }

    /// A volume of the fabric that the options name.
    static PoolUnderTest running(FabricOptions fabric, String volume, Remains remains)
            throws IOException {
        FabricSession session = remains.own(FabricSession.open(fabric));
        return remains.own(new PoolUnderTest(session, volume));
    }

    private static List<Long> storageNodesHere(FabricImage image) {
        List<Long> pids =
                image.presences().values().stream()
                        .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                        .filter(presence -> presence.address().startsWith("127."))
                        .map(NodePresence::pid)
                        .distinct()
                        .toList();
        if (pids.isEmpty()) {
            throw CliFailure.refused(
                    "no storage node runs on this machine: what it costs is asked of its"
                            + " processes");
        }
        return pids;
    }

    FabricSession session() {
        return session;
    }

    long sizeBytes() {
        return volume.sizeBytes();
    }

    @Override
    public String name() {
        return "weft";
    }

    @Override
    public List<Long> servers() {
        return servers;
    }

    @Override
    public String uri() {
        return uri;
    }

    @Override
    public Duration drained() {
        return DRAINED;
    }

    /// Takes the export back and opens the volume for this process.
    BlockVolume openNative() throws IOException {
        unexport();
        var made = new PoolSession(session.records().store(), session::image);
        pool = Optional.of(made);
        return made.client().open(made.client().claim(volume, "weft bench"));
    }

    private void unexport() throws IOException {
        if (exported) {
            exported = false;
            exports.unexport(volume.name());
        }
    }

    /// Takes the export back; the session is its opener's.
    @Override
    public void close() throws IOException {
        try {
            unexport();
        } finally {
            pool.ifPresent(PoolSession::close);
        }
    }

    private static void stop(LocalLayout layout) throws IOException, InterruptedException {
        Optional<FabricFile> file = FabricFile.read(layout.folder());
        if (file.isPresent()) {
            var _ = LocalProcesses.stop(file.get());
        }
    }
}
