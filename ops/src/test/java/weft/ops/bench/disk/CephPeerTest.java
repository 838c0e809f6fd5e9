package weft.ops.bench.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.ops.bench.Host;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;

final class CephPeerTest {
    private static final String OSD = "ceph-osd";
    private static final long SIZE_BYTES = 64L << 20;

    @TempDir private Path folder = Path.of("set by JUnit");

    @Test
    void withoutItsProgramsItNamesTheirPackages() {
        assumeFalse(Host.isInstalled(OSD), OSD + " is installed");
        var refused = assertThrows(IOException.class, () -> new CephPeer(folder));
        String said = String.valueOf(refused.getMessage());
        assertTrue(said.contains("is not installed: apt install ceph-mon ceph-osd"), said);
        assertEquals(0, folder.toFile().list().length);
    }

    @Test
    @Tag("long")
    void itServesAVolumeAndLeavesNoProcess() throws IOException, InterruptedException {
        assumeTrue(Host.isInstalled(OSD), OSD + " is not installed");
        List<Long> servers;
        int port;
        try (var ceph = new CephPeer(folder)) {
            ceph.start(SIZE_BYTES);
            servers = ceph.servers();
            assertEquals(5, servers.size(), "a monitor, three OSDs and qemu-nbd");
            port = URI.create(ceph.uri()).getPort();
            assertTrue(PeerProcesses.answers(port));
        }
        assertFalse(PeerProcesses.answers(port));
        assertTrue(servers.stream().allMatch(pid -> ProcessHandle.of(pid).isEmpty()));
    }
}
