package weft.vswitch.policy;

import weft.fabric.GroupRule;
import weft.fabric.Ipv4Interface;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.runtime.Owned;
import weft.vswitch.policy.RuleSet.CompiledGroup;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The groups of one network, compiled from each image. What did not change stays the same object,
/// so that ports see whether there is anything new for them.
@Owned("the switch's loop")
public final class NetworkGroups {
    private static final AddressSet NOBODY = AddressSet.of();

    private Map<String, AddressSet> members = Map.of();
    private Map<String, CompiledGroup> groups = Map.of();
    private Map<List<String>, RuleSet> ruleSets = new HashMap<>();

    /// Takes the records of an image.
    ///
    /// @param ofNetwork the network's groups, without the default one
    /// @param bindings the network's ports, all of them
    public void compile(
            String network, List<SecurityGroup> ofNetwork, Iterable<PortBinding> bindings) {
        Map<String, List<Long>> addresses = new HashMap<>();
        Set<List<String>> used = new HashSet<>();
        for (PortBinding binding : bindings) {
            used.add(groupsOf(binding));
            for (String group : groupsOf(binding)) {
                addMember(addresses.computeIfAbsent(group, _ -> new ArrayList<>()), binding);
            }
        }
        ruleSets.keySet().retainAll(used);
        members = compiledMembers(addresses);
        Map<String, CompiledGroup> compiled = new HashMap<>();
        for (SecurityGroup group : ofNetwork) {
            compiled.put(group.name(), compiled(group));
        }
        compiled.put(SecurityGroup.DEFAULT, compiled(SecurityGroup.defaultOf(network)));
        boolean isNew = !compiled.equals(groups);
        groups = compiled;
        if (isNew) {
            renewRuleSets();
        }
    }

    private static List<String> groupsOf(PortBinding binding) {
        return binding.groups().isEmpty() ? List.of(SecurityGroup.DEFAULT) : binding.groups();
    }

    private static void addMember(List<Long> addresses, PortBinding binding) {
        addresses.add(AddressSet.ofMac(binding.mac().bits()));
        try {
            addresses.add(AddressSet.ofIpv4(Ipv4Interface.parse(binding.ipv4()).address()));
        } catch (IllegalArgumentException e) {
            // A record of another time: a member without an address of IPv4.
        }
    }

    private Map<String, AddressSet> compiledMembers(Map<String, List<Long>> addresses) {
        Map<String, AddressSet> compiled = new HashMap<>();
        addresses.forEach((group, all) -> {
            var set = AddressSet.of(all.stream().mapToLong(Long::longValue).toArray());
            AddressSet known = members.get(group);
            compiled.put(group, known != null && known.isSameAs(set) ? known : set);
        });
        return compiled;
    }

    /// Sets of members are compared as objects here, which [#compiledMembers] has made right.
    private CompiledGroup compiled(SecurityGroup group) {
        Map<String, AddressSet> named = new HashMap<>();
        for (GroupRule rule : group.rules()) {
            rule.remoteGroup()
                    .ifPresent(name -> {
                        AddressSet set = members.get(name);
                        named.put(name, set == null ? NOBODY : set);
                    });
        }
        return new CompiledGroup(group, named);
    }

    private void renewRuleSets() {
        Map<List<String>, RuleSet> before = ruleSets;
        Map<List<String>, RuleSet> after = new HashMap<>();
        before.forEach((names, known) -> {
            RuleSet compiled = new RuleSet(compiled(names));
            after.put(names, known.isSameAs(compiled) ? known : compiled);
        });
        ruleSets = after;
    }

    private List<CompiledGroup> compiled(List<String> names) {
        List<CompiledGroup> all = new ArrayList<>();
        for (String name : names) {
            CompiledGroup group = groups.get(name);
            if (group != null) { // of one that does not exist nothing passes
                all.add(group);
            }
        }
        return all;
    }

    /// What may begin at that port.
    public RuleSet rulesOf(PortBinding binding) {
        return ruleSets.computeIfAbsent(groupsOf(binding), names -> new RuleSet(compiled(names)));
    }
}
