package weft.ops.cli.volume;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Attachment;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.ops.admin.ExportAdmin;
import weft.ops.admin.VolumeAdmin;
import weft.ops.admin.VolumeUsers;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.cli.TimeSpan;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// `weft volume …`.
@Command(
        name = "volume",
        description = "Create, list, snapshot, clone, export and delete volumes of the pool.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            VolumeCommand.Create.class,
            VolumeCommand.ListAll.class,
            VolumeCommand.Show.class,
            VolumeCommand.Delete.class,
            VolumeResize.class,
            VolumeRename.class,
            VolumeSnapshot.class,
            VolumeClone.class,
            VolumeRollback.class,
            VolumeFlatten.class,
            VolumeProtect.class,
            VolumeUnprotect.class,
            VolumeDf.class,
            VolumeExport.class,
            VolumeUnexport.class
        },
        footer = {"", "Example:", "  weft volume create data --size 10G"})
public final class VolumeCommand {
    /// A volume as lists and `show` print it.
    ///
    /// @param ioTimeoutSeconds of its export, if that has one
    record Row(
            String name,
            String id,
            long sizeBytes,
            String access,
            int layers,
            String usedBy,
            String export,
            @Nullable Integer ioTimeoutSeconds,
            String holder,
            long token) {
        static Row of(FabricImage image, Volume volume) {
            Attachment attachment = image.attachments().get(volume.id());
            Export export = image.exports().get(volume.name());
            return new Row(
                    volume.name(),
                    volume.id().toString(),
                    volume.sizeBytes(),
                    accessOf(volume),
                    volume.layers().size(),
                    VolumeUsers.usersOf(image, volume).orElse(""),
                    export == null ? "" : whereTo(image, export),
                    export == null ? null : export.ioTimeoutSeconds(),
                    attachment == null ? "" : attachment.holder(),
                    attachment == null ? 0 : attachment.token());
        }

        String exportForPeople() {
            return ioTimeoutSeconds == null
                    ? export
                    : "%s (EIO after %s)"
                            .formatted(
                                    export, TimeSpan.format(Duration.ofSeconds(ioTimeoutSeconds)));
        }
    }

    private static String whereTo(FabricImage image, Export export) {
        List<String> parts = new ArrayList<>(ExportAdmin.urisOf(image, export));
        export.nodes().stream()
                .filter(node -> image.presence(NodePresence.Role.STORAGE, node).isEmpty())
                .forEach(node -> parts.add("(node " + node + " is down)"));
        return String.join(", ", parts);
    }

    private static String accessOf(Volume volume) {
        return switch (volume.access()) {
            case READ_WRITE ->
                    protection(volume, "read-write")
                            + (volume.flattening() == null ? "" : ", being flattened");
            case READ_ONLY -> protection(volume, volume.isSnapshot() ? "snapshot" : "read-only");
            case SEALING -> "being made";
        };
    }

    private static String protection(Volume volume, String access) {
        return volume.isProtected() ? access + ", protected" : access;
    }

    @Command(
            name = "create",
            description = "Create an empty volume; its space is taken when it is written.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft volume create data --size 10G"})
    static final class Create extends OneVolumeCommand {
        @Option(
                names = "--size",
                required = true,
                paramLabel = "SIZE",
                converter = ByteSize.Converter.class,
                description = "Its size: 512M, 10G, or bytes; a multiple of 4096.")
        private ByteSize size = new ByteSize(ByteSize.GRANULARITY_BYTES);

        @Override
        protected void run(FabricSession session) throws IOException {
            Volume volume =
                    new VolumeAdmin(session.records())
                            .create(
                                    session.image(),
                                    name(),
                                    size.bytes(),
                                    Volume.Access.READ_WRITE);
            output().result(
                            volume,
                            "volume %s created, %s. Next: weft volume export %s"
                                    .formatted(name(), size, name()));
        }
    }

    @Command(
            name = "list",
            description = "List all volumes.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft volume list --json"})
    static final class ListAll extends FabricCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            FabricImage image = session.image();
            List<Row> rows =
                    image.volumes().values().stream()
                            .sorted(Comparator.comparing(Volume::name))
                            .map(volume -> Row.of(image, volume))
                            .toList();
            output().list(
                            rows,
                            List.of(
                                    Column.of("NAME", Row::name),
                                    Column.of("SIZE", row -> ByteSize.humane(row.sizeBytes())),
                                    Column.of("ACCESS", Row::access),
                                    Column.of("LAYERS", Row::layers),
                                    Column.of("USED BY", Row::usedBy),
                                    Column.of("EXPORT", Row::exportForPeople)));
        }
    }

    @Command(
            name = "show",
            description = "Show one volume: size, layers, who holds it.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft volume show data"})
    static final class Show extends OneVolumeCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            FabricImage image = session.image();
            Row row = Row.of(image, VolumeAdmin.find(image, name()));
            output().result(
                            row,
                            """
                            volume   %s (%s)
                            size     %s (%d bytes)
                            access   %s
                            layers   %d
                            used by  %s
                            export   %s
                            holder   %s\
                            """
                                    .formatted(
                                            row.name(),
                                            row.id(),
                                            ByteSize.humane(row.sizeBytes()),
                                            row.sizeBytes(),
                                            row.access(),
                                            row.layers(),
                                            orDash(row.usedBy()),
                                            orDash(row.exportForPeople()),
                                            row.holder().isEmpty()
                                                    ? "-"
                                                    : row.holder() + ", token " + row.token()));
        }

        private static String orDash(String text) {
            return text.isEmpty() ? "-" : text;
        }
    }

    @Command(
            name = "delete",
            description = "Delete a volume that nothing uses.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft volume delete data"})
    static final class Delete extends OneVolumeCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            new VolumeAdmin(session.records()).delete(session::image, name());
            output().deleted(
                            name(),
                            "volume %s deleted; its space comes back in the background"
                                    .formatted(name()));
        }
    }
}
