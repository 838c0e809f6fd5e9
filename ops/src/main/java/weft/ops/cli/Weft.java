package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

import weft.ops.cli.bench.Bench;
import weft.ops.cli.demo.DemoCommand;
import weft.ops.cli.emu.Emu;
import weft.ops.cli.fabric.Down;
import weft.ops.cli.fabric.NodeCommand;
import weft.ops.cli.fabric.Status;
import weft.ops.cli.fabric.Up;
import weft.ops.cli.group.GroupCommand;
import weft.ops.cli.image.ImageCommands;
import weft.ops.cli.network.NetworkCommand;
import weft.ops.cli.pool.PoolCommand;
import weft.ops.cli.vm.VmCommand;
import weft.ops.cli.volume.VolumeCommand;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The command `weft`: the tree of all commands, its help, and main.
@Command(
        name = "weft",
        description = "A storage and network fabric for virtual machines.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        version = "weft 0.1.0",
        footer = {
            "",
            "Every command has --help with an example; what prints results has --json for scripts.",
            "Exit codes: 'weft exit-codes'. Start with 'weft demo' or 'weft up'."
        })
public final class Weft {
    /// The sections of `weft --help`. A command that is in none of them is listed under "More".
    private static final Map<String, List<String>> SECTIONS = sections();

    private Weft() {}

    private static Map<String, List<String>> sections() {
        var sections = new LinkedHashMap<String, List<String>>();
        sections.put("Getting started:", List.of("demo", "up", "down", "status"));
        sections.put("Virtual machines:", List.of("vm"));
        sections.put("Storage:", List.of("volume", "pool"));
        sections.put("Network:", List.of("network", "group"));
        sections.put("Images:", List.of("image"));
        sections.put("Fabric:", List.of("node"));
        sections.put("Tools:", List.of("emu", "bench"));
        return sections;
    }

    /// All commands; one line each. [#SECTIONS] says where help lists them.
    public static CommandLine commandLine() {
        var root = new CommandLine(new Weft());
        root.addSubcommand(new DemoCommand());
        root.addSubcommand(new ImageCommands());
        root.addSubcommand(new Up());
        root.addSubcommand(new Down());
        root.addSubcommand(new Status());
        root.addSubcommand(new VmCommand());
        root.addSubcommand(new VolumeCommand());
        root.addSubcommand(new PoolCommand());
        root.addSubcommand(new NetworkCommand());
        root.addSubcommand(new GroupCommand());
        root.addSubcommand(new NodeCommand());
        root.addSubcommand(new Completion());
        root.addSubcommand(new ExitCodes());
        root.addSubcommand(new Emu());
        root.addSubcommand(new Bench());
        return configured(root);
    }

    private static CommandLine configured(CommandLine root) {
        root.setCaseInsensitiveEnumValuesAllowed(true);
        root.setUsageHelpAutoWidth(true);
        root.setColorScheme(Help.defaultColorScheme(Terminal.ansi()));
        root.setParameterExceptionHandler(Failures::usage);
        root.setExecutionExceptionHandler(Failures::execution);
        root.getHelpSectionMap()
                .put(
                        UsageMessageSpec.SECTION_KEY_COMMAND_LIST_HEADING,
                        _ -> System.lineSeparator());
        root.getHelpSectionMap()
                .put(UsageMessageSpec.SECTION_KEY_COMMAND_LIST, Weft::groupedCommands);
        return root;
    }

    private static String groupedCommands(Help help) {
        var left = new LinkedHashMap<>(help.subcommands());
        var text = new StringBuilder();
        SECTIONS.forEach((heading, names) -> {
            var listed = new ArrayList<Help>();
            names.stream().map(left::remove).forEach(found -> addIfPresent(listed, found));
            appendSection(text, heading, listed);
        });
        appendSection(text, "More:", List.copyOf(left.values()));
        return text.toString();
    }

    private static void addIfPresent(List<Help> listed, @Nullable Help found) {
        if (found != null) {
            listed.add(found);
        }
    }

    private static void appendSection(StringBuilder text, String heading, List<Help> commands) {
        if (commands.isEmpty()) {
            return;
        }
        text.append(heading).append(System.lineSeparator());
        for (Help command : commands) {
            CommandSpec spec = command.commandSpec();
            String[] description = spec.usageMessage().description();
            text.append(
                    "  %-12s %s%n"
                            .formatted(spec.name(), description.length == 0 ? "" : description[0]));
        }
    }

    /// Runs one command and ends the process with its exit code.
    public static void main(String[] arguments) {
        System.exit(run(arguments));
    }

    /// Runs one command; tests call this instead of [#main].
    static int run(String... arguments) {
        if (!Weft.class.desiredAssertionStatus()) {
            System.err.println(
                    "weft: start it with ops/weft: its assertions (java -ea) must be on");
            return ExitCode.FAILED.value();
        }
        CommandLine root = commandLine();
        if (arguments.length == 0) {
            root.usage(root.getOut());
            return ExitCode.OK.value();
        }
        try {
            return root.execute(arguments);
        } catch (Error e) {
            return Failures.report(root, e);
        }
    }

    /// `Ansi` for help and errors, as [Terminal] decides.
    static Ansi ansi() {
        return Terminal.ansi();
    }
}
