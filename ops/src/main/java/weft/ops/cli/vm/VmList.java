package weft.ops.cli.vm;

import picocli.CommandLine.Command;

import weft.fabric.VmSpec;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;

import java.util.Comparator;
import java.util.List;

@Command(
        name = "list",
        description = "List all VMs.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm list"})
final class VmList extends FabricCommand {
    @Override
    protected void run(FabricSession session) {
        List<VmRow> rows =
                session.image().vms().values().stream()
                        .sorted(Comparator.comparing(VmSpec::name))
                        .map(spec -> VmRow.of(session.image(), spec))
                        .toList();
        output().list(
                        rows,
                        List.of(
                                Column.of("NAME", VmRow::name),
                                Column.of("STATE", VmRow::state),
                                Column.of("HOST", VmRow::host),
                                Column.of("MEMORY", row -> ByteSize.humane(row.memoryBytes())),
                                Column.of("ADDRESSES", VmRow::addresses),
                                Column.of("DETAIL", VmRow::detail)));
    }
}
