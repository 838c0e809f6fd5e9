package weft.ops.cli.vm;

import picocli.CommandLine.Command;

import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricSession;

@Command(
        name = "show",
        description =
                "Show one VM: where it runs, its disks and NICs, its last migration, its engine.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm show web1"})
final class VmShow extends OneVmCommand {
    @Override
    protected void run(FabricSession session) throws InterruptedException {
        VmRow row = withEngine(VmRow.find(session.image(), name()), session);
        var text = new StringBuilder();
        line(text, "VM", row.name());
        line(text, "state", row.state() + (row.detail().isEmpty() ? "" : ": " + row.detail()));
        line(text, "wanted", row.wanted());
        line(text, "host", (row.host().isEmpty() ? "-" : row.host()) + ", epoch " + row.epoch());
        line(text, "image", row.image());
        line(text, "memory", ByteSize.humane(row.memoryBytes()));
        line(text, "CPUs", Integer.toString(row.cpus()));
        row.disks().forEach(disk -> line(text, "disk", disk));
        row.nics()
                .forEach(nic ->
                        line(
                                text,
                                "NIC",
                                "%s in %s, %s, %s%s"
                                        .formatted(
                                                nic.port(),
                                                nic.network(),
                                                nic.mac(),
                                                nic.ipv4(),
                                                groups(nic))));
        if (row.lastMigration() instanceof Migration last) {
            line(text, "migration", sentence(last));
        }
        if (row.engine() instanceof EngineRow engine) {
            line(text, "engine", engine.sentence());
        } else if (isSomewhere(row, session)) {
            line(text, "engine", "unknown: host '" + row.host() + "' did not say");
        }
        output().result(row, text.toString().stripTrailing());
    }

    /// What only the host knows, if one runs it.
    private static VmRow withEngine(VmRow row, FabricSession session) throws InterruptedException {
        return isSomewhere(row, session)
                ? EngineRow.ask(row.name(), new NodeId(row.host()), session::image)
                        .map(row::withEngine)
                        .orElse(row)
                : row;
    }

    private static boolean isSomewhere(VmRow row, FabricSession session) {
        return VmAdmin.placementOf(session.image(), row.name()).owner() != null;
    }

    private static String groups(VmRow.Nic nic) {
        return nic.groups().isEmpty() ? "" : ", groups " + String.join(" ", nic.groups());
    }

    private static void line(StringBuilder text, String label, String value) {
        text.append("%-10s %s%n".formatted(label, value));
    }

    static String sentence(Migration migration) {
        String road = migration.from() + " → " + migration.to() + ": ";
        return switch (migration.phase()) {
            case DONE ->
                    road
                            + "done in %d ms, paused %d ms, %s of RAM sent"
                                    .formatted(
                                            migration.totalMillis(),
                                            migration.downtimeMillis(),
                                            ByteSize.humane(migration.transferredBytes()));
            case FAILED, CANCELLED ->
                    road
                            + migration.phase().name().toLowerCase(java.util.Locale.ROOT)
                            + (migration.detail().isEmpty() ? "" : ": " + migration.detail());
            case REQUESTED, PREPARED, COPYING, SWITCHING ->
                    road + migration.phase().name().toLowerCase(java.util.Locale.ROOT);
        };
    }
}
