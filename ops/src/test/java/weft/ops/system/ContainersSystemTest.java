package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.model.ContainerNetwork;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;

import weft.fabric.Configuration;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.PoolHealth;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// A pool of containers on one container network. One of its nodes loses that network, as by
/// `docker network disconnect`: its address and its route are gone, its process lives.
final class ContainersSystemTest {
    private static final String NETWORK = "172.29.177.";
    private static final String ZOOKEEPER = NETWORK + "5:2181";
    private static final int NODES = 3;
    private static final long SIZE_BYTES = 64L << 20;
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir Path folder;

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final List<GenericContainer<?>> containers = new ArrayList<>();

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    @Test
    @Timeout(420)
    void aNodeThatLosesItsNetworkIsDoneWithoutAndHealedWhenItComesBack() throws Exception {
        Assumptions.assumeTrue(
                DockerClientFactory.instance().isDockerAvailable(),
                "needs a Docker engine (docker.io, started; DOCKER_HOST says where)");
        try {
            DockerClient docker = DockerClientFactory.instance().client();
            WeftImage image = own(WeftImage.make(docker, folder));
            Network network = own(network());
            start(image, network);
            FabricSession session = own(FaultyFabric.connect(ZOOKEEPER));
            awaitComplete(session);
            var volumes = new VolumeAdmin(session.records());
            Volume volume =
                    volumes.create(session.image(), "data", SIZE_BYTES, Volume.Access.READ_WRITE);
            var pool = own(new PoolSession(session.records().store(), session::image));
            var open = own(pool.client().open(pool.client().claim(volume, "test")));
            var checker = own(new VolumeChecker(open, 4, 2, Long.getLong("weft.seed", 1)));
            checker.awaitWrites(200, PATIENCE);

            GenericContainer<?> victim = containers.getLast();
            disconnect(docker, network, victim);
            Await.until("no group has the node", PATIENCE, () -> smallest(session) == NODES - 1);
            checker.awaitWrites(500, PATIENCE);
            assertTrue(isRunning(docker, victim), "it lives, and is cut off");
            connect(docker, network, victim);
            Await.until("all groups are whole", PATIENCE, () -> smallest(session) == NODES);
            checker.awaitWrites(200, PATIENCE);
            checker.finish();
            var result = pool.client().replicaComparison().compareAtRest(PATIENCE);
            assertEquals(List.of(), result.differences());
            assertEquals(result.groups(), result.fullGroups());
            assertTrue(
                    session.image()
                            .presence(NodePresence.Role.STORAGE, new NodeId("node" + NODES))
                            .isPresent());
        } catch (Exception | AssertionError e) {
            throw new AssertionError(e + lastWords(), e);
        } finally {
            close();
        }
    }

    /// Addresses stay the same when a container comes back, so they are not the engine's choice.
    private static Network network() {
        var subnet =
                new com.github.dockerjava.api.model.Network.Ipam.Config()
                        .withSubnet(NETWORK + "0/24");
        var ipam = new com.github.dockerjava.api.model.Network.Ipam().withConfig(subnet);
        return Network.builder().createNetworkCmdModifier(c -> c.withIpam(ipam)).build();
    }

    private void start(WeftImage image, Network network) {
        start(image, network, 5, "node", "zookeeper", "--data", "/data", "--listen", ZOOKEEPER);
        start(image, network, 6, part("control", "control1", 6));
        for (int i = 1; i <= NODES; i++) {
            start(image, network, 10 + i, part("storage", "node" + i, 10 + i, "--data", "/data"));
        }
    }

    private static String[] part(String role, String name, int last, String... more) {
        String listen = NETWORK + last + ":7400";
        var words = new ArrayList<>(List.of("node", role, "--name", name));
        words.addAll(List.of("--zookeeper", ZOOKEEPER, "--listen", listen));
        words.addAll(List.of(more));
        return words.toArray(String[]::new);
    }

    private void start(WeftImage image, Network network, int last, String... arguments) {
        GenericContainer<?> container =
                image.container(arguments)
                        .withNetwork(network)
                        .withCreateContainerCmdModifier(c -> c.withIpv4Address(NETWORK + last));
        containers.add(own(container));
        container.start();
    }

    private static void awaitComplete(FabricSession session) throws Exception {
        Await.until(
                "the pool is complete",
                PATIENCE,
                () ->
                        session.image().cluster().isPresent()
                                && PoolHealth.groups(session.records()).size()
                                        == 1 << session.image().cluster().get().pgBits()
                                && smallest(session) == NODES);
    }

    /// Members of the group that has the fewest.
    private static int smallest(FabricSession session) throws Exception {
        int smallest = Integer.MAX_VALUE;
        for (Configuration group : PoolHealth.groups(session.records())) {
            smallest = Math.min(smallest, group.members().size());
        }
        return smallest;
    }

    private static void disconnect(DockerClient docker, Network network, GenericContainer<?> who) {
        docker.disconnectFromNetworkCmd()
                .withNetworkId(network.getId())
                .withContainerId(who.getContainerId())
                .exec();
    }

    private static void connect(DockerClient docker, Network network, GenericContainer<?> who) {
        var address = new ContainerNetwork.Ipam().withIpv4Address(NETWORK + (10 + NODES));
        docker.connectToNetworkCmd()
                .withNetworkId(network.getId())
                .withContainerId(who.getContainerId())
                .withContainerNetwork(new ContainerNetwork().withIpamConfig(address))
                .exec();
    }

    private static boolean isRunning(DockerClient docker, GenericContainer<?> who) {
        return Boolean.TRUE.equals(
                docker.inspectContainerCmd(who.getContainerId()).exec().getState().getRunning());
    }

    private String lastWords() {
        var words = new StringBuilder();
        for (GenericContainer<?> container : containers) {
            String logs = container.getContainerId() == null ? "" : container.getLogs();
            String command = String.join(" ", container.getCommandParts());
            words.append("%n== weft%s%n".formatted(command.substring(command.indexOf(" node "))))
                    .append(logs, Math.max(0, logs.length() - 2000), logs.length());
        }
        return words.toString();
    }

    private void close() throws Exception {
        Exception failure = null;
        while (!parts.isEmpty()) {
            try {
                parts.pop().close();
            } catch (Exception e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
