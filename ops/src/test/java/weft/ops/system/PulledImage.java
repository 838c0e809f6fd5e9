package weft.ops.system;

import org.junit.jupiter.api.Assumptions;

import weft.ops.image.AptSources;
import weft.ops.image.DebianMicro;
import weft.ops.image.ImageFiles;
import weft.ops.image.Progress;
import weft.ops.image.Trust;

import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/// The image `debian-micro`, made once for all tests of a build. Without a mirror that answers, the
/// test that wants it is skipped.
public final class PulledImage {
    /// Has the cache.
    static final Path STATE_FOLDER = Path.of("target", "image-cache").toAbsolutePath();

    private PulledImage() {}

    /// The image's files; skips the test if there is no mirror.
    public static ImageFiles debianMicro() throws IOException {
        Optional<URI> mirror = AptSources.debianMirror(Path.of("/etc/apt"));
        Assumptions.assumeTrue(mirror.isPresent(), "no Debian mirror in /etc/apt");
        Optional<? extends Trust> trust = Trust.ofThisMachine();
        Assumptions.assumeTrue(trust.isPresent(), "no Debian archive keyring");
        try {
            return new DebianMicro(
                            mirror.orElseThrow(), trust.orElseThrow(), STATE_FOLDER, Proxy.NO_PROXY)
                    .pull(Progress.NONE);
        } catch (IOException e) {
            Assumptions.abort("debian-micro cannot be made: " + e.getMessage());
            throw e;
        }
    }
}
