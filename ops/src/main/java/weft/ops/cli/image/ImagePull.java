package weft.ops.cli.image;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;
import weft.ops.cli.ProgressBar;
import weft.ops.image.DebianMicro;
import weft.ops.image.ImageFiles;
import weft.ops.pool.ImageImport;
import weft.ops.pool.PoolSession;
import weft.runtime.BootClock;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Locale;
import java.util.concurrent.Callable;

/// Makes an image from Debian's packages and caches it.
@Command(
        name = "pull",
        description = {
            "Make an image from Debian's own packages.",
            "Packages come from the mirror of this machine's apt configuration, are checked against"
                    + " the Debian archive keyring, and are cached by digest."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  weft image pull debian-micro",
            "  weft image pull debian-micro --mirror http://mirror.example.org/debian"
        })
public final class ImagePull implements Callable<Integer> {
    @Mixin private Output output = new Output();
    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private ImageSource source = new ImageSource();

    @Parameters(paramLabel = "IMAGE", description = "Which image: debian-micro.")
    private String image = "";

    /// What `--json` prints.
    ///
    /// @param inPool whether a running fabric has it now
    record Pulled(String name, String digest, String description, String folder, boolean inPool) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (!image.equals(DebianMicro.NAME)) {
            throw CliFailure.usage(
                    "there is no image '%s' to pull; known: %s".formatted(image, DebianMicro.NAME));
        }
        long startedNanos = BootClock.SYSTEM.nowNanos();
        ImageFiles files = source.pull(output, fabric.folder());
        boolean inPool = fabric.isFabricKnown();
        if (inPool) {
            try (var session = FabricSession.open(fabric);
                    var pool = new PoolSession(session.records().store(), session::image)) {
                importInto(session, pool, files);
            }
        }
        double seconds = (BootClock.SYSTEM.nowNanos() - startedNanos) / 1e9;
        output.result(
                new Pulled(
                        files.name(),
                        files.digest().hex(),
                        files.description(),
                        String.valueOf(files.kernel().getParent()),
                        inPool),
                "%s is ready in %s s: %s.%nNext: %s"
                        .formatted(
                                files.name(),
                                String.format(Locale.ROOT, "%.1f", seconds),
                                files.description(),
                                inPool
                                        ? "weft vm create web1 --image " + files.name()
                                        : emulatorCommand(files)));
        return 0;
    }

    private static String emulatorCommand(ImageFiles files) {
        return "weft emu run --kernel %s --initrd %s --append '%s'"
                .formatted(files.kernel(), files.initrd(), files.bootArguments());
    }

    private void importInto(FabricSession session, PoolSession pool, ImageFiles files)
            throws IOException, InterruptedException {
        var importing = new ImageImport(session.records(), session::image, pool.client());
        if (importing.isImported(files)) {
            return;
        }
        long bytes =
                Files.size(files.kernel())
                        + Files.size(files.initrd())
                        + Files.size(files.rootSeed());
        try (ProgressBar bar = output.progress("into the pool", bytes)) {
            var _ = importing.run(files, bar::add);
        }
    }
}
