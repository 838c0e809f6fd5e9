package weft.ops.cli.volume;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Attachment;
import weft.fabric.NodeId;
import weft.ops.admin.ExportAdmin;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// `weft volume unexport`.
@Command(
        name = "unexport",
        description = "Take an export back; its NBD clients are disconnected.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft volume unexport data"})
final class VolumeUnexport extends OneVolumeCommand {
    @Option(
            names = "--node",
            paramLabel = "NODE",
            description = "At this node only; others go on to offer the volume.")
    private @Nullable String node;

    @Override
    protected void run(FabricSession session) throws IOException {
        var exports = new ExportAdmin(session.records());
        String where = node == null ? " now" : " by %s now";
        if (node == null) {
            exports.unexport(name());
        } else {
            Optional<Attachment> staying =
                    exports.unexport(session.image(), name(), new NodeId(node));
            if (staying.isPresent() && !fence(session, staying.get())) {
                where =
                        " by %s now; placement groups that do not answer may still take a write of"
                                + " it (weft pool status)";
            }
        }
        output().result(
                        new VolumeExport.Exported(name(), "", List.of()),
                        ("volume %s is not exported" + where).formatted(name(), node));
    }

    /// The node may be one that hangs, and still have writes under way.
    private boolean fence(FabricSession session, Attachment staying) {
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            return pool.client().raise(VolumeAdmin.find(session.image(), name()), staying);
        }
    }
}
