package weft.ops.node;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.NodePresence.Role;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// A storage node as a child of this process, which says at once that it has ended: others then
/// need not wait until its silence proves it. The child is started again.
///
/// ```text
///   child ends ─► its presence record says so ─► others go on without it, in some 100 ms
///       ▲                                                (silence takes them 1.9 s)
///       └── started again after a pause of 1 s, up to 30 s where it does not live long
/// ```
///
/// Only who has waited for a process knows that it has ended, so that none of its promises can be
/// used any more: a lost session or connection proves nothing. If this process is killed, the child
/// goes on without it.
public final class SupervisedNode {
    private static final Logger log = LoggerFactory.getLogger(SupervisedNode.class);
    private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(30);
    private static final int STOP_SECONDS = 30;
    private static final int PAUSE_MILLIS_MIN = 1_000;
    private static final int PAUSE_MILLIS_MAX = 30_000;
    private static final long LONG_LIFE_NANOS = 60_000_000_000L;

    private final List<String> command;
    private final String path;
    private final FabricStore coordination;
    private final FabricRecords records;

    // A lock: the shutdown hook stops what another thread starts.
    @GuardedBy("this")
    private Process child;

    @GuardedBy("this")
    private long startedNanos;

    @GuardedBy("this")
    private boolean stopped;

    private SupervisedNode(List<String> command, NodeId node, FabricStore coordination)
            throws IOException {
        this.command = List.copyOf(command);
        path = FabricPaths.presence(Role.STORAGE, node.name());
        this.coordination = coordination;
        records = new FabricRecords(coordination);
        startedNanos = BootClock.SYSTEM.nowNanos();
        child = launched();
    }

    /// Starts the node.
    ///
    /// @param command runs it, with this process's input and output
    public static SupervisedNode start(List<String> command, NodeId node, String zookeeper)
            throws IOException {
        FabricStore coordination = ZooKeeperFabricStore.connect(zookeeper, CONNECT_PATIENCE);
        try {
            return new SupervisedNode(command, node, coordination);
        } catch (IOException | RuntimeException e) {
            coordination.close();
            throw e;
        }
    }

    private Process launched() throws IOException {
        return new ProcessBuilder(command).inheritIO().start();
    }

    /// Looks after the node until it is stopped, ends by itself without a failure, or never comes
    /// up.
    ///
    /// @return the node's exit code
    public int run() throws IOException, InterruptedException {
        boolean wasUp = false;
        int pauseMillis = PAUSE_MILLIS_MIN;
        while (true) {
            Process present = child();
            long startNanos = startedNanos();
            int exitCode = present.waitFor();
            if (isStopped() || exitCode == 0) {
                return exitCode;
            }
            wasUp |= reportEnd(present.pid(), startNanos);
            if (!wasUp) {
                return exitCode; // What it said is why; trying again would not help.
            }
            boolean livedLong = BootClock.SYSTEM.nowNanos() - startNanos > LONG_LIFE_NANOS;
            pauseMillis =
                    livedLong ? PAUSE_MILLIS_MIN : Math.min(2 * pauseMillis, PAUSE_MILLIS_MAX);
            log.warn(
                    "the storage node (pid {}) has ended with exit code {}; again in {} ms",
                    present.pid(),
                    exitCode,
                    pauseMillis);
            Pause.millis(pauseMillis);
            if (!startAgain()) {
                return exitCode;
            }
        }
    }

    private synchronized Process child() {
        return child;
    }

    private synchronized long startedNanos() {
        return startedNanos;
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    private synchronized boolean startAgain() throws IOException {
        if (!stopped) {
            startedNanos = BootClock.SYSTEM.nowNanos();
            child = launched();
        }
        return !stopped;
    }

    /// Says that the process has ended, if it is still announced. Another node of the name, on
    /// another machine, has another pid, or was not started meanwhile.
    ///
    /// @return whether it was announced
    private boolean reportEnd(long pid, long startNanos) {
        Predicate<NodePresence> isOurs =
                present -> present.pid() == pid && present.incarnation() >= startNanos;
        try {
            return records.update(
                            path,
                            NodePresence.class,
                            present -> isOurs.test(present) ? present.withEnd() : present)
                    .filter(isOurs)
                    .isPresent();
        } catch (IOException e) {
            log.warn(
                    "the end of the storage node could not be told: others wait for its leases", e);
            return true;
        }
    }

    /// Has the node close its stores, and waits for that.
    public void stop() throws InterruptedException {
        Process present;
        synchronized (this) {
            stopped = true;
            present = child;
        }
        present.destroy();
        if (!present.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            log.warn("the storage node does not stop; it is killed");
            present.destroyForcibly().waitFor();
        }
        coordination.close();
    }
}
