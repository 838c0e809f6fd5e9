package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.FabricImage;
import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.Ipv4Interface;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.fabric.VmSpec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/// Security groups: create, delete, their rules, and who is in them. Hosts' switches follow the
/// records by themselves.
public final class GroupAdmin {
    private final FabricRecords records;

    public GroupAdmin(FabricRecords records) {
        this.records = records;
    }

    /// A change of rules, and what its author may not have meant.
    ///
    /// @param warnings one line each
    public record RuleChange(SecurityGroup group, List<String> warnings) {
        public RuleChange {
            warnings = List.copyOf(warnings);
        }
    }

    /// Makes a group. Its members may begin whatever they like, until that rule is removed.
    public SecurityGroup create(FabricImage image, String name, String network) throws IOException {
        Names.check("group", name);
        if (name.equals(SecurityGroup.DEFAULT)) {
            throw Refusal.badRequest(
                    "'%s' is the group of all NICs that are in no other: choose another name",
                    name);
        }
        if (image.groups().containsKey(name)) {
            throw Refusal.state("group '%s' exists already: choose another name", name);
        }
        var _ = NetworkAdmin.find(image, network);
        Found<Network> found =
                records.find(FabricPaths.network(network), Network.class)
                        .orElseThrow(() -> meanwhile("network", network));
        var group =
                new SecurityGroup(
                        name, network, List.of(GroupRule.of(Direction.OUT, Protocol.ANY, "")));
        var changes =
                List.<Change>of(
                        new Change.Check(FabricPaths.network(network), found.version()),
                        FabricRecords.creation(FabricPaths.group(name), group));
        if (records.store().commit(changes) instanceof Outcome.Conflict) {
            throw Refusal.state(
                    "group '%s' was made, or network '%s' changed, by someone else meanwhile",
                    name, network);
        }
        return group;
    }

    /// Removes a group that no NIC is in and no rule names.
    public void delete(FabricImage image, String name) throws IOException {
        var _ = find(image, name);
        for (PortBinding port : image.ports().values()) {
            if (port.groups().contains(name)) {
                throw Refusal.state(
                        "group '%s' has members, as '%s': weft group leave %s %s first",
                        name, port.port(), name, vmAndNic(image, port));
            }
        }
        for (SecurityGroup other : image.groups().values()) {
            boolean isNamed =
                    !other.name().equals(name)
                            && other.rules().stream()
                                    .anyMatch(rule -> rule.remoteGroup().equals(Optional.of(name)));
            if (isNamed) {
                throw Refusal.state(
                        "a rule of group '%s' is about group '%s': weft group rule remove it first",
                        other.name(), name);
            }
        }
        if (!records.delete(FabricPaths.group(name))) {
            throw meanwhile("group", name);
        }
    }

    /// Adds a rule.
    public RuleChange addRule(FabricImage image, String name, GroupRule rule) throws IOException {
        SecurityGroup group = find(image, name);
        List<String> warnings = warnings(image, group, rule);
        SecurityGroup changed =
                change(
                        name,
                        now -> {
                            if (now.rules().contains(rule)) {
                                throw Refusal.state(
                                        "group '%s' has the rule '%s' already", name, rule);
                            }
                            var rules = new ArrayList<>(now.rules());
                            rules.add(rule);
                            return withRules(now, rules);
                        });
        return new RuleChange(changed, warnings);
    }

    private static SecurityGroup withRules(SecurityGroup group, List<GroupRule> rules) {
        try {
            return group.withRules(rules);
        } catch (IllegalArgumentException e) {
            throw Refusal.state("%s", String.valueOf(e.getMessage()));
        }
    }

    /// What the author may not have meant.
    private static List<String> warnings(FabricImage image, SecurityGroup group, GroupRule rule) {
        var warnings = new ArrayList<String>();
        rule.remoteGroup()
                .ifPresent(remote -> {
                    boolean isDefault = remote.equals(SecurityGroup.DEFAULT);
                    if (!isDefault && !find(image, remote).network().equals(group.network())) {
                        throw Refusal.badRequest(
                                "group '%s' is of network '%s', and '%s' of '%s': networks do not"
                                        + " reach each other",
                                remote,
                                find(image, remote).network(),
                                group.name(),
                                group.network());
                    }
                    if (membersOf(image, group.network(), remote).isEmpty()) {
                        warnings.add("group '" + remote + "' has no members yet: nothing matches");
                    }
                });
        Network network = NetworkAdmin.find(image, group.network());
        rule.remoteSubnet()
                .ifPresent(subnet -> {
                    if (!mayMatch(
                            rule.direction(), subnet, Ipv4Interface.parse(network.subnet()))) {
                        warnings.add(
                                "network '%s' has no address in %s, it has %s: this rule never matches"
                                        .formatted(network.name(), subnet, network.subnet()));
                    }
                });
        for (GroupRule other : group.rules()) {
            if (!other.equals(rule) && isWithin(rule, other)) {
                warnings.add("rule '" + other + "' lets all of this pass already");
                break;
            }
        }
        return warnings;
    }

    /// Whether somebody in the network has such an address, or it is a group's to send to.
    private static boolean mayMatch(Direction way, Ipv4Interface remote, Ipv4Interface network) {
        int shorter = Math.min(remote.prefixLength(), network.prefixLength());
        int mask = shorter == 0 ? 0 : -1 << 32 - shorter;
        boolean overlaps = ((remote.address() ^ network.address()) & mask) == 0;
        boolean isOfGroups = remote.address() >>> 28 == 0xe || remote.address() == -1;
        return overlaps || way == Direction.OUT && isOfGroups;
    }

    private static boolean isWithin(GroupRule inner, GroupRule outer) {
        return inner.direction() == outer.direction()
                && (outer.protocol() == Protocol.ANY || outer.protocol() == inner.protocol())
                && outer.firstPort() <= inner.firstPort()
                && outer.lastPort() >= inner.lastPort()
                && (outer.remote().isEmpty() || outer.remote().equals(inner.remote()));
    }

    /// Removes a rule. Connections that only it let begin end with their next packet.
    public SecurityGroup removeRule(FabricImage image, String name, GroupRule rule)
            throws IOException {
        var _ = find(image, name);
        return change(
                name,
                now -> {
                    if (!now.rules().contains(rule)) {
                        throw Refusal.state(
                                "group '%s' has no rule '%s': weft group show %s",
                                name, rule, name);
                    }
                    return now.withRules(
                            now.rules().stream().filter(other -> !other.equals(rule)).toList());
                });
    }

    private SecurityGroup change(String name, java.util.function.UnaryOperator<SecurityGroup> next)
            throws IOException {
        return records.update(FabricPaths.group(name), SecurityGroup.class, next)
                .orElseThrow(() -> meanwhile("group", name));
    }

    /// Puts NICs of a VM into the group.
    ///
    /// @param nic which of its NICs, from 0; empty for all that are in the group's network
    /// @return their ports
    public List<String> join(FabricImage image, String name, String vm, Optional<Integer> nic)
            throws IOException {
        SecurityGroup group = find(image, name);
        List<PortBinding> ports = portsOf(image, group, vm, nic);
        List<PortBinding> joining =
                ports.stream().filter(port -> !port.groups().contains(name)).toList();
        if (joining.isEmpty()) {
            throw Refusal.state("VM '%s' is in group '%s' already", vm, name);
        }
        for (PortBinding port : joining) {
            if (port.groups().size() >= PortBinding.GROUPS_MAX) {
                throw Refusal.state(
                        "port '%s' is in %d groups already, the most there can be",
                        port.port(), PortBinding.GROUPS_MAX);
            }
        }
        int version =
                records.find(FabricPaths.group(name), SecurityGroup.class)
                        .orElseThrow(() -> meanwhile("group", name))
                        .version();
        var changes = new ArrayList<Change>();
        changes.add(new Change.Check(FabricPaths.group(name), version));
        for (PortBinding port : joining) {
            var groups = new TreeSet<>(port.groups());
            groups.add(name);
            changes.add(inGroups(port, List.copyOf(groups)));
        }
        commit(changes, vm);
        return joining.stream().map(PortBinding::port).toList();
    }

    /// Takes NICs of a VM out of the group.
    public List<String> leave(FabricImage image, String name, String vm, Optional<Integer> nic)
            throws IOException {
        SecurityGroup group = find(image, name);
        List<PortBinding> leaving =
                portsOf(image, group, vm, nic).stream()
                        .filter(port -> port.groups().contains(name))
                        .toList();
        if (leaving.isEmpty()) {
            throw Refusal.state("VM '%s' is not in group '%s'", vm, name);
        }
        var changes = new ArrayList<Change>();
        for (PortBinding port : leaving) {
            var groups = new TreeSet<>(port.groups());
            groups.remove(name);
            changes.add(inGroups(port, List.copyOf(groups)));
        }
        commit(changes, vm);
        return leaving.stream().map(PortBinding::port).toList();
    }

    /// The binding as it is recorded now (its host may have changed it), in these groups.
    private Change inGroups(PortBinding seen, List<String> groups) throws IOException {
        String path = FabricPaths.port(seen.port());
        Found<PortBinding> found =
                records.find(path, PortBinding.class)
                        .orElseThrow(() -> meanwhile("port", seen.port()));
        if (!found.noun().groups().equals(seen.groups())) {
            throw Refusal.state(
                    "groups of port '%s' were changed by someone else meanwhile: try again",
                    seen.port());
        }
        return FabricRecords.replacement(path, found.noun().inGroups(groups), found.version());
    }

    private void commit(List<Change> changes, String vm) throws IOException {
        if (records.store().commit(changes) instanceof Outcome.Conflict(var path)) {
            throw Refusal.state(
                    "%s was changed by someone else meanwhile, VM '%s' is as it was: try again",
                    path.substring(FabricPaths.ROOT.length() + 1), vm);
        }
    }

    private static List<PortBinding> portsOf(
            FabricImage image, SecurityGroup group, String vm, Optional<Integer> nic) {
        VmSpec spec = VmAdmin.find(image, vm);
        if (nic.isPresent() && nic.get() >= spec.ports().size()) {
            throw Refusal.badRequest(
                    "VM '%s' has no NIC %d: it has %d", vm, nic.get(), spec.ports().size());
        }
        List<PortBinding> ports =
                spec.ports().stream()
                        .filter(port -> nic.isEmpty() || spec.ports().indexOf(port) == nic.get())
                        .map(port -> Optional.ofNullable(image.ports().get(port)))
                        .flatMap(Optional::stream)
                        .filter(port -> port.network().equals(group.network()))
                        .toList();
        if (ports.isEmpty()) {
            throw Refusal.state(
                    "VM '%s' has no such NIC in network '%s', which group '%s' is of",
                    vm, group.network(), group.name());
        }
        return ports;
    }

    /// `web1`, or `web1:0` if it has several NICs.
    private static String vmAndNic(FabricImage image, PortBinding port) {
        for (VmSpec spec : image.vms().values()) {
            int nic = spec.ports().indexOf(port.port());
            if (nic >= 0) {
                return spec.ports().size() == 1 ? spec.name() : spec.name() + ":" + nic;
            }
        }
        return port.port();
    }

    /// The ports that are in the group, by name.
    public static List<String> membersOf(FabricImage image, String network, String name) {
        return image.ports().values().stream()
                .filter(port -> port.network().equals(network))
                .filter(port ->
                        name.equals(SecurityGroup.DEFAULT)
                                ? port.groups().isEmpty()
                                : port.groups().contains(name))
                .map(PortBinding::port)
                .sorted()
                .toList();
    }

    /// The group of that name.
    public static SecurityGroup find(FabricImage image, String name) {
        SecurityGroup group = image.groups().get(name);
        if (group == null) {
            throw Refusal.state(
                    "there is no group '%s'%s",
                    name, Names.suggestion(name, image.groups().keySet()));
        }
        return group;
    }

    private static Refusal meanwhile(String noun, String name) {
        return Refusal.state("%s '%s' was deleted by someone else meanwhile", noun, name);
    }
}
