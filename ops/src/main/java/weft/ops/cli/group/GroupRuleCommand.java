package weft.ops.cli.group;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.SecurityGroup;
import weft.ops.admin.GroupAdmin;
import weft.ops.admin.GroupAdmin.RuleChange;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `weft group rule …`.
@Command(
        name = "rule",
        description = {
            "Add and remove rules: each lets something pass, and what none lets pass is dropped.",
            "A rule is about who begins a connection; answers pass with it."
        },
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {GroupRuleCommand.Add.class, GroupRuleCommand.Remove.class},
        footer = {"", "Example:", "  weft group rule add web in tcp --port 80"})
final class GroupRuleCommand {
    /// What says a rule on the command line.
    abstract static class RuleCommand extends OneGroupCommand {
        private static final Pattern PORTS = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");

        @Parameters(
                index = "1",
                paramLabel = "DIRECTION",
                description = "in: others begin; out: members begin.")
        private String direction = "";

        @Parameters(
                index = "2",
                paramLabel = "PROTOCOL",
                description = "tcp, udp, icmp, or any (these and all others).")
        private String protocol = "";

        @Option(
                names = {"--port", "--ports"},
                paramLabel = "PORT[-PORT]",
                description = "Ports of the side that is connected to (default: any).")
        private @Nullable String ports;

        @Option(
                names = "--remote",
                paramLabel = "CIDR|group:NAME",
                description = {
                    "The other side: a subnet, or the members of a group (group:default: NICs in"
                            + " no group). Default: anybody."
                })
        private String remote = "";

        private @Nullable GroupRule rule;

        @Override
        protected final void checkOptions() {
            try {
                rule = parse();
            } catch (IllegalArgumentException e) {
                throw CliFailure.usage(String.valueOf(e.getMessage()));
            }
        }

        final GroupRule rule() {
            if (rule == null) {
                throw new IllegalStateException("options are checked first");
            }
            return rule;
        }

        private GroupRule parse() {
            int first = 0;
            int last = GroupRule.PORT_MAX;
            if (ports != null) {
                Matcher matcher = PORTS.matcher(ports);
                if (!matcher.matches()) {
                    throw new IllegalArgumentException(
                            "ports '%s' are malformed: as 80 or 8000-8080".formatted(ports));
                }
                first = Integer.parseInt(matcher.group(1));
                last = matcher.group(2) == null ? first : Integer.parseInt(matcher.group(2));
            }
            return new GroupRule(
                    oneOf(Direction.class, "direction", direction),
                    oneOf(Protocol.class, "protocol", protocol),
                    first,
                    last,
                    remote.equals("any") || remote.equals("0.0.0.0/0") ? "" : remote);
        }

        private static <E extends Enum<E>> E oneOf(Class<E> type, String noun, String typed) {
            List<String> known =
                    Arrays.stream(type.getEnumConstants())
                            .map(value -> value.name().toLowerCase(Locale.ROOT))
                            .toList();
            if (!known.contains(typed)) {
                throw new IllegalArgumentException(
                        "%s '%s' is none of %s".formatted(noun, typed, String.join(", ", known)));
            }
            return Enum.valueOf(type, typed.toUpperCase(Locale.ROOT));
        }
    }

    @Command(
            name = "add",
            description = "Add a rule.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Examples:",
                "  weft group rule add web in tcp --port 80",
                "  weft group rule add db in tcp --port 5432 --remote group:web",
                "  weft group rule add web in icmp --remote 10.0.0.0/24"
            })
    static final class Add extends RuleCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            RuleChange change =
                    new GroupAdmin(session.records()).addRule(session.image(), name(), rule());
            for (String warning : change.warnings()) {
                output().err().println("weft: warning: " + warning);
                output().err().flush();
            }
            output().result(
                            GroupRow.of(session.image(), change.group()),
                            "group %s lets pass: %s".formatted(name(), rule()));
        }
    }

    @Command(
            name = "remove",
            description = {
                "Remove a rule, given as it was added.",
                "What only this rule let begin ends with its next packet."
            },
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group rule remove web in tcp --port 80"})
    static final class Remove extends RuleCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            SecurityGroup group =
                    new GroupAdmin(session.records()).removeRule(session.image(), name(), rule());
            output().result(
                            GroupRow.of(session.image(), group),
                            "group %s does not let pass any more: %s".formatted(name(), rule()));
        }
    }
}
