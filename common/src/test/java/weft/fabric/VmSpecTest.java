package weft.fabric;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;

class VmSpecTest {
    private static final VmSpec WEB1 =
            new VmSpec(
                    "web1",
                    new UUID(1, 2),
                    "debian-micro",
                    256 << 20,
                    4,
                    List.of("web1-root"),
                    List.of("web1-0"),
                    VmSpec.Power.RUNNING);

    @Test
    void aRecordComesBackAsItWas() throws IOException {
        assertEquals(WEB1, FabricJson.read(FabricJson.write(WEB1), VmSpec.class));
    }

    @Test
    void aRecordOfAnEarlierVersionHasOneCpu() throws IOException {
        String text = new String(FabricJson.write(WEB1), StandardCharsets.UTF_8);
        String earlier = text.replace("\"cpus\":4,", "");
        assertEquals(-1, earlier.indexOf("cpus"));

        VmSpec read = FabricJson.read(earlier.getBytes(StandardCharsets.UTF_8), VmSpec.class);

        assertEquals(1, read.cpus());
        assertEquals(WEB1.disks(), read.disks());
    }
}
