package weft.vswitch;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.pipeline.Switchboard;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.FrameRing;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.NetworkCounters;
import weft.vswitch.port.PortCounters;
import weft.vswitch.port.PortReport;
import weft.vswitch.port.SwitchPort;
import weft.vswitch.port.SwitchReport;
import weft.vswitch.underlay.UdpUnderlay;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/// A host's switch: ports of its VMs on one side, VXLAN to other hosts on the other.
///
/// One thread does all the forwarding: it takes datagrams from the socket and frames from the
/// ports' rings in turn, and sleeps in a selector when there are none. Everything that changes the
/// switch is a command to that thread; the methods here wait until it is done, so what a caller did
/// before is true for the frames it sends afterwards. From a port's receiver (which runs on that
/// thread) only [#activate], [#announce] and the other methods without result may be called; they
/// take effect after the frame in hand.
///
/// ```
/// plugStandby ──► standby ◄──deactivate/moved── open ◄── plug
///                    └──────────activate──────────┘
/// ```
public final class VSwitch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(VSwitch.class);

    /// Frames taken from one source before the next gets its turn.
    private static final int BATCH_FRAMES = 64;

    private static final long COMMAND_SECONDS_MAX = 10;
    private static final PortLine[] NO_LINES = {};

    private final VSwitchSettings settings;
    private final Clock clock;
    private final Loop loop;
    private final Selector selector;
    private final UdpUnderlay underlay;
    private final Switchboard board;
    private final SwitchMeters meters;
    private final Queue<Runnable> commands = new ConcurrentLinkedQueue<>();
    private final Map<String, PortLine> linesById = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private PortLine[] lines = NO_LINES; // owned by the loop
    private volatile boolean isOpen = true;
    private volatile boolean isAsleep;

    /// Opens the socket and starts to forward; without an image nothing passes.
    ///
    /// @throws IOException if the underlay address cannot be had
    public VSwitch(VSwitchSettings settings, Clock clock, MeterRegistry registry)
            throws IOException {
        this.settings = settings;
        this.clock = clock;
        selector = Selector.open();
        try {
            underlay = new UdpUnderlay(settings.underlay(), selector);
        } catch (IOException e) {
            selector.close();
            throw e;
        }
        board =
                new Switchboard(
                        settings.host(),
                        settings.frameBytesMax(),
                        settings.underlayMtuBytes(),
                        underlay);
        meters = new SwitchMeters(registry, settings.host(), board.counters());
        loop = new Loop("vswitch-" + settings.host());
        loop.execute(this::run);
    }

    /// Where it listens for VXLAN.
    public InetSocketAddress underlayAddress() throws IOException {
        return underlay.localAddress();
    }

    /// The longest IP packet that passes everywhere in a network: what NICs and DHCP tell guests.
    public int mtuBytes() {
        return board.mtuBytes();
    }

    /// Replaces all the switch knows of the fabric.
    public void applyImage(ForwardingImage image) {
        command(() -> board.apply(image, clock.nowNanos()));
    }

    /// Plugs a device in; it can send and receive at once.
    ///
    /// @param network need not exist yet; until it does, frames are dropped
    /// @throws IllegalStateException if the port's id, or the MAC in its network, is plugged here
    public SwitchPort plug(
            String portId, String network, MacAddress mac, SwitchPort.Receiver receiver) {
        return addLine(portId, network, mac, receiver, true);
    }

    /// Plugs a device in for a VM that is still to arrive: the port neither sends nor receives
    /// until [#activate].
    ///
    /// @throws IllegalStateException if the port's id, or the MAC in its network, is plugged here
    public SwitchPort plugStandby(
            String portId, String network, MacAddress mac, SwitchPort.Receiver receiver) {
        return addLine(portId, network, mac, receiver, false);
    }

    private SwitchPort addLine(
            String portId,
            String network,
            MacAddress mac,
            SwitchPort.Receiver receiver,
            boolean isActive) {
        if (loop.isCurrent()) {
            throw new IllegalStateException("a receiver cannot plug ports");
        }
        return ask(() -> {
            PluggedPort port = board.plug(portId, network, mac, receiver, clock.nowNanos());
            if (isActive) {
                board.activate(portId);
            }
            var ring = new FrameRing(settings.ringBytes());
            var line = new PortLine(portId, port, ring, settings.frameBytesMax(), this);
            List<PortLine> all = new ArrayList<>(List.of(lines));
            all.add(line);
            lines = all.toArray(NO_LINES);
            linesById.put(portId, line);
            meters.addPort(portId, network, port);
            return line;
        });
    }

    /// Lets a port in standby send and receive.
    public void activate(String portId) {
        command(() -> board.activate(portId));
    }

    /// Puts a port into standby.
    public void deactivate(String portId) {
        command(() -> board.deactivate(portId));
    }

    /// The VM behind the port runs on another host now: puts the port into standby and, for two
    /// seconds, passes unicast frames for its MAC on to that host. The port can be unplugged at
    /// once.
    ///
    /// @param epoch the VM's epoch there
    public void moved(String portId, NodeId newHost, long epoch) {
        command(() -> board.bury(portId, newHost, epoch, clock.nowNanos()));
    }

    /// Broadcasts, several times within a second, that the port's MAC is here, as QEMU does after a
    /// migration: switches that learn hear of the move.
    public void announce(String portId) {
        command(() -> board.announce(portId, clock.nowNanos()));
    }

    /// Unplugs a port; frames that are still in the switch for it are dropped. Without effect if it
    /// is not plugged.
    public void unplug(String portId) {
        PortLine line = linesById.get(portId);
        if (line != null) {
            unplug(line);
        }
    }

    void unplug(PortLine line) {
        if (!isOpen) {
            return; // closing the switch has unplugged it
        }
        command(() -> {
            if (linesById.remove(line.id, line)) {
                List<PortLine> all = new ArrayList<>(List.of(lines));
                all.remove(line);
                lines = all.toArray(NO_LINES);
                board.unplug(line.id);
                meters.removePort(line.id);
            }
        });
    }

    /// Shows frames to the sink as they pass, until the capture is closed.
    public Capture capture(FrameSink.Scope scope, FrameSink sink) {
        command(() -> board.tap(scope, sink));
        return () -> command(() -> board.untap(sink));
    }

    /// A capture that runs.
    @FunctionalInterface
    public interface Capture extends AutoCloseable {
        /// Ends the capture: the sink is not called any more.
        @Override
        void close();
    }

    /// What passed a port.
    ///
    /// @throws IllegalStateException if it is not plugged
    public PortCounters counters(String portId) {
        PortLine line = linesById.get(portId);
        if (line == null) {
            throw new IllegalStateException("port " + portId + " is not plugged here");
        }
        return line.port.counters();
    }

    /// The ports that are plugged in, by their ids; told on the switch's loop. Never told once the
    /// switch is closed.
    ///
    /// @param after only those with a higher id
    public CompletableFuture<List<PortReport>> ports(String after, int countMax) {
        return later(() ->
                linesById.values().stream()
                        .filter(line -> line.id.compareTo(after) > 0)
                        .sorted(Comparator.comparing(line -> line.id))
                        .limit(countMax)
                        .map(line -> line.port.report())
                        .toList());
    }

    /// What became of all frames.
    public SwitchReport report() {
        return board.counters().report();
    }

    /// What passed this switch in a network; all zero if the image does not have it.
    public NetworkCounters networkCounters(String network) {
        return ask(() -> board.counters(network));
    }

    /// How many frames were dropped for this reason since the start; `RING_FULL` is counted at the
    /// ports that are plugged.
    public long drops(DropReason reason) {
        if (reason == DropReason.RING_FULL) {
            return linesById.values().stream().mapToLong(line -> line.port.ringFullDrops()).sum();
        }
        return board.counters().drops(reason);
    }

    private void command(Runnable change) {
        if (loop.isCurrent()) {
            commands.add(change);
            return;
        }
        ask(() -> {
            change.run();
            return Boolean.TRUE;
        });
    }

    private <T> CompletableFuture<T> later(Supplier<T> question) {
        var answer = new CompletableFuture<T>();
        commands.add(() -> {
            try {
                answer.complete(question.get());
            } catch (RuntimeException e) {
                answer.completeExceptionally(e);
            }
        });
        // Commands are never lost in a sleep: the loop looks at the queue after it says it sleeps.
        selector.wakeup();
        return answer;
    }

    private <T> T ask(Supplier<T> question) {
        CompletableFuture<T> answer = later(question);
        var outcome =
                CompletableFuture.anyOf(answer, ended)
                        .orTimeout(COMMAND_SECONDS_MAX, TimeUnit.SECONDS);
        try {
            outcome.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof IllegalStateException refused) {
                throw new IllegalStateException(refused.getMessage(), refused);
            }
            throw e;
        }
        if (!answer.isDone()) {
            throw new IllegalStateException("the switch of " + settings.host() + " is closed");
        }
        return answer.join();
    }

    void wakeIfAsleep() {
        // The fence orders the frame's publication before the look at the flag; the loop does the
        // two
        // in the other order, so one of both sees the other.
        java.lang.invoke.VarHandle.fullFence();
        if (isAsleep) {
            selector.wakeup();
        }
    }

    private void run() {
        try {
            while (isOpen) {
                try {
                    turn();
                } catch (RuntimeException e) {
                    // A receiver or a command that throws must not stop the others' traffic.
                    log.error("{}: a frame or command failed", settings.host(), e);
                }
            }
        } catch (IOException e) {
            log.error("{}: the switch cannot wait for frames any more", settings.host(), e);
        } finally {
            ended.complete(null);
        }
    }

    private void turn() throws IOException {
        long nowNanos = clock.nowNanos();
        boolean isBusy = runCommands();
        isBusy |= takeDatagrams(nowNanos);
        for (PortLine line : lines) {
            isBusy |= takeFrames(line, nowNanos);
        }
        long dueNanos = board.tick(nowNanos);
        if (!isBusy) {
            sleepUntil(dueNanos);
        }
    }

    private boolean runCommands() {
        Runnable command = commands.poll();
        if (command == null) {
            return false;
        }
        command.run();
        return true;
    }

    private boolean takeDatagrams(long nowNanos) {
        for (int i = 0; i < BATCH_FRAMES; i++) {
            int lengthBytes = underlay.receive();
            if (lengthBytes < 0) {
                return i > 0;
            }
            board.fromUnderlay(underlay.source(), underlay.datagram(), 0, lengthBytes, nowNanos);
        }
        return true;
    }

    private boolean takeFrames(PortLine line, long nowNanos) {
        FrameRing ring = line.ring;
        for (int i = 0; i < BATCH_FRAMES; i++) {
            int lengthBytes = ring.peek();
            if (lengthBytes < 0) {
                return i > 0;
            }
            try {
                board.fromPort(line.port, ring.bytes(), ring.frameOffset(), lengthBytes, nowNanos);
            } finally {
                ring.release();
            }
        }
        return true;
    }

    private void sleepUntil(long dueNanos) throws IOException {
        isAsleep = true;
        try {
            boolean hasWork = !commands.isEmpty() || !isOpen;
            for (PortLine line : lines) {
                hasWork |= !line.ring.isEmpty();
            }
            if (!hasWork) {
                long millis = (dueNanos - clock.nowNanos()) / 1_000_000 + 1;
                selector.select(key -> {}, Math.max(1, millis));
            }
        } finally {
            isAsleep = false;
        }
    }

    /// Stops forwarding, unplugs everything and closes the socket.
    @Override
    public void close() {
        isOpen = false;
        selector.wakeup();
        loop.close();
        meters.removeAll();
        try {
            underlay.close();
            selector.close();
        } catch (IOException e) {
            log.warn("{}: closing the VXLAN socket: {}", settings.host(), e.getMessage());
        }
    }
}
