package weft.ops.cli.pool;

import picocli.CommandLine.Command;

import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.pool.PoolSession;
import weft.volume.PoolSpace;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// `weft pool df`.
@Command(
        name = "df",
        description = "Show what takes the pool's space, volume by volume.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "OWN is what deleting the volume gives back, INHERITED what it reads from the layers"
                    + " of",
            "others; both are of one copy.",
            "",
            "Example:",
            "  weft pool df"
        })
final class PoolDf extends FabricCommand {
    /// A volume.
    ///
    /// @param ownBytes stored in layers that no other volume has
    /// @param inheritedBytes stored in layers that others have too
    record Row(String volume, long sizeBytes, long ownBytes, long inheritedBytes) {}

    /// What `--json` prints; all but `writableBytes` are of one copy.
    ///
    /// @param storedBytes of all volumes, each block once
    /// @param unownedBytes of layers of volumes that were deleted, not given back yet
    /// @param writableBytes what can still be written, in about, if it spreads evenly
    record Report(
            List<Row> volumes,
            int replicas,
            long storedBytes,
            long unownedBytes,
            long writableBytes,
            List<PoolSpace.StoreSpace> stores) {}

    @Override
    protected void run(FabricSession session) throws IOException {
        FabricImage image = session.image();
        PoolSpace.Result space;
        int replicas;
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            space = pool.client().space().ask();
            replicas = image.cluster().orElseThrow().replicas();
        }
        if (!space.silent().isEmpty()) {
            throw CliFailure.failed(
                    "no answer from %s: what it alone can tell is missing (weft pool status)"
                            .formatted(
                                    space.silent().stream()
                                            .map(node -> node.name())
                                            .collect(Collectors.joining(", "))));
        }
        print(report(image, space, replicas));
    }

    private static Report report(FabricImage image, PoolSpace.Result space, int replicas) {
        Map<VolumeId, Long> users =
                image.volumes().values().stream()
                        .flatMap(volume -> volume.layers().stream())
                        .collect(Collectors.groupingBy(layer -> layer, Collectors.counting()));
        List<Row> rows =
                image.volumes().values().stream()
                        .sorted(Comparator.comparing(Volume::name))
                        .map(volume -> row(volume, users, space.layers()))
                        .toList();
        long stored = 0;
        long unowned = 0;
        for (var layer : space.layers().entrySet()) {
            stored += layer.getValue();
            unowned += users.containsKey(layer.getKey()) ? 0 : layer.getValue();
        }
        long leastFree =
                space.stores().stream().mapToLong(PoolSpace.StoreSpace::freeBytes).min().orElse(0);
        long copies = Math.max(1, Math.min(replicas, space.stores().size()));
        return new Report(
                rows,
                replicas,
                stored - unowned,
                unowned,
                leastFree * space.stores().size() / copies,
                space.stores());
    }

    private static Row row(Volume volume, Map<VolumeId, Long> users, Map<VolumeId, Long> stored) {
        long own = 0;
        long inherited = 0;
        for (VolumeId layer : volume.layers()) {
            long bytes = stored.getOrDefault(layer, 0L);
            if (users.getOrDefault(layer, 0L) > 1) {
                inherited += bytes;
            } else {
                own += bytes;
            }
        }
        return new Row(volume.name(), volume.sizeBytes(), own, inherited);
    }

    private void print(Report report) {
        if (output().isJson()) {
            output().result(report, "");
            return;
        }
        output().list(
                        report.volumes(),
                        List.of(
                                Column.of("VOLUME", Row::volume),
                                Column.of("SIZE", row -> ByteSize.humane(row.sizeBytes())),
                                Column.of("OWN", row -> ByteSize.humane(row.ownBytes())),
                                Column.of(
                                        "INHERITED",
                                        row -> ByteSize.humane(row.inheritedBytes()))));
        output().say("");
        output().list(
                        report.stores(),
                        List.of(
                                Column.of("NODE", store -> store.node().name()),
                                Column.of(
                                        "STORE",
                                        store -> store.store().uuid().toString().substring(0, 8)),
                                Column.of("USED", store -> ByteSize.humane(store.usedBytes())),
                                Column.of("FREE", store -> ByteSize.humane(store.freeBytes()))));
        output().say("");
        output().say(
                        "%s stored, in %d copies; %s of deleted volumes not given back yet; about %s can still be written"
                                .formatted(
                                        ByteSize.humane(report.storedBytes()),
                                        report.replicas(),
                                        ByteSize.humane(report.unownedBytes()),
                                        ByteSize.humane(report.writableBytes())));
    }
}
