package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import picocli.CommandLine;
import picocli.CommandLine.Command;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/// What every command promises.
final class WeftTest {
    @TempDir private Path folder = Path.of("set by JUnit");

    /// How a command line ended.
    private record Ended(int exitCode, String out, String err) {}

    private static Ended run(CommandLine root, String... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        root.setOut(new PrintWriter(out));
        root.setErr(new PrintWriter(err));
        int exitCode = root.execute(arguments);
        return new Ended(exitCode, out.toString(), err.toString());
    }

    private static Ended run(String... arguments) {
        return run(Weft.commandLine(), arguments);
    }

    private static void assertRefused(ExitCode exitCode, String words, Ended ended) {
        assertEquals(exitCode.value(), ended.exitCode(), ended.err());
        assertTrue(ended.err().contains(words), ended.err());
        assertTrue(ended.err().startsWith("weft: "), ended.err());
        assertEquals(1, ended.err().lines().count(), ended.err());
        assertEquals("", ended.out());
    }

    private static void collect(String name, CommandLine command, List<CommandLine> all) {
        all.add(command);
        command.getSubcommands().forEach((_, sub) -> collect(name, sub, all));
    }

    @Test
    void everyCommandHasHelpWithAnExampleAndSaysWhatItDoes() {
        var all = new ArrayList<CommandLine>();
        collect("", Weft.commandLine(), all);
        var bad = new TreeSet<String>();
        for (CommandLine command : all.subList(1, all.size())) {
            var spec = command.getCommandSpec();
            String footer = String.join("\n", spec.usageMessage().footer());
            boolean hasExample =
                    footer.contains("Example") && footer.contains(spec.qualifiedName());
            if (!hasExample && !footer.contains("weft " + spec.name())) {
                bad.add(spec.qualifiedName() + ": no example in its footer");
            }
            if (spec.usageMessage().description().length == 0) {
                bad.add(spec.qualifiedName() + ": no description");
            }
            if (!spec.optionsMap().containsKey("--help")) {
                bad.add(spec.qualifiedName() + ": no --help");
            }
        }
        assertEquals("", String.join("\n", bad));
    }

    @Test
    void helpListsCommandsInGroups() {
        Ended help = run("--help");
        assertEquals(0, help.exitCode());
        assertTrue(help.out().contains("Images:" + System.lineSeparator() + "  image"), help.out());
    }

    @Test
    void aMistypedCommandIsAnsweredWithTheRightOne() {
        assertRefused(ExitCode.USAGE, "did you mean 'image'", run("imgae"));
        assertRefused(ExitCode.USAGE, "did you mean 'pull'", run("image", "pul"));
        assertRefused(ExitCode.USAGE, "'--mirror'", run("image", "pull", "x", "--miror=http://x"));
    }

    @Test
    void badOptionsAreRefusedInOneLine() {
        assertRefused(ExitCode.USAGE, "no image 'ubuntu'", run("image", "pull", "ubuntu"));
        assertRefused(
                ExitCode.USAGE,
                "not an http",
                run("image", "pull", "debian-micro", "--mirror", "ftp://x", "--dir", folder()));
        assertRefused(
                ExitCode.FAILED,
                "cannot be read",
                run(
                        "image",
                        "pull",
                        "debian-micro",
                        "--keyring",
                        folder() + "/none",
                        "--mirror",
                        "http://127.0.0.1:1",
                        "--dir",
                        folder()));
    }

    private static void assertBadSetting(String words, String... typed) {
        var arguments = new ArrayList<>(List.of("pool"));
        arguments.addAll(List.of(typed));
        assertRefused(ExitCode.USAGE, words, run(arguments.toArray(new String[0])));
    }

    /// Before a fabric is looked for: none is there.
    @Test
    void badSettingsOfThePoolAreRefusedByName() {
        assertBadSetting(
                "no setting 'scrub-speed': there are scrub-rate, ", "set", "scrub-speed", "1M");
        assertBadSetting("no setting 'rate'", "get", "rate");
        assertBadSetting("scrub-rate: size 'fast' is not understood", "set", "scrub-rate", "fast");
        assertBadSetting("scrub-rate: 4K is not in 64K to 1024T", "set", "scrub-rate", "4K");
        assertBadSetting("scrub-period: time '7' is not understood", "set", "scrub-period", "7");
        assertBadSetting("scrub-period: 1s is not in 1m to 3650d", "set", "scrub-period", "1s");
        assertBadSetting("light-scrub-period: 4000d is not", "set", "light-scrub-period", "4000d");
        assertBadSetting("replace-after: time '-5s'", "set", "replace-after", "--", "-5s");
        assertBadSetting("moves: 0 is not in 1 to 10000", "set", "moves", "0");
        assertBadSetting("moves-per-node: '1.5' is not a number", "set", "moves-per-node", "1.5");
        assertBadSetting("VALUE", "set", "scrub-rate");
        assertBadSetting("leave --light away", "scrub", "--light", "--status");
        assertBadSetting("leave --no-wait away", "scrub", "--no-wait", "--status");
    }

    @Test
    void aPeerThatCannotBeStartedIsRefusedWithThoseThatCan() {
        String known = "there are: none, qemu-nbd, ceph";
        Ended unknown = run("bench", "disk", "--peer", "cehp", "--dir", folder());
        assertRefused(ExitCode.USAGE, "no peer 'cehp'; " + known, unknown);
        Ended byHand = run("bench", "disk", "--peer", "vitastor", "--dir", folder());
        assertRefused(ExitCode.USAGE, "in no package of Debian", byHand);
        assertRefused(ExitCode.USAGE, known, byHand);
    }

    private String folder() {
        return folder.toString();
    }

    @Test
    void jsonIsAValueEvenWhenThereIsNothing() {
        Ended ended = run("image", "list", "--json", "--dir", folder());
        assertEquals("[]", ended.out().strip());
        assertEquals(0, ended.exitCode());
    }

    @Test
    void exitCodesAreTheOnesOfTheEnum() {
        String json = run("exit-codes", "--json").out();
        for (ExitCode code : ExitCode.values()) {
            assertTrue(json.contains("{\"code\":" + code.value() + ","), json);
        }
    }

    /// A command that ends as the test wants.
    @Command(name = "throwing")
    static final class Throwing implements Runnable {
        private final RuntimeException thrown;

        Throwing(RuntimeException thrown) {
            this.thrown = thrown;
        }

        @Override
        public void run() {
            throw thrown;
        }
    }

    @Test
    void whateverIsThrownBecomesOneLineAndACode() {
        assertThrown(ExitCode.REFUSED, "taken", CliFailure.refused("name 'a' is taken"));
        assertThrown(ExitCode.USAGE, "bad name", new IllegalArgumentException("bad name.\nmore"));
        assertThrown(
                ExitCode.FAILED,
                "disk full",
                new java.io.UncheckedIOException(new IOException("disk full")));
        assertThrown(ExitCode.FAILED, "WEFT_DEBUG=1", new NullPointerException());
    }

    private static void assertThrown(ExitCode exitCode, String words, RuntimeException thrown) {
        var root = Weft.commandLine();
        root.addSubcommand(new Throwing(thrown));
        // Handlers are inherited by subcommands that were there when they were set.
        root.setExecutionExceptionHandler(Failures::execution);
        assertRefused(exitCode, words, run(root, "throwing"));
    }

    @Command(name = "connecting")
    static final class Connecting implements Runnable {
        @CommandLine.Mixin private FabricOptions fabric = new FabricOptions();
        @CommandLine.Mixin private Output output = new Output();

        @Override
        public void run() {
            output.say(fabric.connectString());
        }
    }

    private Ended connect(String... options) {
        var root = Weft.commandLine();
        root.addSubcommand(new Connecting());
        root.setExecutionExceptionHandler(Failures::execution);
        var arguments = new ArrayList<>(List.of("connecting", "--dir", folder()));
        arguments.addAll(List.of(options));
        return run(root, arguments.toArray(String[]::new));
    }

    @Test
    void theRunningFabricIsFoundThroughItsFolder() throws IOException {
        assertRefused(ExitCode.UNREACHABLE, "weft up", connect());
        var alive = FabricFile.Started.of("me", ProcessHandle.current());
        new FabricFile("127.0.0.1:2181", 1, List.of(alive), "now").write(folder);
        assertEquals("127.0.0.1:2181", connect().out().strip());
        // The pid was given to another process since.
        var reused = new FabricFile.Started("me", alive.pid(), alive.startedMillis() - 1);
        new FabricFile("127.0.0.1:2181", 1, List.of(reused), "now").write(folder);
        assertRefused(ExitCode.UNREACHABLE, "is gone", connect());
        java.nio.file.Files.writeString(folder.resolve("fabric.json"), "{");
        assertRefused(ExitCode.UNREACHABLE, "fabric.json", connect());
        FabricFile.delete(folder);
        assertRefused(ExitCode.UNREACHABLE, "no fabric runs", connect());
    }

    @Test
    void aGivenZooKeeperMustBeHostAndPort() {
        assertEquals("a:1,b:2", connect("--zookeeper", "a:1,b:2").out().strip());
        for (String bad : List.of("a", "a:", ":1", "a:0", "a:65536", "a:1,", "a:x")) {
            assertRefused(ExitCode.USAGE, "HOST:PORT", connect("--zookeeper", bad));
        }
    }
}
