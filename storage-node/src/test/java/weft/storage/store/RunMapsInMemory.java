package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.List;

/// [MapsInMemory] with the options of a node of `weft up --separate`, for 100 GiB (in memory: of
/// the disk it takes 1 GiB) or `-Dweft.bench.gibibytes=N`: `mvn -pl storage-node -am test
/// -Dtest=RunMapsInMemory -Dsurefire.failIfNoSpecifiedTests=false`.
class RunMapsInMemory {
    @TempDir Path folder;

    @Test
    void run() throws Exception {
        for (String phase : List.of("fill", "use")) {
            var builder =
                    new ProcessBuilder(
                                    Path.of(System.getProperty("java.home"), "bin", "java")
                                            .toString(),
                                    "-ea",
                                    "--enable-native-access=ALL-UNNAMED",
                                    "--sun-misc-unsafe-memory-access=allow",
                                    "-Xmx384m",
                                    "-XX:+UseSerialGC",
                                    "-XX:MaxDirectMemorySize=384m",
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    MapsInMemory.class.getName(),
                                    folder.toString(),
                                    phase,
                                    System.getProperty("weft.bench.gibibytes", "100"))
                            .inheritIO();
            builder.environment().put("MALLOC_ARENA_MAX", "2");
            builder.environment().put("MALLOC_MMAP_THRESHOLD_", "131072");
            builder.environment().put("MALLOC_TRIM_THRESHOLD_", "131072");
            assertEquals(0, builder.start().waitFor(), phase);
        }
    }
}
