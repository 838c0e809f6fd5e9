package weft.ops.cli.pool;

import picocli.CommandLine.Command;

import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.pool.SpaceReport;

import java.io.IOException;
import java.util.List;

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
    @Override
    protected void run(FabricSession session) throws IOException {
        print(SpaceReport.ask(session.records().store(), session::image));
    }

    private void print(SpaceReport report) {
        if (output().isJson()) {
            output().result(report, "");
            return;
        }
        output().list(
                        report.volumes(),
                        List.of(
                                Column.of("VOLUME", SpaceReport.Row::volume),
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
