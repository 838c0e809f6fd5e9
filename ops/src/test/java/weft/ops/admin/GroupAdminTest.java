package weft.ops.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.fabric.VmSpec;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/// Groups' records, against a real ZooKeeper: what is refused leaves nothing.
class GroupAdminTest {
    private static final GroupRule WEB = new GroupRule(Direction.IN, Protocol.TCP, 80, 80, "");

    @TempDir Path folder;
    private EmbeddedZooKeeper server;
    private ZooKeeperFabricStore store;
    private FabricRecords records;
    private GroupAdmin groups;

    @BeforeEach
    void start() throws IOException {
        server = EmbeddedZooKeeper.start(folder, "127.0.0.1", 0);
        store = ZooKeeperFabricStore.connect(server.connectString(), Duration.ofSeconds(10));
        records = new FabricRecords(store);
        groups = new GroupAdmin(records);
        var networks = new NetworkAdmin(records);
        var _ = networks.create(image(), "blue", 10, Optional.empty());
        var _ = networks.create(image(), "red", 11, Optional.empty());
        vm("web1", "blue", "red");
        vm("web2", "blue");
    }

    @AfterEach
    void stop() {
        store.close();
        server.close();
    }

    private FabricImage image() throws IOException {
        try (var watcher = FabricWatcher.start(store)) {
            return watcher.image();
        }
    }

    private void vm(String name, String... networks) throws IOException {
        List<String> ports = new ArrayList<>();
        for (String network : networks) {
            String port = name + "-" + ports.size();
            var mac = new MacAddress(0x5254_0000_0000L + port.hashCode() % 1_000_000 & ~1L);
            var binding = new PortBinding(port, network, mac, "10.0.0.10/24", null, null, 0);
            assertTrue(records.create(FabricPaths.port(port), binding));
            ports.add(port);
        }
        var spec =
                new VmSpec(
                        name,
                        UUID.randomUUID(),
                        "idle",
                        1 << 28,
                        1,
                        List.of(),
                        ports,
                        VmSpec.Power.STOPPED);
        assertTrue(records.create(FabricPaths.vm(name), spec));
    }

    private void refused(String reason, Executable request) throws IOException {
        FabricImage before = image();
        var refusal = assertThrows(Refusal.class, request);
        String message = String.valueOf(refusal.getMessage());
        assertTrue(message.contains(reason), message);
        assertEquals(before, image(), "nothing was changed");
    }

    private List<String> groupsOf(String port) throws IOException {
        return records.find(FabricPaths.port(port), PortBinding.class)
                .orElseThrow()
                .noun()
                .groups();
    }

    @Test
    void aGroupBeginsWithAllOutAndIsMadeOnce() throws Exception {
        SecurityGroup made = groups.create(image(), "web", "blue");
        assertEquals(List.of("out any"), made.rules().stream().map(GroupRule::toString).toList());
        assertEquals(made, image().groups().get("web"));
        refused("exists already", () -> groups.create(image(), "web", "red"));
        refused("in no other", () -> groups.create(image(), "default", "blue"));
        refused("did you mean 'blue'?", () -> groups.create(image(), "db", "bleu"));
        refused("not usable", () -> groups.create(image(), "Web", "blue"));
        FabricImage late = FabricImage.EMPTY;
        refused("there is no network", () -> groups.create(late, "late", "blue"));
        FabricImage before = image();
        var _ = groups.create(before, "db", "blue");
        refused("by someone else meanwhile", () -> groups.create(before, "db", "blue"));
    }

    @Test
    void rulesAreAddedOnceAndRemovedAsTheyWereAdded() throws Exception {
        var _ = groups.create(image(), "web", "blue");
        assertEquals(List.of(), groups.addRule(image(), "web", WEB).warnings());
        assertEquals(2, GroupAdmin.find(image(), "web").rules().size());
        refused("'in tcp 80' already", () -> groups.addRule(image(), "web", WEB));
        var other = new GroupRule(Direction.IN, Protocol.TCP, 80, 81, "");
        refused("no rule 'in tcp 80-81'", () -> groups.removeRule(image(), "web", other));
        assertEquals(1, groups.removeRule(image(), "web", WEB).rules().size());
        refused("there is no group 'wbe'; did you", () -> groups.addRule(image(), "wbe", WEB));
    }

    @Test
    void rulesThatMatchNothingAreWarnedOf() throws Exception {
        var _ = groups.create(image(), "web", "blue");
        var _ = groups.create(image(), "other", "red");
        assertEquals(
                List.of(
                        "network 'blue' has no address in 192.168.0.0/16, it has 10.0.0.0/24:"
                                + " this rule never matches"),
                warnings(GroupRule.of(Direction.IN, Protocol.ANY, "192.168.0.0/16")));
        assertEquals(List.of(), warnings(GroupRule.of(Direction.IN, Protocol.ANY, "10.0.0.0/28")));
        assertEquals(List.of(), warnings(GroupRule.of(Direction.IN, Protocol.UDP, "10.0.0.0/8")));
        assertEquals(
                List.of("group 'web' has no members yet: nothing matches"),
                warnings(GroupRule.of(Direction.IN, Protocol.TCP, "group:web")));
        assertEquals(
                List.of(), warnings(GroupRule.of(Direction.IN, Protocol.TCP, "group:default")));
        assertEquals(
                List.of("rule 'out any' lets all of this pass already"),
                warnings(GroupRule.of(Direction.OUT, Protocol.UDP, "224.0.0.0/4")));
        refused(
                "networks do not reach each other",
                () -> warnings(GroupRule.of(Direction.IN, Protocol.TCP, "group:other")));
        refused(
                "there is no group 'none'",
                () -> warnings(GroupRule.of(Direction.IN, Protocol.TCP, "group:none")));
    }

    private List<String> warnings(GroupRule rule) throws IOException {
        return groups.addRule(image(), "web", rule).warnings();
    }

    @Test
    void nicsJoinGroupsOfTheirNetworkAndLeaveThem() throws Exception {
        var _ = groups.create(image(), "web", "blue");
        var _ = groups.create(image(), "app", "blue");
        assertEquals(List.of("web1-0"), groups.join(image(), "web", "web1", Optional.empty()));
        assertEquals(List.of("web1-0"), groups.join(image(), "app", "web1", Optional.of(0)));
        assertEquals(List.of("app", "web"), groupsOf("web1-0"));
        assertEquals(List.of(), groupsOf("web1-1"));
        assertEquals(List.of("web1-0"), GroupAdmin.membersOf(image(), "blue", "web"));
        assertEquals(List.of("web2-0"), GroupAdmin.membersOf(image(), "blue", "default"));
        refused("in group 'web' already", () -> join("web", "web1", 0));
        refused("no such NIC in network 'blue'", () -> join("web", "web1", 1));
        refused("no NIC 2: it has 2", () -> join("web", "web1", 2));
        refused("there is no VM 'web3'", () -> join("web", "web3", 0));
        refused("not in group 'web'", () -> groups.leave(image(), "web", "web2", Optional.of(0)));
        assertEquals(List.of("web1-0"), groups.leave(image(), "web", "web1", Optional.empty()));
        assertEquals(List.of("app"), groupsOf("web1-0"));
    }

    private void join(String group, String vm, int nic) throws IOException {
        var _ = groups.join(image(), group, vm, Optional.of(nic));
    }

    /// Its host binds the port anew at any time: that is no conflict, and loses nothing.
    @Test
    void aPortThatMovesMeanwhileStaysWhereItIs() throws Exception {
        var _ = groups.create(image(), "web", "blue");
        FabricImage before = image();
        var _ =
                records.update(
                        FabricPaths.port("web2-0"),
                        PortBinding.class,
                        now -> now.boundTo(new NodeId("host2"), null, 3));
        assertEquals(List.of("web2-0"), groups.join(before, "web", "web2", Optional.empty()));
        PortBinding now =
                records.find(FabricPaths.port("web2-0"), PortBinding.class).orElseThrow().noun();
        assertEquals(new NodeId("host2"), now.host());
        assertEquals(List.of("web"), now.boundTo(null, null, 4).groups());
        refused(
                "by someone else meanwhile",
                () -> groups.join(before, "web", "web2", Optional.empty()));
    }

    @Test
    void aGroupInUseIsNotDeleted() throws Exception {
        var _ = groups.create(image(), "web", "blue");
        var _ = groups.create(image(), "db", "blue");
        var rule = GroupRule.of(Direction.IN, Protocol.TCP, "group:web");
        var _ = groups.addRule(image(), "db", rule);
        refused("a rule of group 'db'", () -> groups.delete(image(), "web"));
        var _ = groups.removeRule(image(), "db", rule);
        var _ = groups.join(image(), "web", "web1", Optional.empty());
        refused("weft group leave web web1:0 first", () -> groups.delete(image(), "web"));
        var _ = groups.leave(image(), "web", "web1", Optional.empty());
        groups.delete(image(), "web");
        var networks = new NetworkAdmin(records);
        var _ = networks.create(image(), "green", 12, Optional.empty());
        var _ = groups.create(image(), "last", "green");
        refused("weft group delete last first", () -> networks.delete(image(), "green"));
        refused("there is no group 'web'", () -> groups.delete(image(), "web"));
    }
}
