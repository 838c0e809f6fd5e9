package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.pool.SpaceReport;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// `weft volume df`.
@Command(
        name = "df",
        description = "Show the space that volumes take; of one volume, with its snapshots.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "OWN is what deleting it gives back, INHERITED what it reads from layers of others;",
            "both are of one copy.",
            "",
            "Example:",
            "  weft volume df data"
        })
final class VolumeDf extends FabricCommand {
    @Parameters(paramLabel = "NAME", arity = "0..1", description = "The volume's name.")
    private Optional<String> name = Optional.empty();

    @Override
    protected void run(FabricSession session) throws IOException {
        Optional<Volume> wanted = name.map(known -> VolumeAdmin.find(session.image(), known));
        SpaceReport report = SpaceReport.ask(session.records().store(), session::image);
        List<SpaceReport.Row> rows =
                report.volumes().stream()
                        .filter(row -> wanted.map(volume -> concerns(row, volume)).orElse(true))
                        .toList();
        output().list(
                        rows,
                        List.of(
                                Column.of("VOLUME", SpaceReport.Row::volume),
                                Column.of("SIZE", row -> ByteSize.humane(row.sizeBytes())),
                                Column.of("OWN", row -> ByteSize.humane(row.ownBytes())),
                                Column.of(
                                        "INHERITED",
                                        row -> ByteSize.humane(row.inheritedBytes()))));
    }

    private static boolean concerns(SpaceReport.Row row, Volume volume) {
        return row.volume().equals(volume.name())
                || row.volume().startsWith(Volume.snapshotName(volume.name(), ""));
    }
}
