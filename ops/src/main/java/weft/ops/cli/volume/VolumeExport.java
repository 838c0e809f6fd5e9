package weft.ops.cli.volume;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Export;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.ops.admin.ExportAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.TimeSpan;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.util.List;

/// `weft volume export`.
@Command(
        name = "export",
        description = {
            "Offer a volume over NBD at a storage node.",
            "At several nodes it can be used at once: what one of them has answered, all see."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  weft volume export data",
            "  qemu-img info nbd://127.0.1.11:10809/data",
            "  weft volume export data --node node2     # there, too"
        })
final class VolumeExport extends OneVolumeCommand {
    @Option(
            names = "--node",
            paramLabel = "NODE",
            description = "The storage node to use; may be given several times.")
    private List<String> nodes = List.of();

    @Option(names = "--read-only", description = "Refuse writes; any number may read.")
    private boolean readOnly;

    /// What is printed with `--json`.
    ///
    /// @param uri where it is offered now
    /// @param uris where it is offered in all
    record Exported(String volume, String uri, List<String> uris) {}

    @Option(
            names = "--force",
            description =
                    "Take the volume away from a VM, whose host need not be there; the VM stops as"
                            + " by a power cut.")
    private boolean force;

    @Option(
            names = "--io-timeout",
            paramLabel = "TIME",
            converter = TimeSpan.Converter.class,
            description = {
                "Answer a request with EIO that the pool has not answered in that time: 30s, 5m.",
                "It may have been done. Without this option requests wait for the pool."
            })
    private @Nullable Long ioTimeoutSeconds;

    @Override
    protected void checkOptions() {
        if (ioTimeoutSeconds != null
                && (ioTimeoutSeconds < Export.IO_TIMEOUT_SECONDS_MIN
                        || ioTimeoutSeconds > Export.IO_TIMEOUT_SECONDS_MAX)) {
            throw CliFailure.usage(
                    "--io-timeout is %d s, and is to be %d s to %d s"
                            .formatted(
                                    ioTimeoutSeconds,
                                    Export.IO_TIMEOUT_SECONDS_MIN,
                                    Export.IO_TIMEOUT_SECONDS_MAX));
        }
        if (force && readOnly) {
            throw CliFailure.usage("--read-only takes nothing away: leave --force out");
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException {
        Integer ioTimeout = ioTimeoutSeconds == null ? null : ioTimeoutSeconds.intValue();
        List<NodeId> wanted = nodes.stream().map(NodeId::new).toList();
        var exports = new ExportAdmin(session.records());
        if (force) {
            ExportAdmin.TakenOver taken =
                    exports.takeOver(session.image(), name(), wanted, ioTimeout);
            String more =
                    taken.vms().isEmpty() ? "" : "; stopped: " + String.join(", ", taken.vms());
            if (!fence(session, taken)) {
                more +=
                        "; placement groups that do not answer may still take a write of the last"
                                + " holder, until the export asks them for something (weft pool"
                                + " status)";
            }
            tell(session, taken.exported(), more);
        } else {
            Volume.Access access = readOnly ? Volume.Access.READ_ONLY : Volume.Access.READ_WRITE;
            tell(session, exports.export(session.image(), name(), wanted, access, ioTimeout), "");
        }
    }

    private static boolean fence(FabricSession session, ExportAdmin.TakenOver taken) {
        if (taken.fenced().isEmpty()) {
            return true;
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            return pool.client().raise(taken.volume(), taken.fenced().get());
        }
    }

    private void tell(FabricSession session, ExportAdmin.Exported exported, String more) {
        String first =
                nodes.stream()
                        .flatMap(node ->
                                session
                                        .image()
                                        .presence(NodePresence.Role.STORAGE, new NodeId(node))
                                        .stream())
                        .map(node -> node.nbdUri(name()))
                        .findFirst()
                        .orElse(exported.uris().getFirst());
        output().result(
                        new Exported(name(), first, exported.uris()),
                        "volume %s is exported at %s%s%nNext: qemu-img info %s"
                                .formatted(
                                        name(),
                                        String.join(" and ", exported.uris()),
                                        more,
                                        first));
    }
}
