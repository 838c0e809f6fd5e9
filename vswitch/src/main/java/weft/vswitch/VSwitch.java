package weft.vswitch;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.vswitch.linux.Epoll;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.pipeline.Switchboard;
import weft.vswitch.port.ConnectionReport;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.FrameRing;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.NetworkCounters;
import weft.vswitch.port.PortCounters;
import weft.vswitch.port.PortReport;
import weft.vswitch.port.SwitchPort;
import weft.vswitch.port.SwitchReport;
import weft.vswitch.port.TapDevice;
import weft.vswitch.underlay.UdpUnderlay;

import java.io.IOException;
import java.net.InetSocketAddress;
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
/// One thread does all the forwarding: it takes datagrams from the socket, packets from TAP
/// interfaces and frames from the ports' rings in turn, and sleeps when there are none. Everything
/// that changes the switch is a command to that thread; the methods here wait until it is done, so
/// what a caller did before is true for the frames it sends afterwards. From a port's receiver
/// (which runs on that thread) only [#activate], [#announce] and the other methods without result
/// may be called; they take effect after the frame in hand.
///
/// ```
/// plugStandby ──► standby ◄──deactivate/moved── open ◄── plug
///                    └──────────activate──────────┘
/// ```
public final class VSwitch implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(VSwitch.class);

    /// Frames taken from one source before the next gets its turn.
    static final int BATCH_FRAMES = 64;

    /// What the loop knows its socket by; TAP interfaces have other tokens.
    static final long UNDERLAY = 0;

    private static final long COMMAND_SECONDS_MAX = 10;
    private static final PortLine[] NO_LINES = {};

    private final VSwitchSettings settings;
    private final Clock clock;
    private final Loop loop;
    private final Epoll epoll;
    private final UdpUnderlay underlay;
    private final Switchboard board;
    private final TapLines taps;
    private final SwitchMeters meters;
    private final Queue<Runnable> commands = new ConcurrentLinkedQueue<>();
    private final Map<String, Line> linesById = new ConcurrentHashMap<>();
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
        epoll = new Epoll();
        try {
            underlay = new UdpUnderlay(settings.underlay());
            epoll.add(underlay.descriptor(), UNDERLAY);
        } catch (IOException e) {
            epoll.close();
            throw e;
        }
        board =
                new Switchboard(
                        settings.host(),
                        settings.frameBytesMax(),
                        settings.underlayMtuBytes(),
                        underlay);
        taps = new TapLines(settings.host(), epoll, board);
        meters = new SwitchMeters(registry, settings.host(), board.counters());
        loop = new Loop("vswitch-" + settings.host());
        loop.execute(this::run);
    }

    /// Where it listens for VXLAN.
    public InetSocketAddress underlayAddress() {
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

    /// Plugs a TAP interface in: the switch reads and writes it until the port is unplugged, and
    /// leaves checksums and the cutting of super-frames to the kernel behind it. The interface
    /// remains the caller's, to be closed after that.
    ///
    /// @throws IOException if the kernel is too old for it
    /// @throws IllegalStateException if the port's id, or the MAC in its network, is plugged here,
    ///   or the interface cannot be waited for
    public void plugTap(String portId, String network, MacAddress mac, TapDevice tap)
            throws IOException {
        var line = new TapLine(portId, tap);
        ask(() -> {
            PluggedPort port = board.plug(portId, network, mac, line, clock.nowNanos());
            try {
                taps.add(line, port);
            } catch (IllegalStateException e) {
                board.unplug(portId);
                throw e;
            }
            board.activate(portId);
            linesById.put(portId, line);
            meters.addPort(portId, network, port);
            return line;
        });
    }

    /// Lets a port in standby send and receive. Its VM comes from elsewhere: TCP connections that
    /// it has are picked up.
    public void activate(String portId) {
        command(() -> {
            board.activate(portId);
            Line line = linesById.get(portId);
            if (line != null) {
                line.port().pickUpConnections(clock.nowNanos());
            }
        });
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
        Line line = linesById.get(portId);
        if (line != null) {
            unplug(line);
        }
    }

    void unplug(Line line) {
        if (!isOpen) {
            return; // closing the switch has unplugged it
        }
        command(() -> {
            if (linesById.remove(line.id(), line)) {
                switch (line) {
                    case PortLine device -> {
                        List<PortLine> all = new ArrayList<>(List.of(lines));
                        all.remove(device);
                        lines = all.toArray(NO_LINES);
                    }
                    case TapLine tap -> taps.remove(tap);
                }
                board.unplug(line.id());
                meters.removePort(line.id());
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
        Line line = linesById.get(portId);
        if (line == null) {
            throw new IllegalStateException("port " + portId + " is not plugged here");
        }
        return line.port().counters();
    }

    /// The ports that are plugged in, by their ids; told on the switch's loop. Never told once the
    /// switch is closed.
    ///
    /// @param after only those with a higher id
    public CompletableFuture<List<PortReport>> ports(String after, int countMax) {
        return later(() ->
                linesById.values().stream()
                        .filter(line -> line.id().compareTo(after) > 0)
                        .sorted(Comparator.comparing(Line::id))
                        .limit(countMax)
                        .map(line -> line.port().report())
                        .toList());
    }

    /// Connections of a port, by their numbers, told on the switch's loop; none if it is not
    /// plugged.
    ///
    /// @param from only those with this number or a higher one
    public CompletableFuture<List<ConnectionReport>> connections(
            String portId, int from, int countMax) {
        return later(() -> {
            Line line = linesById.get(portId);
            return line == null
                    ? List.of()
                    : line.port().connections(from, countMax, clock.nowNanos());
        });
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
            return linesById.values().stream().mapToLong(line -> line.port().ringFullDrops()).sum();
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
        epoll.wake();
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
            epoll.wake();
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
        for (PortLine line : lines) {
            isBusy |= takeFrames(line, nowNanos);
        }
        long dueNanos = board.tick(nowNanos);
        int ready = isBusy ? epoll.await(0) : sleepUntil(dueNanos);
        nowNanos = ready > 0 ? clock.nowNanos() : nowNanos;
        for (int i = 0; i < ready; i++) {
            long token = epoll.token(i);
            if (token == UNDERLAY) {
                takeDatagrams(nowNanos);
            } else if (token != Epoll.WOKEN) {
                taps.takePackets(token, nowNanos);
            }
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

    private void takeDatagrams(long nowNanos) {
        for (int i = 0; i < BATCH_FRAMES; i++) {
            int lengthBytes = underlay.receive();
            if (lengthBytes < 0) {
                return;
            }
            board.fromUnderlay(
                    underlay.source(),
                    underlay.datagram(),
                    underlay.datagramOffset(),
                    lengthBytes,
                    nowNanos);
        }
    }

    private boolean takeFrames(PortLine line, long nowNanos) {
        FrameRing ring = line.ring;
        for (int i = 0; i < BATCH_FRAMES; i++) {
            int lengthBytes = ring.peek();
            if (lengthBytes < 0) {
                return i > 0;
            }
            try {
                board.packetFromPort(
                        line.port(), ring.bytes(), ring.frameOffset(), lengthBytes, nowNanos);
            } finally {
                ring.release();
            }
        }
        return true;
    }

    private int sleepUntil(long dueNanos) throws IOException {
        isAsleep = true;
        try {
            boolean hasWork = !commands.isEmpty() || !isOpen;
            for (PortLine line : lines) {
                hasWork |= !line.ring.isEmpty();
            }
            long millis = hasWork ? 0 : (dueNanos - clock.nowNanos()) / 1_000_000 + 1;
            return epoll.await(Math.clamp(millis, hasWork ? 0 : 1, Integer.MAX_VALUE));
        } finally {
            isAsleep = false;
        }
    }

    /// Stops forwarding, unplugs everything and closes the socket.
    @Override
    public synchronized void close() {
        if (!isOpen) {
            return;
        }
        isOpen = false;
        epoll.wake();
        loop.close();
        meters.removeAll();
        underlay.close();
        epoll.close();
    }
}
