package weft.ops.bench.net;

import weft.ops.bench.Host;
import weft.ops.bench.Report;
import weft.ops.bench.Row;
import weft.ops.bench.Turns;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// Measures Weft's switch, and a peer in turns with it.
public final class NetBench {
    /// With whom Weft is compared.
    public enum Peer {
        /// A forwarder of ours that looks at nothing; over VXLAN, the Linux kernel at both ends.
        RAW,
        /// A bridge of the Linux kernel; over VXLAN, the same at both ends.
        BRIDGE
    }

    /// @param loads by name; empty for all
    public record Settings(List<String> loads, Optional<Peer> peer, int repeat, int seconds) {}

    private static final int WARM_UP_SECONDS = 3;

    private final Settings settings;
    private final Consumer<String> progress;
    private final List<String> java;

    public NetBench(Settings settings, Consumer<String> progress) {
        this.settings = settings;
        this.progress = progress;
        java =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-Xmx256m",
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dweft.log.level=ERROR",
                        "-cp",
                        System.getProperty("java.class.path"));
    }

    /// The names that [Settings#loads] may have.
    public static List<String> loadNames() {
        return NetLoad.ALL.stream().map(NetLoad::name).toList();
    }

    /// @throws IOException if a program is missing or namespaces cannot be made
    public Report run() throws IOException, InterruptedException {
        Host.require("ip", "iproute2");
        Host.require("iperf3", "iperf3");
        Host.require("ping", "iputils-ping");
        List<NetLoad> loads =
                NetLoad.ALL.stream()
                        .filter(load ->
                                settings.loads().isEmpty()
                                        || settings.loads().contains(load.name()))
                        .toList();
        List<Row> rows = new ArrayList<>();
        for (boolean isOverlay : new boolean[] {false, true}) {
            List<NetLoad> now = loads.stream().filter(l -> l.isOverlay() == isOverlay).toList();
            if (!now.isEmpty()) {
                rows.addAll(measure(now, isOverlay));
            }
        }
        return new Report("net", Host.commit(), Host.machine(), rows);
    }

    private List<Row> measure(List<NetLoad> loads, boolean isOverlay)
            throws IOException, InterruptedException {
        List<Row> rows = new ArrayList<>();
        try (NetSide weft = weft(isOverlay)) {
            weft.start();
            if (settings.peer().isEmpty()) {
                rows.addAll(measure(loads, weft, Optional.empty()));
                return rows;
            }
            try (NetSide peer = peer(settings.peer().get(), isOverlay)) {
                peer.start();
                rows.addAll(measure(loads, weft, Optional.of(peer)));
            }
        }
        return rows;
    }

    private List<Row> measure(List<NetLoad> loads, NetSide weft, Optional<NetSide> peer)
            throws IOException, InterruptedException {
        List<Row> rows = new ArrayList<>();
        var turns = Turns.noisy(peer, settings.repeat(), progress);
        boolean countsCpu =
                weft.forwarder().isPresent()
                        && peer.map(side -> side.forwarder().isPresent()).orElse(true);
        for (NetLoad load : loads) {
            // What the forwarders compile, they compile before anything counts.
            var warmUp = new NetRun(load, WARM_UP_SECONDS, java, countsCpu);
            var _ = warmUp.run(weft);
            if (peer.isPresent()) {
                var _ = warmUp.run(peer.get());
            }
            var run = new NetRun(load, settings.seconds(), java, countsCpu);
            rows.addAll(turns.compare(load.name(), weft, run.quantities(), run::run));
        }
        return rows;
    }

    private NetSide weft(boolean isOverlay) throws IOException, InterruptedException {
        return isOverlay
                ? new VxlanPair(
                        "weft",
                        "weft",
                        Optional.of(
                                process(
                                        SwitchProcess.class,
                                        VxlanPair.UNDERLAY_A,
                                        VxlanPair.UNDERLAY_B)))
                : new TapPair("weft", "weft", process(SwitchProcess.class, "127.0.0.1", "-"));
    }

    private NetSide peer(Peer kind, boolean isOverlay) throws IOException, InterruptedException {
        if (isOverlay) {
            return new VxlanPair("kernel", "kernel", Optional.empty());
        }
        return switch (kind) {
            case RAW -> new TapPair("raw", "raw", process(BareForwarder.class));
            case BRIDGE -> new BridgePair();
        };
    }

    private List<String> process(Class<?> main, String... arguments) {
        var command = new ArrayList<>(java);
        command.add(main.getName());
        command.addAll(List.of(arguments));
        return command;
    }
}
