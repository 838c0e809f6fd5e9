package weft.vmhost.nativecode;

import weft.vmhost.translator.TranslatorSettings.Access;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;

/// What the host's processor and system can do.
final class HostSupport {
    /// Of x86-64's third level, as Linux calls them; `abm` is lzcnt.
    private static final List<String> NEEDED =
            List.of("avx2", "bmi1", "bmi2", "fma", "abm", "popcnt");

    private static final boolean SUPPORTED = probe();

    private HostSupport() {}

    static boolean isSupported() {
        return SUPPORTED;
    }

    private static boolean probe() {
        if (!System.getProperty("os.arch").equals("amd64")
                || !System.getProperty("os.name").equals("Linux")) {
            return false;
        }
        try {
            List<String> flags =
                    Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                            .filter(line -> line.startsWith("flags"))
                            .flatMap(line -> Arrays.stream(line.split("\\s+")))
                            .toList();
            if (!flags.containsAll(NEEDED)) {
                return false;
            }
            var _ = new CodeCache(1 << 16);
            var _ = PageLoopCode.of(Access.TRUSTED);
            return true;
        } catch (IOException
                | IllegalStateException
                | NoSuchElementException
                | ExceptionInInitializerError refused) {
            return false;
        }
    }
}
