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
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// The durability point of a store: records go in from any thread, callbacks come out when they are
/// durable, in the order of the appends.
///
/// One device write carries every record that waited when the device became free, and what one
/// batch of a replica's loop appends comes together. At depth 1 that is the record alone, at once:
/// nothing ever waits for company that is not there. A platform thread of its own writes; callbacks
/// run on it and must only hand over to loops. With nothing more to write it does the work of those
/// that slept itself ([Loop.Lender]): they wait for the same disk as it does. The other way round,
/// where one record comes at a time, the loop that has appended it and has nothing else to do
/// writes it itself: its own work would be to wait for that.
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
    private final RecordQueue queue = new RecordQueue();
    private int waitingForRoom;

    /// A loop writes, and the journal thread does not.
    private boolean isLoopWriting;

    private long dataBytes;
    private long appendedCount;
    private long durableCount;
    private int flushing;
    private boolean isWriterIdle;
    private boolean closed;
    private @Nullable IOException failure;

    private final Runnable writeSoon = this::writeSoon;

    // Of the thread that writes.
    private final List<RecordQueue.Waiting> batch = new ArrayList<>();
    private Loop.@Nullable Lender lender;

    private final SlowShare slow = new SlowShare(SLOW_NANOS);

    private volatile long groupsWritten;
    private volatile long recordsWritten;

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

    /// Waits while the queue or the live journal is full. Never call it with a lock held.
    public void awaitRoom() {
        synchronized (lock) {
            // The journal thread would wait for itself; it does a loop's work only while there is
            // room, and no more of it than a batch.
            if (!isFull() || Thread.currentThread() == thread) {
                return;
            }
        }
        // What the caller's loop has said and appended in this batch is not to wait, too.
        Loop.endBatchNow();
        synchronized (lock) {
            lock.notifyAll();
            waitingForRoom++;
            await(() -> !isFull() || closed || failure != null);
            waitingForRoom--;
        }
    }

    /// Waits on the lock; an interrupt is kept for later.
    private void await(BooleanSupplier over) {
        assert Thread.holdsLock(lock);
        boolean interrupted = false;
        while (!over.getAsBoolean()) {
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

    private boolean isFull() {
        assert Thread.holdsLock(lock);
        return queue.bytes() > settings.queueBytesMax() / 2
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
        var waiting = new RecordQueue.Waiting(parts, lengthBytes, data, isBegun, durable);
        synchronized (lock) {
            if (closed || failure != null) {
                return;
            }
            queue.add(waiting);
            dataBytes += waiting.dataBytes();
            appendedCount++;
        }
        if (data != null && isBegun) {
            writers.begin(data, () -> ready(waiting), this::fail);
        } else {
            Loop.atBatchEnd(writeSoon);
        }
    }

    private void writeSoon() {
        boolean isIdle = Loop.isIdle();
        synchronized (lock) {
            if (isLoopWriting) {
                return; // that one wakes the journal thread
            }
            if (!isIdle || !isWriterIdle || !queue.isSingle()) {
                wakeWriter();
                return;
            }
            isLoopWriting = true;
        }
        writeWaiting();
        synchronized (lock) {
            isLoopWriting = false;
            if (queue.isNextReady() || closed || failure != null) {
                lock.notifyAll();
            }
        }
    }

    private void ready(RecordQueue.Waiting waiting) {
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

    private void run() {
        var own = new Loop.Lender();
        lender = own;
        while (awaitWork()) {
            writeWaiting();
            own.run();
        }
        synchronized (lock) {
            lock.notifyAll();
        }
    }

    private boolean awaitWork() {
        synchronized (lock) {
            isWriterIdle = true;
            while (isLoopWriting
                    || (!queue.isNextReady() && !(closed && queue.isEmpty()) && failure == null)) {
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

    /// Writes one group of what waits and calls back. A step of the journal thread or of a loop in
    /// its place; tests without that thread call it themselves.
    void writeWaiting() {
        takeBatch();
        if (batch.isEmpty()) {
            return;
        }
        try {
            slow.begin(BootClock.SYSTEM.nowNanos());
            writeData();
            RecordGroup.begin(group);
            for (RecordQueue.Waiting waiting : batch) {
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
        for (RecordQueue.Waiting waiting : batch) {
            if (waiting.data != null && !waiting.isBegun) {
                writers.write(waiting.data);
            }
        }
    }

    private void tellDurable() {
        boolean isQuiet;
        synchronized (lock) {
            if (failure != null) {
                return; // Abandoned during the write.
            }
            isQuiet = queue.isEmpty() && !isFull();
        }
        Loop.Lender own = Thread.currentThread() == thread ? lender : null;
        if (own != null && isQuiet) {
            own.open();
        }
        try {
            for (RecordQueue.Waiting waiting : batch) {
                waiting.durable.run();
            }
        } finally {
            if (own != null) {
                own.shut();
            }
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
            await(() -> durableCount >= target || failure != null || !thread.isAlive());
            flushing--;
            if (durableCount < target || failure != null) {
                throw new IOException("the journal has failed", failure);
            }
        }
    }

    private void takeBatch() {
        synchronized (lock) {
            queue.take(settings.groupBytesMax(), batch);
            if (waitingForRoom > 0) {
                lock.notifyAll();
            }
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

    /// Whether records have come one at a time for a while: then somebody waits for each, and there
    /// is nothing to be gathered. Any thread.
    public boolean isOneAtATime() {
        return queue.isOneAtATime();
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
