package weft.ops.cli.image;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

import weft.ops.cli.CliFailure;
import weft.ops.cli.Output;
import weft.ops.cli.ProgressBar;
import weft.ops.image.AptSources;
import weft.ops.image.DebianMicro;
import weft.ops.image.DebianPrograms;
import weft.ops.image.ImageFiles;
import weft.ops.image.Progress;
import weft.ops.image.Trust;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Path;

/// Where images are made from, and the making: `@Mixin private ImageSource source`.
public final class ImageSource {
    private static final Path APT_FOLDER = Path.of("/etc/apt");

    @Option(names = "--mirror", paramLabel = "URL", description = "Debian mirror to use.")
    private @Nullable URI mirror;

    @Option(
            names = "--keyring",
            paramLabel = "FILE",
            description = "OpenPGP keys that may sign (default: the Debian archive keyring).")
    private @Nullable Path keyring;

    @Option(names = "--allow-unsigned", description = "Take the mirror's word: check no signature.")
    private boolean allowUnsigned;

    /// Makes the image `debian-micro` from Debian's packages, or finds it in the cache.
    ///
    /// @param stateFolder has the cache
    public ImageFiles pull(Output output, Path stateFolder) throws IOException {
        URI from = mirror();
        var maker = new DebianMicro(from, trust(), stateFolder, proxyFor(from));
        return maker.pull((label, totalBytes) -> begin(output, label, totalBytes));
    }

    /// Programs of Debian's packages: found in the cache, or made.
    ///
    /// @param stateFolder has the cache
    public DebianPrograms.Root programs(
            Output output, Path stateFolder, DebianPrograms.Recipe recipe) throws IOException {
        var maker =
                new DebianPrograms(
                        stateFolder,
                        () -> {
                            URI from = mirror();
                            return new DebianPrograms.Origin(from, trust(), proxyFor(from));
                        });
        return maker.root(recipe, (label, totalBytes) -> begin(output, label, totalBytes));
    }

    private static Progress.Step begin(Output output, String label, long totalBytes) {
        ProgressBar bar = output.progress(label, totalBytes);
        return new Progress.Step() {
            @Override
            public void add(long bytes) {
                bar.add(bytes);
            }

            @Override
            public void close() {
                bar.close();
            }
        };
    }

    private URI mirror() throws IOException {
        if (mirror != null) {
            String scheme = String.valueOf(mirror.getScheme());
            if (!scheme.matches("https?") || mirror.getHost() == null) {
                throw CliFailure.usage("--mirror '" + mirror + "' is not an http or https URL");
            }
            return mirror;
        }
        return AptSources.debianMirror(APT_FOLDER)
                .orElseThrow(() ->
                        CliFailure.failed(
                                "no Debian mirror in /etc/apt: name one, for example --mirror"
                                        + " http://mirror.example.org/debian"));
    }

    private Trust trust() {
        if (keyring != null) {
            return new Trust.Keyring(keyring);
        }
        if (allowUnsigned) {
            return new Trust.AnyMirror();
        }
        return Trust.ofThisMachine()
                .orElseThrow(() ->
                        CliFailure.failed(
                                "no keyring %s to check signatures with: apt install debian-archive-keyring, give --keyring, or accept --allow-unsigned"
                                        .formatted(Trust.DEBIAN_KEYRING)));
    }

    /// The proxy of the variables http_proxy and https_proxy, which the JDK does not read itself.
    private static Proxy proxyFor(URI target) {
        String value = environment(target.getScheme() + "_proxy");
        if (value == null || value.isBlank()) {
            return Proxy.NO_PROXY;
        }
        try {
            URI proxy = URI.create(value.contains("://") ? value : "http://" + value);
            int port = proxy.getPort() < 0 ? 80 : proxy.getPort();
            return new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), port));
        } catch (IllegalArgumentException e) {
            throw CliFailure.usage(
                    "%s_proxy=%s is not a proxy's URL".formatted(target.getScheme(), value));
        }
    }

    private static @Nullable String environment(String variable) {
        return System.getenv(variable);
    }
}
