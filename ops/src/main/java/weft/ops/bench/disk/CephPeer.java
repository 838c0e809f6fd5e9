package weft.ops.bench.disk;

import com.fasterxml.jackson.databind.ObjectMapper;

import weft.ops.bench.Host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/// Ceph as Debian packages it, and an image of it behind `qemu-nbd`: one monitor and three OSDs,
/// each with BlueStore on a file. A write is durable in all three when it is answered; nothing is
/// cached at the client.
///
/// The cluster is made for the benchmark and asks nobody who he is: it listens on 127.0.0.1 alone,
/// has its files in the benchmark's folder, and runs as whoever runs the benchmark. It has no
/// manager, which neither makes pools nor serves requests.
public final class CephPeer implements DiskPeer {
    static final String NAME = "ceph";
    private static final String QEMU_NBD = "qemu-nbd";
    private static final String QEMU_IMG = "qemu-img";
    private static final List<String> PROGRAMS =
            List.of("ceph-mon", "ceph-osd", "ceph", "rbd", QEMU_NBD, QEMU_IMG);

    /// qemu-block-extra has QEMU's driver for RBD.
    private static final String PACKAGES =
            "ceph-mon ceph-osd ceph-common qemu-utils qemu-block-extra";

    private static final int OSDS = 3;
    private static final int PLACEMENT_GROUPS = 32;
    private static final String POOL = "bench";
    private static final String IMAGE = "volume";

    /// What BlueStore's metadata may take: its RocksDB has up to 1 GiB of log
    /// (`max_total_wal_size`) and as much of tables while it compacts; an OSD that is 85 % full
    /// complains.
    private static final long METADATA_BYTES = 3L << 30;

    private static final int START_SECONDS_MAX = 60;
    private static final int COMMAND_SECONDS_MAX = 60;

    private final Path folder;
    private final PeerProcesses processes;
    private final int monitorPort;
    private final int nbdPort;

    /// @param folder for its files, on the disk that is measured
    public CephPeer(Path folder) throws IOException {
        for (String program : PROGRAMS) {
            Host.require(program, PACKAGES);
        }
        this.folder = folder.toAbsolutePath();
        if (!this.folder.toString().matches("[\\w./+-]+")) {
            throw new IOException(
                    "Ceph's settings cannot name the folder %s: choose a state folder of letters,"
                                    .formatted(this.folder)
                            + " digits and ./+-_ alone (--dir)");
        }
        // What somebody has set there is for a cluster that is in use.
        processes = new PeerProcesses(this.folder, Map.of("CEPH_ARGS", ""));
        monitorPort = PeerProcesses.freePort();
        nbdPort = PeerProcesses.freePort();
    }

    @Override
    public void start(long sizeBytes) throws IOException, InterruptedException {
        requireDriver();
        Files.writeString(settingsFile(), settings(folder, UUID.randomUUID(), monitorPort));
        startMonitor();
        for (int id = 0; id < OSDS; id++) {
            startOsd(id, sizeBytes + sizeBytes / 4 + METADATA_BYTES);
        }
        processes.await(START_SECONDS_MAX, () -> osdsUp() == OSDS);
        var _ = run("ceph", "osd", "pool", "create", POOL, String.valueOf(PLACEMENT_GROUPS));
        var _ = run("rbd", "create", POOL + "/" + IMAGE, "--size", sizeBytes + "B");
        processes.start(
                QEMU_NBD,
                List.of(
                        QEMU_NBD,
                        "--persistent",
                        // Else the driver has librbd cache, whatever the settings say.
                        "--cache=none",
                        "--bind=127.0.0.1",
                        "--port=" + nbdPort,
                        "--image-opts",
                        "driver=rbd,pool=%s,image=%s,conf=%s"
                                .formatted(POOL, IMAGE, settingsFile().getFileName())));
        processes.await(START_SECONDS_MAX, () -> PeerProcesses.answers(nbdPort));
    }

    /// Asks for the driver's options: its absence would show only when all else runs.
    private void requireDriver() throws IOException, InterruptedException {
        List<String> question = List.of(QEMU_IMG, "create", "-f", "rbd", "-o", "help");
        var _ = processes.run(COMMAND_SECONDS_MAX, question);
    }

    private void startMonitor() throws IOException, InterruptedException {
        var _ = run("ceph-mon", "-f", "--mkfs", "-i", "a");
        processes.start("mon.a", command("ceph-mon", "-f", "-i", "a"));
        processes.await(START_SECONDS_MAX, () -> PeerProcesses.answers(monitorPort));
    }

    /// The file is written in full before: what a file system does at the first write of a block is
    /// not BlueStore's.
    private void startOsd(int id, long fileBytes) throws IOException, InterruptedException {
        String name = "osd." + id;
        Path data = Files.createDirectory(folder.resolve(name));
        long mebibytes = fileBytes >> 20;
        var _ =
                processes.run(
                        COMMAND_SECONDS_MAX + (int) (mebibytes >> 4),
                        List.of(
                                "dd",
                                "if=/dev/zero",
                                "of=" + data.resolve("block"),
                                "bs=1M",
                                "count=" + mebibytes,
                                "oflag=direct"));
        String number = String.valueOf(id);
        String uuid = UUID.randomUUID().toString();
        var _ = run("ceph", "osd", "new", uuid, number);
        // Without -f a child of it works, which does not end with it.
        var _ = run("ceph-osd", "-f", "--mkfs", "-i", number, "--osd-uuid", uuid);
        processes.start(name, command("ceph-osd", "-f", "-i", number));
    }

    private int osdsUp() throws IOException, InterruptedException {
        String said = run("ceph", "osd", "stat", "--format", "json");
        return new ObjectMapper().readTree(said).path("num_up_osds").asInt();
    }

    private String run(String program, String... arguments)
            throws IOException, InterruptedException {
        return processes.run(COMMAND_SECONDS_MAX, command(program, arguments));
    }

    private List<String> command(String program, String... arguments) {
        var command = new ArrayList<>(List.of(program, "--conf", settingsFile().toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    private Path settingsFile() {
        return folder.resolve("ceph.conf");
    }

    /// An OSD would take the disk for what its driver says of it: that it is an SSD, and how many
    /// threads it has then, is said here. All copies are on one host, so CRUSH chooses among OSDs.
    private static String settings(Path folder, UUID cluster, int monitorPort) {
        return """
        [global]
        fsid = %s
        mon_host = [v2:127.0.0.1:%d]
        ms_bind_msgr1 = false
        auth_cluster_required = none
        auth_service_required = none
        auth_client_required = none
        admin_socket =
        run_dir = %s
        crash_dir = %s

        [mon]
        mon_data = %s/$name
        log_file = %s/$name.log
        mon_cluster_log_to_file = false
        osd_crush_chooseleaf_type = 0
        osd_pool_default_size = 3
        osd_pool_default_min_size = 2

        [osd]
        osd_data = %s/$name
        log_file = %s/$name.log
        public_addr = 127.0.0.1
        cluster_addr = 127.0.0.1
        crush_location = root=default host=bench
        osd_memory_target = 1073741824
        osd_op_num_shards = 8
        osd_op_num_threads_per_shard = 2
        bluestore_debug_enforce_settings = ssd

        [client]
        rbd_cache = false
        """
                .formatted(cluster, monitorPort, folder, folder, folder, folder, folder, folder);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<Long> servers() {
        return processes.pids();
    }

    @Override
    public String uri() {
        return "nbd://127.0.0.1:%d/".formatted(nbdPort);
    }

    /// BlueStore puts off small writes for 3 s at most (`bluestore_max_defer_interval`). Metadata
    /// in RocksDB's memory is in its log by then, and goes to tables when it is much, not when time
    /// has passed.
    @Override
    public Duration drained() {
        return Duration.ofSeconds(5);
    }

    @Override
    public void close() {
        processes.close();
    }
}
