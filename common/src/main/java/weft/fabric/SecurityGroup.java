package weft.fabric;

import java.util.List;

/// What may pass the NICs that are in it. A NIC may be in several: what one of them lets pass
/// passes. What none does is dropped.
///
/// A NIC that is in none is in its network's [#DEFAULT] group, which has no record.
///
/// @param network whose NICs can be in it
public record SecurityGroup(String name, String network, List<GroupRule> rules) {
    /// The name of every network's group of those that are in no other; no record has it.
    public static final String DEFAULT = "default";

    /// Each packet that begins a connection is compared with all rules of its port, at worst 8
    /// groups of 100 in some microseconds.
    public static final int RULES_MAX = 100;

    public SecurityGroup {
        FabricName.check("group", name);
        rules = List.copyOf(rules);
        if (rules.size() > RULES_MAX) {
            throw new IllegalArgumentException(
                    "group '%s' has %d rules already, the most there can be"
                            .formatted(name, RULES_MAX));
        }
    }

    /// What NICs may do that are in no group: everything outwards; inwards only those that are in
    /// none, either.
    public static SecurityGroup defaultOf(String network) {
        return new SecurityGroup(
                DEFAULT,
                network,
                List.of(
                        GroupRule.of(GroupRule.Direction.OUT, GroupRule.Protocol.ANY, ""),
                        GroupRule.of(
                                GroupRule.Direction.IN,
                                GroupRule.Protocol.ANY,
                                GroupRule.toGroup(DEFAULT))));
    }

    /// The same group with other rules.
    public SecurityGroup withRules(List<GroupRule> others) {
        return new SecurityGroup(name, network, others);
    }
}
