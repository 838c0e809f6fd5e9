package weft.ops.cli.network;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.ops.cli.HostSession;
import weft.wire.WireMessage;
import weft.wire.network.SwitchFamily;
import weft.wire.network.SwitchMessage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// Asks the hosts that are alive about their switches.
final class SwitchClient implements AutoCloseable {
    private static final int ANSWER_SECONDS = 3;

    private final List<NodeId> hosts;
    private final HostSession session;
    private final Consumer<String> complaints;

    /// @param complaints told of each host that does not answer; it is left out
    SwitchClient(Supplier<FabricImage> image, Consumer<String> complaints) {
        this.complaints = complaints;
        hosts =
                image.get().presences().values().stream()
                        .filter(presence -> presence.role() == NodePresence.Role.HOST)
                        .map(NodePresence::node)
                        .sorted(Comparator.comparing(NodeId::name))
                        .toList();
        session = new HostSession("switches", new SwitchFamily(), image);
    }

    /// All ports that are plugged in, by their hosts.
    Map<NodeId, List<SwitchMessage.Port>> ports() throws InterruptedException {
        Map<NodeId, List<SwitchMessage.Port>> all = new LinkedHashMap<>();
        for (NodeId host : hosts) {
            try {
                all.put(host, ports(host));
            } catch (ExecutionException | TimeoutException _) {
                complain(host);
            }
        }
        return all;
    }

    private List<SwitchMessage.Port> ports(NodeId host)
            throws InterruptedException, ExecutionException, TimeoutException {
        List<SwitchMessage.Port> all = new ArrayList<>();
        String after = "";
        while (ask(host, new SwitchMessage.AskPorts(after)) instanceof SwitchMessage.Ports page) {
            all.addAll(page.ports());
            if (page.ports().size() < SwitchMessage.PORTS_MAX) {
                return all;
            }
            after = page.ports().getLast().id();
        }
        throw new ExecutionException(new IllegalStateException("it answers something else"));
    }

    /// What became of all frames, by host.
    Map<NodeId, SwitchMessage.Totals> totals() throws InterruptedException {
        Map<NodeId, SwitchMessage.Totals> all = new LinkedHashMap<>();
        for (NodeId host : hosts) {
            try {
                if (ask(host, new SwitchMessage.AskTotals())
                        instanceof SwitchMessage.Totals totals) {
                    all.put(host, totals);
                    continue;
                }
            } catch (ExecutionException | TimeoutException _) {
                // told below
            }
            complain(host);
        }
        return all;
    }

    /// Connections of a port, at most so many; none if no host has it.
    List<SwitchMessage.Connection> connections(PortBinding port, int countMax)
            throws InterruptedException {
        List<SwitchMessage.Connection> all = new ArrayList<>();
        NodeId host = port.host();
        if (host == null) {
            return all;
        }
        try {
            int from = 0;
            while (ask(host, new SwitchMessage.AskConnections(port.port(), from))
                    instanceof SwitchMessage.Connections(var page)) {
                all.addAll(page.subList(0, Math.min(page.size(), countMax - all.size())));
                boolean isLast = page.size() < SwitchMessage.CONNECTIONS_MAX;
                if (isLast || all.size() == countMax) {
                    return all;
                }
                from = page.getLast().number() + 1;
            }
        } catch (ExecutionException | TimeoutException _) {
            // told below
        }
        complain(host);
        return all;
    }

    private void complain(NodeId host) {
        complaints.accept("host '%s' does not answer; going on without it".formatted(host));
    }

    private WireMessage ask(NodeId host, SwitchMessage question)
            throws InterruptedException, ExecutionException, TimeoutException {
        return session.request(host, question).get(ANSWER_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        session.close();
    }
}
