package weft.ops.cli.fabric;

import picocli.CommandLine.Command;

import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// `weft status`.
@Command(
        name = "status",
        description = "Show the parts of the fabric and how its pool is.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft status --json"})
public final class Status extends FabricCommand {
    /// One part.
    record Row(
            String role, String name, String address, long pid, String carries, String metrics) {}

    /// What `--json` prints.
    record Report(
            List<Row> parts, PoolHealth pool, int volumes, int networks, Map<String, Long> vms) {}

    @Override
    protected void run(FabricSession session) throws IOException {
        FabricImage image = session.image();
        List<Configuration> groups = PoolHealth.groups(session.records());
        List<Row> rows =
                image.presences().values().stream()
                        .sorted(
                                Comparator.comparing(NodePresence::role)
                                        .thenComparing(NodePresence::node))
                        .map(presence -> row(image, groups, presence))
                        .toList();
        var report =
                new Report(
                        rows,
                        PoolHealth.of(groups),
                        image.volumes().size(),
                        image.networks().size(),
                        vms(image));
        if (output().isJson()) {
            output().result(report, "");
        } else {
            print(report);
        }
    }

    private void print(Report report) {
        output().list(
                        report.parts(),
                        List.of(
                                Column.of("ROLE", Row::role),
                                Column.of("NAME", Row::name),
                                Column.of("ADDRESS", Row::address),
                                Column.of("PID", Row::pid),
                                Column.of("CARRIES", Row::carries)));
        output().say("");
        output().say(report.pool().sentence());
        output().say(
                        "%d volumes, %d networks, VMs: %s"
                                .formatted(
                                        report.volumes(),
                                        report.networks(),
                                        report.vms().isEmpty()
                                                ? "none"
                                                : String.join(
                                                        ", ",
                                                        report.vms().entrySet().stream()
                                                                .map(e ->
                                                                        e.getValue()
                                                                                + " "
                                                                                + e.getKey())
                                                                .toList())));
    }

    private static Row row(FabricImage image, List<Configuration> groups, NodePresence presence) {
        String carries =
                switch (presence.role()) {
                    case STORAGE -> carried(groups, presence);
                    case HOST ->
                            "%d VMs, %s for VMs"
                                    .formatted(
                                            image.placements().values().stream()
                                                    .filter(p -> presence.node().equals(p.owner()))
                                                    .count(),
                                            ByteSize.humane(presence.memoryBytes()));
                    case CONTROL -> "";
                };
        return new Row(
                presence.role().lowerCase(),
                presence.node().name(),
                presence.address(),
                presence.pid(),
                carries,
                "http://" + presence.metrics() + "/metrics");
    }

    private static String carried(List<Configuration> groups, NodePresence presence) {
        if (presence.hasEnded()) {
            return "it has ended";
        }
        var stores = presence.stores().stream().map(Member::store).toList();
        long copies = groups.stream().filter(g -> stores.stream().anyMatch(g::hasStore)).count();
        long primaries = groups.stream().filter(g -> stores.contains(g.primary().store())).count();
        long failed = presence.disks().size() - stores.size();
        return "%d placement groups, primary of %d%s"
                .formatted(
                        copies,
                        primaries,
                        failed == 0
                                ? ""
                                : ", %d of %d disks failed"
                                        .formatted(failed, presence.disks().size()));
    }

    private static Map<String, Long> vms(FabricImage image) {
        var counts = new TreeMap<String, Long>();
        for (VmPlacement placement : image.placements().values()) {
            counts.merge(
                    placement.state().name().toLowerCase(java.util.Locale.ROOT), 1L, Long::sum);
        }
        return counts;
    }
}
