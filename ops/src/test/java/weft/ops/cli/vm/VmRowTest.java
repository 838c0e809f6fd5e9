package weft.ops.cli.vm;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import weft.fabric.FabricJson;
import weft.fabric.Migration;
import weft.fabric.NodeId;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;

/// What the commands on VMs print with `--json`.
final class VmRowTest {
    @Test
    void aVmIsJsonWhetherItEverMovedOrNot() {
        assertTrue(json(null).contains("\"lastMigration\":null"), json(null));
        var moved =
                new Migration(
                        new UUID(1, 1),
                        "web1",
                        new NodeId("host1"),
                        new NodeId("host2"),
                        1,
                        Migration.Phase.DONE,
                        3,
                        1L << 20,
                        0,
                        40,
                        500,
                        "");
        assertTrue(json(moved).contains("\"downtimeMillis\":40"), json(moved));
    }

    private static String json(@Nullable Migration last) {
        var row =
                new VmRow(
                        "web1",
                        "running",
                        "host2",
                        2,
                        "debian-micro",
                        256 << 20,
                        1,
                        List.of("web1-root"),
                        List.of(
                                new VmRow.Nic(
                                        "web1-0",
                                        "blue",
                                        "52:54:00:00:00:01",
                                        "10.0.0.2/24",
                                        List.of())),
                        "running",
                        "",
                        last,
                        null);
        return new String(FabricJson.write(List.of(row)), StandardCharsets.UTF_8);
    }
}
