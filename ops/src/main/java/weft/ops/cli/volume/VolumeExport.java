package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.ops.admin.ExportAdmin;
import weft.ops.cli.FabricSession;

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

    @Override
    protected void run(FabricSession session) throws IOException {
        ExportAdmin.Exported exported =
                new ExportAdmin(session.records())
                        .export(
                                session.image(),
                                name(),
                                nodes.stream().map(NodeId::new).toList(),
                                readOnly ? Volume.Access.READ_ONLY : Volume.Access.READ_WRITE);
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
                        "volume %s is exported at %s%nNext: qemu-img info %s"
                                .formatted(name(), String.join(" and ", exported.uris()), first));
    }
}
