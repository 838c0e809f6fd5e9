package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The blob is read back by the device tree compiler, which knows the format and the rules of
/// references.
class DeviceTreeTest {
    @TempDir private Path folder = Path.of("");

    private String decompiled(int harts, byte[] initrd) throws IOException, InterruptedException {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/dtc")),
                "dtc is not installed (device-tree-compiler)");
        var boot = new MachineSpec.BootImage(new byte[0], initrd, "console=ttyS0 quiet");
        var spec = new MachineSpec("test", 256L << 20, harts, boot, List.of(), List.of());
        var placement =
                new KernelLoader.Placement(
                        0x8020_0000L, 0x8f00_0000L, 0x8f00_0000L + initrd.length, 0x8fe0_0000L);
        var seed = new byte[DeviceTree.SEED_BYTES];
        seed[0] = 0x7e;
        Path blob = Files.write(folder.resolve("tree"), DeviceTree.of(spec, placement, 3, seed));
        Process dtc =
                new ProcessBuilder("/usr/bin/dtc", "-I", "dtb", "-O", "dts", blob.toString())
                        .redirectErrorStream(true)
                        .start();
        var text = new String(dtc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(dtc.waitFor(10, TimeUnit.SECONDS));
        assertEquals(0, dtc.exitValue(), text);
        return text;
    }

    @Test
    void theTreeIsWellFormedAndItsReferencesHold() throws IOException, InterruptedException {
        String text = decompiled(2, new byte[5000]);

        assertTrue(!text.contains("ERROR"), text);
        assertTrue(!text.contains("Warning"), text);
    }

    @Test
    void theKernelIsToldWhatItNeeds() throws IOException, InterruptedException {
        String text = decompiled(1, new byte[0x1000]);

        for (String line :
                List.of(
                        "bootargs = \"console=ttyS0 quiet\";",
                        "stdout-path = \"/soc/serial@10000000\";",
                        "rng-seed = <0x7e000000 0x00",
                        "linux,initrd-start = <0x00 0x8f000000>;",
                        "linux,initrd-end = <0x00 0x8f001000>;",
                        "reg = <0x00 0x80000000 0x00 0x10000000>;",
                        "timebase-frequency = <0x989680>;",
                        "mmu-type = \"riscv,sv39\";",
                        "virtio_mmio@10003000",
                        "compatible = \"ns16550a\";",
                        "value = <0x5555>;")) {
            assertTrue(text.contains(line), line + " is missing in\n" + text);
        }
        assertTrue(!text.contains("virtio_mmio@10004000"), text);
    }

    @Test
    void withoutInitramfsThereIsNoneInTheTree() throws IOException, InterruptedException {
        assertTrue(!decompiled(1, new byte[0]).contains("initrd"));
    }
}
