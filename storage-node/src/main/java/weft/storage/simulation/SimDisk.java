package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.Entry;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/// The disk of a simulated node, with its one group: what its replica sees, what may happen to it,
/// and what the checkers know of it.
interface SimDisk extends ReplicaDisk {
    /// How the disks of a pool are made.
    enum Kind {
        /// By their promises.
        MODEL,
        /// With production stores on them.
        STORE
    }

    /// Who hears of completions; set for each life.
    interface Host {
        /// Runs the event on the replica, if this life still lasts.
        void later(long delayNanos, Consumer<Events> event);

        /// The replica applied an entry.
        ///
        /// @param blocks what it made of the blocks that it concerns; empty if they have it already
        void applied(Entry entry, Map<Integer, ByteBuffer> blocks);

        /// Power failed in the midst of a call.
        void powerFailed();
    }

    /// What a life begins with.
    record Started(Member self, RecoveredState recovered) {}

    /// Starts again.
    ///
    /// @throws IOException if the store refuses, or power failed meanwhile
    Started start(Host host) throws IOException;

    /// The node's process or machine ends.
    void crash();

    /// The last sequence that would be found after a crash now.
    long durableTail();

    /// The last version in the journal.
    long durableVersion();

    /// All that is in the chunks.
    TreeMap<ChunkKey, SimChunks.Chunk> chunks();

    /// The replicated tables as the store has them.
    ByteBuffer tables();

    /// Whether power failed, or the process ended, and it was not started since.
    boolean isDown();

    /// What it may still hold, as the store itself knows; Long.MAX_VALUE if it does not.
    long freeBytes();

    /// What its beats say of it.
    int slowPercent();

    /// How much slower than usual it is.
    void setSlowness(long times);
}
