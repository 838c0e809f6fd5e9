package weft.ops.cli.group;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.ops.admin.GroupAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// Who is in a group.
final class GroupMembership {
    private GroupMembership() {}

    /// What `join` and `leave` print with `--json`.
    record Change(String group, List<String> joined, List<String> left) {}

    /// A command about a group and a VM's NICs.
    abstract static class OneVmsNics extends OneGroupCommand {
        @Parameters(
                index = "1",
                paramLabel = "VM[:NIC]",
                description = "The VM, and which of its NICs, from 0 (default: all that can be).")
        private String member = "";

        @Override
        protected final void checkOptions() {
            if (!member.matches("[^:]+(:\\d{1,3})?")) {
                throw CliFailure.usage(
                        "member '%s' is malformed: as web1 or web1:0".formatted(member));
            }
        }

        final String vm() {
            return member.split(":", 2)[0];
        }

        final Optional<Integer> nic() {
            return member.contains(":")
                    ? Optional.of(Integer.valueOf(member.substring(vm().length() + 1)))
                    : Optional.empty();
        }
    }

    @Command(
            name = "join",
            description = "Put a VM's NICs into a group; it may be running.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group join web web1"})
    static final class Join extends OneVmsNics {
        @Override
        protected void run(FabricSession session) throws IOException {
            List<String> ports =
                    new GroupAdmin(session.records()).join(session.image(), name(), vm(), nic());
            output().result(
                            new Change(name(), ports, List.of()),
                            String.join(", ", ports) + " joined group " + name());
        }
    }

    @Command(
            name = "leave",
            description = "Take a VM's NICs out of a group; it may be running.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft group leave web web1"})
    static final class Leave extends OneVmsNics {
        @Override
        protected void run(FabricSession session) throws IOException {
            List<String> ports =
                    new GroupAdmin(session.records()).leave(session.image(), name(), vm(), nic());
            output().result(
                            new Change(name(), List.of(), ports),
                            String.join(", ", ports) + " left group " + name());
        }
    }
}
