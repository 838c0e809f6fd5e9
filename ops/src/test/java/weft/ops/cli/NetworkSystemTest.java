package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.Await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// What people see of ports and drops, of a fabric with two VMs, one of them stopped.
@Timeout(180)
class NetworkSystemTest {
    private static final int WFI = 0x1050_0073;
    private static final int JUMP_BACK = 0xffdf_f06f; // jal x0, -4

    @Test
    void portsAreListedWithWhereTheyAre(@TempDir Path folder) throws Exception {
        try (var fabric = LoopbackFabric.start(folder.resolve("fabric"))) {
            byte[] kernel = TinyImage.kernel(WFI, JUMP_BACK);
            TinyImage.importTo(fabric, folder, "idle", kernel, TinyImage.emptyArchive());
            ok(fabric, "network create blue --vlan 10");
            ok(fabric, "network create red --vlan 11 --subnet 10.9.0.0/24");
            String options = " --image idle --memory 96M --disk 4M --network ";
            ok(fabric, "group create web --network blue");
            ok(fabric, "vm create web1" + options + "blue --group web --host host2");
            ok(fabric, "vm create off" + options + "red --stopped");
            Await.until(
                    "web1 is plugged in",
                    Duration.ofSeconds(60),
                    () -> ports(fabric, "").get(0).startsWith("web1-0 blue host2 open"));
            assertEquals(
                    List.of("web1-0 blue host2 open 10.0.0.10/24", "off-0 red - down 10.9.0.10/24"),
                    ports(fabric, ""));
            assertEquals(List.of("off-0 red - down 10.9.0.10/24"), ports(fabric, " red"));
            String table = ok(fabric, "net ports blue");
            assertTrue(table.startsWith("PORT"), table);
            assertTrue(table.contains("web1-0"), table);
            assertEquals(
                    "[]", ok(fabric, "network drops --json").strip(), "an idle guest is silent");
            groupsAreShown(fabric);
        }
    }

    private static void groupsAreShown(LoopbackFabric fabric) throws Exception {
        ok(fabric, "group rule add web in tcp --port 80 --remote 10.0.0.0/24");
        var warned = fabric.type("group rule add web in udp --remote 192.168.0.0/16");
        assertEquals(0, warned.exitCode());
        assertTrue(warned.err().contains("this rule never matches"), warned.err());
        String shown = ok(fabric, "group show web");
        assertTrue(shown.startsWith("group web of network blue, members: web1-0"), shown);
        assertTrue(shown.contains("80"), shown);
        assertEquals("[]", ok(fabric, "network connections web1 --json").strip());
        assertEquals(2, fabric.type("group rule add web in tcp --port 0x50").exitCode());
        assertEquals(2, fabric.type("group rule add web in icmp --port 80").exitCode());
        assertEquals(2, fabric.type("group rule add web inn tcp").exitCode());
        assertEquals(2, fabric.type("group rule add web in tcp --remote 10.0.0.1/24").exitCode());
        ok(fabric, "group leave web web1");
        ok(fabric, "group delete web");
        assertEquals("[]", ok(fabric, "group list --json").strip());
    }

    private static List<String> ports(LoopbackFabric fabric, String network) throws Exception {
        List<String> lines = new ArrayList<>();
        for (JsonNode row :
                new ObjectMapper().readTree(ok(fabric, "network ports" + network + " --json"))) {
            lines.add(
                    String.join(
                            " ",
                            row.get("port").asText(),
                            row.get("network").asText(),
                            row.get("host").asText(),
                            row.get("state").asText(),
                            row.get("ipv4").asText()));
        }
        return lines;
    }

    private static String ok(LoopbackFabric fabric, String line) {
        LoopbackFabric.Ended ended = fabric.type(line);
        assertEquals(0, ended.exitCode(), ended.err());
        return ended.out();
    }
}
