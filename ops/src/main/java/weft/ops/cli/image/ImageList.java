package weft.ops.cli.image;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

import weft.ops.cli.ByteSize;
import weft.ops.cli.Output;
import weft.ops.cli.Output.Column;
import weft.ops.cli.StateFolder;
import weft.ops.image.ImageCache;
import weft.ops.image.ImageFiles;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/// Lists the images that were pulled to this machine.
@Command(
        name = "list",
        description = "List the images that were pulled to this machine.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft image list --json"})
public final class ImageList implements Callable<Integer> {
    @Mixin private Output output = new Output();
    @Mixin private StateFolder state = new StateFolder();

    /// One line of the list.
    record Row(String name, long bytes, String digest, String description, String folder) {}

    @Override
    public Integer call() throws IOException {
        var rows = new ArrayList<Row>();
        for (ImageFiles image : new ImageCache(state.path()).list()) {
            long bytes =
                    Files.size(image.kernel())
                            + Files.size(image.initrd())
                            + Files.size(image.rootSeed());
            rows.add(
                    new Row(
                            image.name(),
                            bytes,
                            image.digest().hex(),
                            image.description(),
                            String.valueOf(image.kernel().getParent())));
        }
        if (rows.isEmpty() && !output.isJson()) {
            output.say("No images yet. Next: weft image pull debian-micro");
            return 0;
        }
        output.list(
                rows,
                List.of(
                        Column.of("NAME", Row::name),
                        Column.of("SIZE", row -> ByteSize.humane(row.bytes())),
                        Column.of("DIGEST", row -> row.digest().substring(0, 12)),
                        Column.of("DESCRIPTION", Row::description)));
        return 0;
    }
}
