package weft.storage.journal;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.BootClock;
import weft.runtime.Loop;
import weft.storage.disk.Disk;
import weft.storage.disk.SlowShare;
import weft.storage.disk.StoreIdentity;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// The durability point of a store: records go in from any thread, callbacks come out when they are
/// durable, in the order of the appends.
///
/// One device write carries every record that waited when the device became free, and what one
/// batch of a replica's loop appends comes together. At depth 1 that is the record alone, at once:
/// nothing ever waits for company that is not there. A platform thread of its own writes; callbacks
/// run on it and must only hand over to loops.
///
/// A record may rely on bytes in another file ([DataBytes]): these are written and forced first, so
/// that the journal never names bytes that a crash can take. [DataWriters] begin with them when the
/// record is appended, while groups before it are written.
///
/// When a write fails nothing is acknowledged any more: the failure goes to the store once, records
/// queued or appended later are dropped, for nobody may build on them.
public final class GroupCommit implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);

    /// Longer than the writes of a disk that is well take, all but some.
    public static final long SLOW_NANOS = 20_000_000;

    private final DataWriters writers;
    private final Journal journal;
    private final JournalSettings settings;
    private final Consumer<IOException> onFailure;
    private final ByteBuffer group;
    private final Thread thread;

    // A lock and not a loop: producers of many loops meet one consumer here, and the consumer takes
    // everything at once. Held for queue operations only.
    private final Object lock = new Object();

    // Guarded by lock.
    private final ArrayDeque<Waiting> queue = new ArrayDeque<>();
    private long queuedBytes;
    private long dataBytes;
    private long appendedCount;
    private long durableCount;
    private int flushing;
    private boolean isWriterIdle;
    private boolean closed;
    private @Nullable IOException failure;

    private final Runnable wakeWriter = this::wakeWriter;

    // Journal thread only.
    private final List<Waiting> batch = new ArrayList<>();

    private final SlowShare slow = new SlowShare(SLOW_NANOS);
    private volatile long groupsWritten;
    private volatile long recordsWritten;

    /// A record that is to be written.
    private static final class Waiting {
        final List<ByteBuffer> parts;
        final int lengthBytes;
        final @Nullable DataBytes data;
        final Runnable durable;

        /// Whether others write what it relies on.
        final boolean isBegun;

        /// What it relies on is durable. Guarded by the lock.
        boolean isReady;

        Waiting(
                List<ByteBuffer> parts,
                int lengthBytes,
                @Nullable DataBytes data,
                boolean isBegun,
                Runnable durable) {
            this.parts = parts;
            this.lengthBytes = lengthBytes;
            this.data = data;
            this.isBegun = isBegun;
            this.durable = durable;
            isReady = data == null;
        }

        int dataBytes() {
            return data == null ? 0 : data.lengthBytes();
        }
    }

    private GroupCommit(
            Disk disk,
            Journal journal,
            JournalSettings settings,
            String name,
            Consumer<IOException> onFailure) {
        writers = new DataWriters(disk, name);
        this.journal = journal;
        this.settings = settings;
        this.onFailure = onFailure;
        int capacity =
                Math.max(
                        RecordGroup.sizeBytes(settings.recordBytesMax()),
                        RecordGroup.aligned(settings.groupBytesMax()));
        group =
                ByteBuffer.allocateDirect(capacity + RecordGroup.ALIGNMENT_BYTES)
                        .alignedSlice(RecordGroup.ALIGNMENT_BYTES);
        thread = Thread.ofPlatform().name("journal-" + name).daemon(true).unstarted(this::run);
    }

    /// Reads the journal from `startEpoch` on and makes it ready to go on. Nothing is written until
    /// [#start()] or [#writeWaiting()].
    ///
    /// @param onFailure hears once of a failed write, on the journal thread or a data writer
    /// @throws JournalCorruptException if something durable is missing or damaged
    public static GroupCommit open(
            Disk disk,
            StoreIdentity identity,
            JournalSettings settings,
            long startEpoch,
            JournalVisitor visitor,
            Consumer<IOException> onFailure)
            throws IOException {
        var found = JournalRecovery.scan(disk, identity, startEpoch, visitor);
        var journal = new Journal(disk, identity, settings, found);
        String name = identity.store().toString().substring(0, 8);
        return new GroupCommit(disk, journal, settings, name, onFailure);
    }

    /// Starts the journal thread and the data writers.
    public void start() {
        writers.start();
        thread.start();
    }

    /// Waits while the queue or the live journal is full. Never call it on the journal thread or
    /// with a lock held.
    public void awaitRoom() {
        synchronized (lock) {
            if (!isFull()) {
                return;
            }
        }
        // What the caller's loop has said and appended in this batch is not to wait, too.
        Loop.endBatchNow();
        synchronized (lock) {
            lock.notifyAll();
            boolean interrupted = false;
            while (isFull() && !closed && failure == null) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean isFull() {
        assert Thread.holdsLock(lock);
        return queuedBytes > settings.queueBytesMax() / 2
                || journal.liveBytes() + dataBytes >= settings.liveBytesMax();
    }

    /// Whether [#awaitRoom] would wait.
    public boolean isCongested() {
        synchronized (lock) {
            return isFull();
        }
    }

    /// Queues a record. Does not wait; [#awaitRoom()] before it keeps the queue bounded: what loops
    /// append without waiting is at most a record each.
    ///
    /// @param parts the record's bytes; immutable until it is durable
    /// @param durable runs on the journal thread
    /// @throws IllegalArgumentException if the record is larger than any may be
    public void append(List<ByteBuffer> parts, Runnable durable) {
        append(parts, null, durable);
    }

    /// The same of a record that relies on bytes in another file.
    ///
    /// @param data neither written nor forced; null: none
    public void append(List<ByteBuffer> parts, @Nullable DataBytes data, Runnable durable) {
        int lengthBytes = 0;
        for (ByteBuffer part : parts) {
            lengthBytes += part.remaining();
        }
        if (lengthBytes > settings.recordBytesMax()) {
            throw new IllegalArgumentException(
                    "a journal record of %d bytes, most is %d"
                            .formatted(lengthBytes, settings.recordBytesMax()));
        }
        // Without the journal thread the same thread does all, one after the other.
        boolean isBegun = data != null && thread.getState() != Thread.State.NEW;
        var waiting = new Waiting(parts, lengthBytes, data, isBegun, durable);
        synchronized (lock) {
            if (closed || failure != null) {
                return;
            }
            queue.add(waiting);
            queuedBytes += lengthBytes + waiting.dataBytes();
            dataBytes += waiting.dataBytes();
            appendedCount++;
        }
        if (data != null && isBegun) {
            writers.begin(data, () -> ready(waiting), this::fail);
        } else {
            Loop.atBatchEnd(wakeWriter);
        }
    }

    private void ready(Waiting waiting) {
        synchronized (lock) {
            waiting.isReady = true;
            wakeWriter();
        }
    }

    private void wakeWriter() {
        synchronized (lock) {
            if (isWriterIdle) {
                lock.notifyAll();
            }
        }
    }

    /// Whether the next record can be written.
    private boolean isNextReady() {
        assert Thread.holdsLock(lock);
        Waiting next = queue.peek();
        return next != null && (next.isReady || !next.isBegun);
    }

    private void run() {
        while (awaitWork()) {
            writeWaiting();
        }
        synchronized (lock) {
            lock.notifyAll();
        }
    }

    private boolean awaitWork() {
        synchronized (lock) {
            isWriterIdle = true;
            while (!isNextReady() && !(closed && queue.isEmpty()) && failure == null) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    log.debug("journal thread interrupted; it ends by close only");
                }
            }
            isWriterIdle = false;
            return !queue.isEmpty() && failure == null;
        }
    }

    /// Writes one group of what waits and calls back. The journal thread's step; tests without that
    /// thread call it themselves.
    void writeWaiting() {
        takeBatch();
        if (batch.isEmpty()) {
            return;
        }
        try {
            slow.begin(BootClock.SYSTEM.nowNanos());
            writeData();
            RecordGroup.begin(group);
            for (Waiting waiting : batch) {
                RecordGroup.add(group, waiting.parts, waiting.lengthBytes);
            }
            journal.write(group, batch.size());
            slow.end(BootClock.SYSTEM.nowNanos());
            groupsWritten++;
            recordsWritten += batch.size();
            tellDurable();
        } catch (IOException e) {
            batch.clear();
            fail(e);
            return;
        } catch (RuntimeException | Error e) {
            // This thread must not end without a word: everybody would wait for it.
            batch.clear();
            fail(new IOException("the journal cannot be written: " + e, e));
            return;
        }
        synchronized (lock) {
            durableCount += batch.size();
            if (flushing > 0) {
                lock.notifyAll();
            }
        }
        // Payloads are not to stay until the next one.
        batch.clear();
    }

    /// Usually there is nothing left to write.
    private void writeData() throws IOException {
        for (Waiting waiting : batch) {
            if (waiting.data != null && !waiting.isBegun) {
                writers.write(waiting.data);
            }
        }
    }

    private void tellDurable() {
        synchronized (lock) {
            if (failure != null) {
                return; // Abandoned during the write.
            }
        }
        for (Waiting waiting : batch) {
            waiting.durable.run();
        }
    }

    /// Waits until everything appended before the call is durable. Without the journal thread it
    /// does the writing itself.
    ///
    /// @throws IOException if the journal has failed or is closed
    public void flush() throws IOException {
        long target;
        synchronized (lock) {
            target = appendedCount;
        }
        if (thread.getState() == Thread.State.NEW) {
            boolean more = true;
            while (more) {
                writeWaiting();
                synchronized (lock) {
                    more = !queue.isEmpty();
                }
            }
        }
        synchronized (lock) {
            flushing++;
            boolean interrupted = false;
            while (durableCount < target && failure == null && thread.isAlive()) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            flushing--;
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            if (durableCount < target || failure != null) {
                throw new IOException("the journal has failed", failure);
            }
        }
    }

    private void takeBatch() {
        batch.clear();
        int bytes = RecordGroup.HEADER_BYTES;
        synchronized (lock) {
            while (isNextReady()) {
                Waiting next = queue.element();
                bytes += RecordGroup.RECORD_HEADER_BYTES + next.lengthBytes;
                if (!batch.isEmpty() && bytes > settings.groupBytesMax()) {
                    break;
                }
                batch.add(next);
                queue.remove();
                queuedBytes -= next.lengthBytes + next.dataBytes();
            }
            lock.notifyAll();
        }
    }

    private void fail(IOException e) {
        if (abandon(e)) {
            onFailure.accept(e);
        }
    }

    /// The store has failed: nothing that is queued or comes later is written or acknowledged.
    ///
    /// @return whether this is the first that is heard of it
    public boolean abandon(IOException why) {
        synchronized (lock) {
            boolean isFirst = failure == null;
            if (isFirst) {
                failure = why;
            }
            queue.clear();
            writers.abandon();
            lock.notifyAll();
            return isFirst;
        }
    }

    /// The epoch of the segment being written: what is appended from now on lies in it or behind.
    public long currentEpoch() {
        return journal.currentEpoch();
    }

    /// Bytes of segments that no checkpoint has freed, and of the data that records rely on which
    /// were appended since: about what a recovery reads.
    public long liveBytes() {
        return journal.liveBytes() + dataBytes();
    }

    /// Bytes in other files that records rely on, appended since a checkpoint began that is
    /// durable.
    public long dataBytes() {
        synchronized (lock) {
            return dataBytes;
        }
    }

    /// Bytes of all segment files.
    public long allBytes() {
        return journal.allBytes();
    }

    /// Frees the segments before `startEpoch`; the checkpoint that says so must be durable.
    ///
    /// @param seenDataBytes [#dataBytes()] before that checkpoint began
    public void recycleBefore(long startEpoch, long seenDataBytes) throws IOException {
        journal.recycleBefore(startEpoch);
        synchronized (lock) {
            dataBytes -= seenDataBytes;
            lock.notifyAll();
        }
    }

    /// Makes a segment file in advance if one will be missing; to be called every now and then.
    public void prepareSpare() throws IOException {
        journal.prepareSpare();
    }

    /// How much the journal was at work, its large writes' data included: [SlowShare#busyPercent].
    public int busyPercent(long nowNanos) {
        return Math.max(slow.busyPercent(nowNanos), writers.busyPercent(nowNanos));
    }

    /// How much of the last seconds the disk kept records waiting: [SlowShare#percent].
    public int slowPercent(long nowNanos) {
        return Math.max(slow.percent(nowNanos), writers.slowPercent(nowNanos));
    }

    /// Device writes since the start.
    public long groupsWritten() {
        return groupsWritten;
    }

    /// Records made durable since the start.
    public long recordsWritten() {
        return recordsWritten;
    }

    /// Writes what is queued, then stops.
    @Override
    public void close() throws IOException {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        writers.close();
        journal.close();
    }
}
