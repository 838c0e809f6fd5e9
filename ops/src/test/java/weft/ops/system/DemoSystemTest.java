package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.ops.demo.DemoFabric;
import weft.ops.demo.Narrator;
import weft.ops.demo.Story;
import weft.ops.image.ImageFiles;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// The demo's story, with its own processes: it checks each of its claims itself.
class DemoSystemTest {
    @TempDir Path folder;

    @Test
    @Timeout(value = 12, unit = TimeUnit.MINUTES)
    void theDemosStoryIsTrue() throws Exception {
        ImageFiles image = PulledImage.debianMicro();
        var narrator = new Narrator(new PrintWriter(System.out, true), true, false);
        try (var fabric = DemoFabric.start(folder.resolve("fabric"))) {
            new Story(narrator, image, fabric).tell();
        }
        assertEquals(0, figure(narrator, "frames of blue that red heard"));
        assertTrue(figure(narrator, "longest write stall at the kill") <= 5);
    }

    private static double figure(Narrator narrator, String name) {
        return narrator.figures().stream()
                .filter(figure -> figure.name().equals(name))
                .findFirst()
                .orElseThrow()
                .value();
    }
}
