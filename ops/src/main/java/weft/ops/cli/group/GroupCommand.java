package weft.ops.cli.group;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.FabricImage;
import weft.fabric.SecurityGroup;
import weft.ops.admin.GroupAdmin;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;

/// `weft group …`.
@Command(
        name = "group",
        description = {
            "Say who may connect to whom: security groups of NICs.",
            "A NIC in no group sends to all, and takes connections from NICs of its network that"
                    + " are in no group, either."
        },
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            GroupCommand.Create.class,
            GroupCommand.ListAll.class,
            GroupCommand.Show.class,
            GroupRuleCommand.class,
            GroupMembership.Join.class,
            GroupMembership.Leave.class,
            GroupCommand.Delete.class
        },
        footer = {
            "",
            "Example:",
            "  weft group create web --network blue",
            "  weft group rule add web in tcp --port 80",
            "  weft group join web web1"
        })
public final class GroupCommand {
    @Command(
            name = "create",
            description = {
                "Create a group: nobody reaches its members until a rule says so.",
                "It begins with one rule: members reach everybody."
            },
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group create web --network blue"})
    static final class Create extends OneGroupCommand {
        @Option(
                names = "--network",
                required = true,
                paramLabel = "NETWORK",
                description = "The network whose NICs can be in it.")
        private String network = "";

        @Override
        protected void run(FabricSession session) throws IOException {
            SecurityGroup group =
                    new GroupAdmin(session.records()).create(session.image(), name(), network);
            output().result(
                            GroupRow.of(session.image(), group),
                            "group %s created in network %s. Next: weft group rule add %s in tcp --port 80"
                                    .formatted(name(), network, name()));
        }
    }

    @Command(
            name = "list",
            description = "List all groups and their members.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group list"})
    static final class ListAll extends FabricCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            FabricImage image = session.image();
            List<GroupRow> rows =
                    image.groups().values().stream()
                            .sorted(Comparator.comparing(SecurityGroup::name))
                            .map(group -> GroupRow.of(image, group))
                            .toList();
            output().list(
                            rows,
                            List.of(
                                    Column.of("NAME", GroupRow::name),
                                    Column.of("NETWORK", GroupRow::network),
                                    Column.of("RULES", row -> row.rules().size()),
                                    Column.of("MEMBERS", row -> String.join(" ", row.members()))));
        }
    }

    @Command(
            name = "show",
            description = "Show a group's rules and members.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group show web"})
    static final class Show extends OneGroupCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            FabricImage image = session.image();
            GroupRow row = GroupRow.of(image, GroupAdmin.find(image, name()));
            if (output().isJson()) {
                output().result(row, "");
                return;
            }
            String members = row.members().isEmpty() ? "none" : String.join(" ", row.members());
            output().say(
                            "group %s of network %s, members: %s"
                                    .formatted(name(), row.network(), members));
            output().list(
                            row.rules(),
                            List.of(
                                    Column.of("DIRECTION", GroupRow.Rule::direction),
                                    Column.of("PROTOCOL", GroupRow.Rule::protocol),
                                    Column.of("PORTS", GroupRow.Rule::ports),
                                    Column.of("REMOTE", GroupRow.Rule::remote)));
        }
    }

    @Command(
            name = "delete",
            description = "Delete a group that has no members and that no rule names.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group delete web"})
    static final class Delete extends OneGroupCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            new GroupAdmin(session.records()).delete(session.image(), name());
            output().deleted(name(), "group " + name() + " deleted");
        }
    }
}
