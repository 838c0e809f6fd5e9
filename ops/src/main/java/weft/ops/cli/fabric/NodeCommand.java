package weft.ops.cli.fabric;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.fabric.Cluster;
import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.EngineOption;
import weft.ops.cli.ExitCode;
import weft.ops.cli.JavaProcess;
import weft.ops.cli.node.NodeAdd;
import weft.ops.cli.node.NodeDomain;
import weft.ops.cli.node.NodeDrain;
import weft.ops.cli.node.NodeList;
import weft.ops.cli.node.NodeRemove;
import weft.ops.cli.node.NodeReweight;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalFabric;
import weft.ops.node.LocalLayout;
import weft.ops.node.NodeOptions;
import weft.ops.node.Part;
import weft.ops.node.SupervisedNode;
import weft.ops.node.Supervisor;
import weft.transport.NodeAddress;
import weft.wire.storage.StorageMessage;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;

/// `weft node …`: one part of a fabric in this process, until it is stopped.
@Command(
        name = "node",
        description = {
            "Look after storage nodes; or run one part of a fabric in this process, for fabrics of",
            "many machines: storage, host, control, zookeeper."
        },
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            NodeList.class,
            NodeDrain.class,
            NodeAdd.class,
            NodeRemove.class,
            NodeReweight.class,
            NodeDomain.class,
            NodeCommand.Storage.class,
            NodeCommand.Host.class,
            NodeCommand.ControlNode.class,
            NodeCommand.ZooKeeper.class,
            NodeCommand.All.class
        },
        footer = {
            "",
            "Examples:",
            "  weft node list",
            "  weft node storage --name node1 --data /var/lib/weft --zookeeper zk1:2181 \\",
            "      --listen 192.0.2.11:7400"
        })
public final class NodeCommand {
    /// The options that all parts have.
    static final class Where {
        @Option(
                names = "--name",
                required = true,
                paramLabel = "NAME",
                description = "This part's name: unique among its role, for ever.")
        private String name = "";

        @Option(
                names = "--zookeeper",
                required = true,
                paramLabel = "HOST:PORT",
                description = "The fabric's ZooKeeper: HOST:PORT[,HOST:PORT…].")
        private String zookeeper = "";

        @Option(
                names = "--listen",
                required = true,
                paramLabel = "ADDRESS:PORT",
                description = "Where to take connections of the fabric.")
        private String listen = "";

        @Option(
                names = "--advertise",
                paramLabel = "HOST",
                description = "The host under which others reach it (default: that of --listen).")
        private @Nullable String advertise;

        @Option(
                names = "--metrics-port",
                paramLabel = "PORT",
                defaultValue = "9400",
                description = "Port of its Prometheus page (default: ${DEFAULT-VALUE}; 0: any).")
        private int metricsPort;

        NodeOptions options(int nbdPort, int vtepPort, HostOffer offer) {
            InetSocketAddress address = parse(listen);
            return new NodeOptions(
                    new NodeId(name),
                    List.of(),
                    List.of(),
                    zookeeper,
                    address,
                    advertise == null ? address.getHostString() : advertise,
                    port(nbdPort),
                    port(vtepPort),
                    port(metricsPort),
                    offer,
                    Optional.empty(),
                    FailureDomain.ofAddress(
                            advertise == null ? address.getHostString() : advertise));
        }

        private static int port(int port) {
            if (port < 0 || port > 65_535) {
                throw CliFailure.usage("port " + port + " is not in 0..65535");
            }
            return port;
        }

        private static InetSocketAddress parse(String text) {
            return NodeAddress.parse(text)
                    .filter(address -> !address.isUnresolved() && address.getPort() > 0)
                    .orElseThrow(() ->
                            CliFailure.usage(
                                    "--listen '" + text + "' is not ADDRESS:PORT of this machine"));
        }
    }

    private static Integer runUntilStopped(AutoCloseable part, String ready)
            throws InterruptedException {
        System.out.println(ready);
        System.out.flush();
        Supervisor.runUntilStopped(part);
        return ExitCode.OK.value();
    }

    @Command(
            name = "storage",
            description =
                    "Run a storage node: its disks join the pool, each as a store of its own.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Example:",
                "  weft node storage --name node1 --data /disk1/weft --data /disk2/weft \\",
                "      --zookeeper zk1:2181 --listen 192.0.2.11:7400"
            })
    static final class Storage implements Callable<Integer> {
        /// Set in the child, which has the same arguments.
        private static final String CHILD = "weft.supervised.child";

        @Spec private @Nullable CommandSpec spec;
        @Mixin private Where where = new Where();

        @Option(
                names = "--supervised",
                description = {
                    "Run it in a child process, start it again when it dies, and tell the others"
                            + " of",
                    "that at once: they go on without it in a part of the time."
                })
        private boolean supervised;

        @Option(
                names = "--data",
                required = true,
                paramLabel = "FOLDER",
                description = {
                    "Where a store is, made if missing; once for each disk. One that cannot be"
                            + " opened",
                    "is left out."
                })
        private List<Path> data = List.of();

        @Option(
                names = "--adopt",
                paramLabel = "STORE",
                description = {
                    "Take over the store whose id begins so, which another node served before: its",
                    "disk was moved here for good."
                })
        private List<String> adopted = List.of();

        @Option(
                names = "--nbd-port",
                paramLabel = "PORT",
                defaultValue = "10809",
                description = "Port of its NBD server (default: ${DEFAULT-VALUE}).")
        private int nbdPort;

        @Option(
                names = "--nbd-tls",
                paramLabel = "FOLDER",
                description = {
                    "Take NBD connections with TLS only, by server-cert.pem and server-key.pem in",
                    "that folder; with ca-cert.pem there clients need a certificate, too."
                })
        private @Nullable Path nbdTls;

        @Option(
                names = "--zone",
                paramLabel = "ZONE",
                description = {
                    "Where it stands, when it is new (default: 'default'); later:",
                    "weft node domain."
                })
        private @Nullable String zone;

        @Option(names = "--rack", paramLabel = "RACK", description = "The same, within the zone.")
        private @Nullable String rack;

        @Option(
                names = "--host",
                paramLabel = "HOST",
                description = "The same, within the rack (default: the host of --advertise).")
        private @Nullable String host;

        private List<Path> folders() {
            List<Path> folders =
                    data.stream().map(folder -> folder.toAbsolutePath().normalize()).toList();
            if (folders.stream().distinct().count() < folders.size()) {
                throw CliFailure.usage("--data names a folder twice");
            }
            if (folders.size() > StorageMessage.STORES_MAX) {
                throw CliFailure.usage(
                        "a storage node has up to %d folders".formatted(StorageMessage.STORES_MAX));
            }
            return folders;
        }

        private List<String> adopted() {
            for (String store : adopted) {
                if (store.length() < NodeAdmin.PREFIX_MIN) {
                    throw CliFailure.usage(
                            "--adopt '%s': give at least the first %d characters of the store's id"
                                    .formatted(store, NodeAdmin.PREFIX_MIN));
                }
            }
            return adopted;
        }

        private FailureDomain domain(FailureDomain unsaid) {
            return new FailureDomain(
                    Objects.requireNonNullElse(zone, unsaid.zone()),
                    Objects.requireNonNullElse(rack, unsaid.rack()),
                    Objects.requireNonNullElse(host, unsaid.host()));
        }

        @Override
        public Integer call() throws IOException, InterruptedException {
            NodeOptions known = where.options(nbdPort, 0, HostOffer.NONE);
            NodeOptions options =
                    known.withNbdTls(nbdTls)
                            .withDomain(domain(known.domain()))
                            .withStores(folders(), adopted());
            if (supervised && !Boolean.getBoolean(CHILD)) {
                return supervise(options);
            }
            return runUntilStopped(
                    Part.storage(options), "storage node " + options.node() + " is ready");
        }

        private Integer supervise(NodeOptions options) throws IOException, InterruptedException {
            var arguments =
                    new ArrayList<>(
                            Objects.requireNonNull(spec)
                                    .root()
                                    .commandLine()
                                    .getParseResult()
                                    .originalArgs());
            SupervisedNode node =
                    SupervisedNode.connect(
                            JavaProcess.again(List.of("-D" + CHILD + "=true"), arguments), options);
            var _ = Supervisor.closeAtEnd(node::stop);
            return node.run();
        }
    }

    @Command(
            name = "host",
            description = "Run a VM host.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Example:",
                "  weft node host --name host1 --zookeeper zk1:2181 --listen 192.0.2.21:7400"
            })
    static final class Host implements Callable<Integer> {
        @Mixin private Where where = new Where();

        @Option(
                names = "--memory",
                paramLabel = "SIZE",
                defaultValue = "4G",
                converter = ByteSize.Converter.class,
                description = "What it offers to VMs (default: ${DEFAULT-VALUE}).")
        private ByteSize memory = new ByteSize(ByteSize.GRANULARITY_BYTES);

        @Option(
                names = "--vxlan-port",
                paramLabel = "PORT",
                defaultValue = "4789",
                description = "UDP port of its tunnel endpoint (default: ${DEFAULT-VALUE}).")
        private int vxlanPort;

        @Mixin private EngineOption engine = new EngineOption();

        @Override
        public Integer call() throws IOException, InterruptedException {
            NodeOptions options =
                    where.options(0, vxlanPort, new HostOffer(memory.bytes(), engine.kind()));
            return runUntilStopped(Part.host(options), "host " + options.node() + " is ready");
        }
    }

    @Command(
            name = "control",
            description = "Run a control process; the first one makes the cluster.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Example:",
                "  weft node control --name control1 --zookeeper zk1:2181 --listen 192.0.2.1:7400"
            })
    static final class ControlNode implements Callable<Integer> {
        @Mixin private Where where = new Where();

        @Option(
                names = "--replicas",
                paramLabel = "N",
                defaultValue = "3",
                description = "Copies of every block of a new cluster (default: ${DEFAULT-VALUE}).")
        private int replicas;

        @Option(
                names = "--min-replicas",
                paramLabel = "N",
                defaultValue = "2",
                description = "Copies that must exist to acknowledge (default: ${DEFAULT-VALUE}).")
        private int minReplicas;

        @Option(
                names = "--lease-millis",
                paramLabel = "N",
                defaultValue = "" + Cluster.LEASE_MILLIS_DEFAULT,
                description = {
                    "Lease of a new cluster's primaries (default: ${DEFAULT-VALUE}). Writes stand"
                            + " still",
                    "for a quarter more when a storage node falls silent; a machine that stands"
                            + " still",
                    "for as long is taken for dead."
                })
        private int leaseMillis;

        @Mixin private ControlOptions control = new ControlOptions();

        @Override
        public Integer call() throws IOException, InterruptedException {
            NodeOptions options = where.options(0, 0, HostOffer.NONE);
            if (leaseMillis < Cluster.LEASE_MILLIS_MIN || leaseMillis > Cluster.LEASE_MILLIS_MAX) {
                throw CliFailure.usage(
                        "--lease-millis is %d, and is to be %d to %d"
                                .formatted(
                                        leaseMillis,
                                        Cluster.LEASE_MILLIS_MIN,
                                        Cluster.LEASE_MILLIS_MAX));
            }
            Cluster first = Part.newCluster(replicas, minReplicas).withLeaseMillis(leaseMillis);
            return runUntilStopped(
                    Part.control(options, first, control.settings()),
                    "control " + options.node() + " is ready");
        }
    }

    @Command(
            name = "zookeeper",
            description = "Run a single ZooKeeper server; beyond one machine use an ensemble.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Example:",
                "  weft node zookeeper --data /srv/zk --listen 127.0.0.1:2181"
            })
    static final class ZooKeeper implements Callable<Integer> {
        @Option(
                names = "--data",
                required = true,
                paramLabel = "FOLDER",
                description = "Its state.")
        private Path data = Path.of(".");

        @Option(
                names = "--listen",
                required = true,
                paramLabel = "ADDRESS:PORT",
                description = "Where to take connections.")
        private String listen = "";

        @Override
        public Integer call() throws IOException, InterruptedException {
            InetSocketAddress address = Where.parse(listen);
            return runUntilStopped(
                    EmbeddedZooKeeper.start(data, address.getHostString(), address.getPort()),
                    "ZooKeeper is ready at " + listen);
        }
    }

    @Command(
            name = "all",
            description = "Run a whole fabric in this process, on loopback; 'weft up' starts this.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft node all --data ~/.weft --loopback 1"})
    static final class All implements Callable<Integer> {
        @Option(
                names = "--data",
                required = true,
                paramLabel = "FOLDER",
                description = "Its state.")
        private Path data = Path.of(".");

        @Option(
                names = "--loopback",
                required = true,
                paramLabel = "N",
                description = "Use the addresses 127.0.N.1 and up.")
        private int loopback;

        @Option(names = "--storage-nodes", defaultValue = "3", description = "How many.")
        private int storageNodes;

        @Option(
                names = "--disks-per-node",
                defaultValue = "1",
                description = "How many folders each storage node has.")
        private int disksPerNode;

        @Option(names = "--hosts", defaultValue = "2", description = "How many.")
        private int hosts;

        @Option(
                names = "--host-memory",
                defaultValue = "2G",
                converter = ByteSize.Converter.class,
                description = "What each host offers to VMs (default: ${DEFAULT-VALUE}).")
        private ByteSize hostMemory = new ByteSize(ByteSize.GRANULARITY_BYTES);

        @Mixin private EngineOption engine = new EngineOption();

        @Mixin private ControlOptions control = new ControlOptions();

        @Override
        public Integer call() throws IOException, InterruptedException {
            var layout = new LocalLayout(loopback, data.toAbsolutePath());
            var offer = new HostOffer(hostMemory.bytes(), engine.kind());
            return runUntilStopped(
                    LocalFabric.start(
                            layout,
                            new FabricSize(storageNodes, disksPerNode, hosts),
                            offer,
                            control.settings()),
                    "the fabric is ready");
        }
    }
}
