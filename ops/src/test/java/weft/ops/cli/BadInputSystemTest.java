package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import weft.fabric.VmPlacement;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.LoopbackFabric.Ended;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What a person may get wrong at a running fabric: each is refused with one line on stderr, the
/// exit code that the table promises, and nothing changed.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.MethodName.class)
final class BadInputSystemTest {
    /// What is typed, the exit code, words of the error.
    private static final String MISTAKES =
            """
            network create bad --vlan 0       | 2 | VLAN id 0 is not in 1..4094
            network create bad --vlan 4095    | 2 | VLAN id 4095 is not in 1..4094
            network create bad --vlan=-1      | 2 | VLAN id -1 is not in 1..4094
            network create bad --vlan x       | 2 | 'x' is not
            network create blue --vlan 11     | 3 | exists already
            network create red --vlan 10      | 3 | VLAN 10 is network 'blue' already
            network create Bad --vlan 11      | 2 | is not usable
            network create ../x --vlan 11     | 2 | is not usable
            network create x --vlan 11 --subnet 10.0.0.0/33 | 2 | prefix
            network ports nosuch              | 3 | there is no network 'nosuch'
            net ports Blue                    | 3 | there is no network 'Blue'
            network delete nosuch             | 3 | there is no network 'nosuch'
            network delete blue               | 3 | in use by
            volume create v --size 0          | 2 | is zero
            volume create v --size=-4096      | 2 | is negative
            volume create v --size 5000       | 2 | not a multiple of 4096
            volume create v --size 65T        | 2 | 64 TiB
            volume create v --size 99999999T  | 2 | too large
            volume create v --size 1X         | 2 | not understood
            volume create data --size 4M      | 3 | exists already
            volume create a/b --size 4M       | 2 | is not usable
            volume resize nosuch --size 8M    | 3 | there is no volume 'nosuch'
            volume resize data --size 1M      | 3 | --allow-shrink
            volume resize data --size 65T     | 2 | 64 TiB
            volume snapshot data              | 2 | is not VOLUME@NAME
            volume snapshot data@A            | 2 | is not usable
            volume snapshot data@a data@b     | 2 | is named twice
            volume snapshot nosuch@a          | 3 | there is no volume 'nosuch'
            volume clone nosuch b             | 3 | there is no volume 'nosuch'
            volume clone data b               | 3 | weft volume snapshot data@NAME
            volume rollback data              | 3 | is no snapshot
            volume rollback data@a            | 3 | there is no volume 'data@a'
            volume rename data data           | 3 | exists already
            volume rename data A              | 2 | is not usable
            volume rename web1-root b         | 3 | in use by VM 'web1'
            volume show nosuch                | 3 | there is no volume 'nosuch'
            volume export nosuch              | 3 | there is no volume 'nosuch'
            volume export data --node nosuch  | 3 | no live storage node 'nosuch'
            volume export web1-root           | 3 | take it away from the VM with --force
            volume export data --force --read-only | 2 | leave --force out
            volume export nosuch --force      | 3 | there is no volume 'nosuch'
            volume unexport data              | 3 | not exported
            volume delete nosuch              | 3 | there is no volume 'nosuch'
            volume delete web1-root           | 3 | in use by VM 'web1'
            vm create a --image nosuch --memory 96M --disk 4M --network blue | 3 | there is no image 'nosuch'
            vm create a --image idle --memory 96M --disk 4M --network red | 3 | there is no network 'red'
            vm create a --image idle --memory 96M --disk 4M --network blue --host h9 | 3 | no live host 'h9'
            vm create a --image idle --memory 1M --disk 4M --network blue | 2 | from 96M to 64G
            vm create a --image idle --memory 65G --disk 4M --network blue | 2 | from 96M to 64G
            vm create a --image idle --memory 1G --disk 4M --network blue | 3 | the emptiest host has 256 MiB free
            vm create a --image idle --memory 192M --disk 4M --network blue --host host1 | 3 | host 'host1' has 160 MiB free
            vm create a --image idle --memory 96M --disk 4K --network blue | 2 | smaller than
            vm create a --image idle --memory 96M --disk 4097 --network blue | 2 | not a multiple of 4096
            vm create a --image idle --memory 96M --disk 4M --network blue --mac 52:54 | 2 | is malformed
            vm create a --image idle --memory 96M --disk 4M --network blue --mac 01:00:00:00:00:01 | 2 | group's
            vm create a --image idle --memory 96M --disk 4M --network blue --mac 52:54:00:00:00:11 | 3 | in use by another port
            vm create a --image idle --memory 96M --disk 4M --network blue --ip 10.0.0.5 | 3 | is in use
            vm create a --image idle --memory 96M --disk 4M --network blue --ip 10.1.0.5 | 2 | not a host's
            vm create a --image idle --memory 96M --disk 4M --network blue --ip 10.0.0.1 | 2 | is the network's own
            vm create a --image idle --memory 96M --disk 4M --network blue --mac 02:77:65:66:74:00 | 2 | that of networks themselves
            vm create web1 --image idle --memory 96M --disk 4M --network blue | 3 | exists already
            vm create A --image idle --memory 96M --disk 4M --network blue | 2 | is not usable
            vm show nosuch                    | 3 | there is no VM 'nosuch'
            vm start nosuch                   | 3 | there is no VM 'nosuch'
            vm start web1                     | 3 | running already
            vm start off --host h9            | 3 | no live host 'h9'
            vm stop off                       | 3 | stopped already
            vm stop off --force               | 3 | stopped already
            vm console nosuch                 | 3 | there is no VM 'nosuch'
            vm migrate nosuch                 | 3 | there is no VM 'nosuch'
            vm migrate web1 --to host1        | 3 | runs on 'host1' already
            vm migrate web1 --to h9           | 3 | no live host 'h9'
            vm migrate off                    | 3 | only a running VM can be moved
            vm delete web1                    | 3 | is running on host1
            vm delete nosuch                  | 3 | there is no VM 'nosuch'
            """;

    private LoopbackFabric fabric;

    @BeforeAll
    void aFabricWithOneOfEach(@TempDir Path folder) throws Exception {
        fabric = LoopbackFabric.start(folder.resolve("fabric"));
        TinyImage.importTo(fabric, folder, "idle", idleKernel(), TinyImage.emptyArchive());
        var noKernel = new byte[TinyImage.KERNEL_BYTES];
        noKernel[0] = 0x1f;
        noKernel[1] = (byte) 0x8b;
        TinyImage.importTo(fabric, folder, "no-kernel", noKernel, TinyImage.emptyArchive());
        byte[] archive = TinyImage.emptyArchive();
        var truncated = java.util.Arrays.copyOf(archive, archive.length - 8);
        TinyImage.importTo(fabric, folder, "truncated", idleKernel(), truncated);
        for (String line :
                new String[] {
                    "network create blue --vlan 10",
                    "volume create data --size 4M",
                    "vm create web1 --image idle --memory 96M --disk 4M --network blue"
                            + " --mac 52:54:00:00:00:11 --ip 10.0.0.5 --host host1",
                    "vm create off --image idle --memory 96M --disk 4M --network blue --stopped",
                }) {
            Ended ended = fabric.type(line);
            assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        }
    }

    @AfterAll
    void stop() {
        fabric.close();
    }

    /// A kernel that sleeps for ever.
    private static byte[] idleKernel() {
        return TinyImage.kernel(0x1050_0073, 0xffdf_f06f); // wfi; jal x0, -4
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = MISTAKES)
    void isRefusedInOneLineAndNothingChanges(String line, int exitCode, String words) {
        var before = fabric.wanted();
        Ended ended = fabric.type(line);
        assertEquals(exitCode, ended.exitCode(), ended.err());
        assertTrue(ended.err().startsWith("weft: "), ended.err());
        assertTrue(ended.err().contains(words), ended.err());
        assertEquals(1, ended.err().lines().count(), ended.err());
        assertEquals("", ended.out());
        assertEquals(before, fabric.wanted());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    no-kernel | kernel is gzip-compressed
                    truncated | initrd is
                    """)
    void aVmOfADamagedImageSaysWhyItCannotStart(String image, String words) {
        String vm = "of-" + image;
        Ended ended =
                fabric.type(
                        "vm create %s --image %s --memory 96M --disk 4M --network blue"
                                .formatted(vm, image));
        assertNotEquals(0, ended.exitCode());
        assertTrue(ended.err().contains(words), ended.err());
        assertEquals(1, ended.err().lines().count(), ended.err());
        VmPlacement placement = VmAdmin.placementOf(fabric.session().image(), vm);
        assertEquals(VmPlacement.State.FAILED, placement.state());
        assertEquals(0, fabric.type("vm delete " + vm).exitCode());
    }

    /// `{n}` is the fabric's loopback network: its first storage node listens at 127.0.{n}.11, its
    /// first host at 127.0.{n}.21.
    @ParameterizedTest
    @Timeout(60)
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    storage --name x --data {f} --listen 127.0.{n}.11:7400 --nbd-port 0 --metrics-port 0 | in use
                    storage --name x --data {f} --listen 127.0.{n}.11:7499 --metrics-port 0 | in use
                    host --name x --listen 127.0.{n}.21:7400 --vxlan-port 0 --metrics-port 0 | in use
                    host --name x --listen 127.0.{n}.21:7499 --metrics-port 0 | in use
                    control --name x --listen 127.0.{n}.11:7499 | in use
                    storage --name node1 --data {f} --listen 127.0.{n}.99:7400 | storage 'node1' runs already
                    host --name host1 --listen 127.0.{n}.99:7400 | host 'host1' runs already
                    """)
    void aPartWhosePortOrNameIsTakenEndsAtOnce(String line, String words, @TempDir Path data) {
        String typed =
                line.replace("{n}", Integer.toString(fabric.layout().index()))
                        .replace("{f}", data.toString());
        Ended ended = fabric.type("node " + typed);
        assertEquals(ExitCode.FAILED.value(), ended.exitCode(), ended.err());
        assertTrue(ended.err().contains(words), ended.err());
        assertEquals(1, ended.err().lines().count(), ended.err());
    }

    @Test
    @Timeout(60)
    void aZooKeeperWhosePortIsTakenEndsAtOnce(@TempDir Path data) {
        var err = new java.io.StringWriter();
        var root = Weft.commandLine();
        root.setErr(new java.io.PrintWriter(err));
        String listen = fabric.layout().zookeeper();
        int exitCode =
                root.execute("node", "zookeeper", "--data", data.toString(), "--listen", listen);
        assertEquals(ExitCode.FAILED.value(), exitCode);
        assertTrue(err.toString().contains("cannot listen on " + listen), err.toString());
    }

    @Test
    void anEmptyKernelOrInitrdFileIsRefused(@TempDir Path folder) throws IOException {
        Path empty = Files.createFile(folder.resolve("empty"));
        Path kernel = Files.write(folder.resolve("kernel"), idleKernel());
        for (String line :
                new String[] {
                    "emu run --kernel " + empty,
                    "emu run --kernel %s --initrd %s".formatted(kernel, empty)
                }) {
            var err = new java.io.StringWriter();
            var root = Weft.commandLine();
            root.setErr(new java.io.PrintWriter(err));
            assertEquals(ExitCode.REFUSED.value(), root.execute(line.split(" ")));
            assertEquals("weft: ", err.toString().substring(0, 6));
            assertTrue(err.toString().contains("is empty"), err.toString());
        }
    }
}
