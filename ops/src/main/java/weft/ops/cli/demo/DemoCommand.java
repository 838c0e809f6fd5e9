package weft.ops.cli.demo;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.cli.CliFailure;
import weft.ops.cli.ExitCode;
import weft.ops.cli.Output;
import weft.ops.cli.StateFolder;
import weft.ops.cli.image.ImageSource;
import weft.ops.demo.DemoFabric;
import weft.ops.demo.DemoFailure;
import weft.ops.demo.Narrator;
import weft.ops.demo.Story;
import weft.ops.image.ImageFiles;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;

/// `weft demo`.
@Command(
        name = "demo",
        description = {
            "Watch a whole fabric: pool, networks, a killed node, a VM that moves.",
            "Runs in a temporary fabric of its own and checks every claim; needs no privilege."
        },
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft demo --keep"})
public final class DemoCommand implements Callable<Integer> {
    @Mixin private Output output = new Output();
    @Mixin private StateFolder state = new StateFolder();
    @Mixin private ImageSource source = new ImageSource();

    @Option(names = "--keep", description = "Leave the fabric running and say what to type next.")
    private boolean keep;

    /// What `--json` prints.
    record Told(boolean ok, List<Narrator.Figure> figures, @Nullable String folder) {}

    @Override
    public Integer call() throws Exception {
        ImageFiles image = source.pull(output, state.path());
        Path folder = Files.createTempDirectory("weft-demo-");
        var narrator =
                new Narrator(
                        output.isJson() ? output.err() : output.out(),
                        !Charset.defaultCharset().name().startsWith("UTF"),
                        output.isWatched());
        DemoFabric[] running = new DemoFabric[1];
        try {
            narrator.step(
                    "three storage nodes, two hosts, ZooKeeper and control are up",
                    () -> {
                        running[0] = DemoFabric.start(folder);
                        return "a process each, in " + folder;
                    });
            new Story(narrator, image, running[0]).tell();
            running[0].endWith(keep ? DemoFabric.End.KEEP_RUNNING : DemoFabric.End.REMOVE);
        } catch (DemoFailure | IOException e) {
            if (running[0] != null && running[0].isEnding()) {
                throw CliFailure.failed("the demo was interrupted; nothing of it is left");
            }
            throw CliFailure.failed(
                    "the demo failed: %s%s"
                            .formatted(
                                    e.getMessage(),
                                    running[0] == null
                                            ? ""
                                            : "; its logs stay in " + running[0].logs()));
        } finally {
            if (running[0] != null) {
                running[0].close();
            }
        }
        if (!output.isJson()) {
            narrator.summarise();
        }
        output.result(
                new Told(true, narrator.figures(), keep ? folder.toString() : null),
                keep ? keptAdvice(folder) : "\nNext: weft up, or weft demo --keep to look around");
        return ExitCode.OK.value();
    }

    private static String keptAdvice(Path folder) {
        return """

        The fabric goes on in %1$s. Next:
          alias weft=%2$s
          export WEFT_HOME=%1$s
          weft status
          weft vm console web1        (Ctrl-] leaves)
          weft vm migrate web1
          weft down && rm -r %1$s\
        """
                .formatted(folder, System.getProperty("weft.launcher", "ops/weft"));
    }
}
