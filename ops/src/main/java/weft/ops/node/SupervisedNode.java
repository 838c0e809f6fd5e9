package weft.ops.node;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
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
    private final String address;
    private final FabricStore coordination;
    private final FabricRecords records;

    // A lock: the shutdown hook stops what another thread starts.
    @GuardedBy("this")
    private @Nullable Process child;

    @GuardedBy("this")
    private long startedNanos;

    @GuardedBy("this")
    private boolean stopped;

    private SupervisedNode(List<String> command, NodeOptions options, FabricStore coordination) {
        this.command = List.copyOf(command);
        path = FabricPaths.presence(Role.STORAGE, options.node().name());
        address = options.advertised(options.listen().getPort());
        this.coordination = coordination;
        records = new FabricRecords(coordination);
    }

    /// Is ready to run the node.
    ///
    /// @param command runs it, with this process's input and output
    public static SupervisedNode connect(List<String> command, NodeOptions options)
            throws IOException {
        return new SupervisedNode(
                command,
                options,
                ZooKeeperFabricStore.connect(options.zookeeper(), CONNECT_PATIENCE));
    }

    /// Looks after the node until it is stopped, ends by itself without a failure, or never comes
    /// up.
    ///
    /// @return the node's exit code
    public int run() throws IOException, InterruptedException {
        boolean wasUp = false;
        int lastExitCode = 0;
        int pauseMillis;
        int nextPauseMillis = PAUSE_MILLIS_MIN;
        while (true) {
            Process present = launch();
            if (present == null) {
                return lastExitCode; // Stopped.
            }
            long startNanos = startedNanos();
            int exitCode = present.waitFor();
            lastExitCode = exitCode;
            if (isStopped() || exitCode == 0) {
                return exitCode;
            }
            boolean livedLong = BootClock.SYSTEM.nowNanos() - startNanos > LONG_LIFE_NANOS;
            wasUp |= livedLong;
            wasUp |= reportEnd(present.pid(), startNanos);
            if (!wasUp) {
                return exitCode; // What it said is why; trying again would not help.
            }
            pauseMillis = livedLong ? PAUSE_MILLIS_MIN : nextPauseMillis;
            nextPauseMillis = Math.min(2 * pauseMillis, PAUSE_MILLIS_MAX);
            log.warn(
                    "the storage node (pid {}) has ended with exit code {}; again in {} ms",
                    present.pid(),
                    exitCode,
                    pauseMillis);
            Pause.millis(pauseMillis);
        }
    }

    private synchronized long startedNanos() {
        return startedNanos;
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    private synchronized @Nullable Process launch() throws IOException {
        if (stopped) {
            return null;
        }
        startedNanos = BootClock.SYSTEM.nowNanos();
        Process launched = new ProcessBuilder(command).inheritIO().start();
        child = launched;
        return launched;
    }

    /// Says that the process has ended, if it is still announced. Another node of the name, on
    /// another machine, is at another address.
    ///
    /// @return whether it was announced
    private boolean reportEnd(long pid, long startNanos) {
        Predicate<NodePresence> isOurs =
                present ->
                        present.pid() == pid
                                && present.address().equals(address)
                                && present.incarnation() >= startNanos;
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
        @Nullable Process present;
        synchronized (this) {
            stopped = true;
            present = child;
        }
        if (present != null) {
            end(present);
        }
        coordination.close();
    }

    private static void end(Process present) throws InterruptedException {
        present.destroy();
        if (!present.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
            log.warn("the storage node does not stop; it is killed");
            present.destroyForcibly().waitFor();
        }
    }
}
