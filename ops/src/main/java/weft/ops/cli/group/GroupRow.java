package weft.ops.cli.group;

import weft.fabric.FabricImage;
import weft.fabric.GroupRule;
import weft.fabric.SecurityGroup;
import weft.ops.admin.GroupAdmin;

import java.util.List;
import java.util.Locale;

/// A group as lists and `show` print it.
///
/// @param members ports that are in it
record GroupRow(String name, String network, List<Rule> rules, List<String> members) {
    /// A rule of it.
    ///
    /// @param ports `any`, `80` or `80-90`
    /// @param remote `any`, a subnet, or `group:web`
    record Rule(String direction, String protocol, String ports, String remote) {
        static Rule of(GroupRule rule) {
            return new Rule(
                    rule.direction().name().toLowerCase(Locale.ROOT),
                    rule.protocol().name().toLowerCase(Locale.ROOT),
                    rule.ports(),
                    rule.remote().isEmpty() ? "any" : rule.remote());
        }
    }

    static GroupRow of(FabricImage image, SecurityGroup group) {
        return new GroupRow(
                group.name(),
                group.network(),
                group.rules().stream().map(Rule::of).toList(),
                GroupAdmin.membersOf(image, group.network(), group.name()));
    }
}
