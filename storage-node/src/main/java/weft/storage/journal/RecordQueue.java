package weft.storage.journal;

import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;

/// The records that wait to be written, in the order in which they were appended. Guarded by the
/// lock of its [GroupCommit], but for what says otherwise.
final class RecordQueue {
    /// So many groups of one record each say that one comes at a time.
    private static final int SINGLES_MIN = 8;

    private final ArrayDeque<Waiting> records = new ArrayDeque<>();
    private long bytes;

    /// How many groups were of one record each, since one was not.
    private volatile int singles;

    /// A record that is to be written.
    static final class Waiting {
        final List<ByteBuffer> parts;
        final int lengthBytes;
        final @Nullable DataBytes data;
        final Runnable durable;

        /// Whether others write what it relies on.
        final boolean isBegun;

        /// What it relies on is durable.
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

    void add(Waiting record) {
        records.add(record);
        bytes += record.lengthBytes + record.dataBytes();
    }

    boolean isEmpty() {
        return records.isEmpty();
    }

    /// Of the records, with what they rely on.
    long bytes() {
        return bytes;
    }

    /// Whether the next record can be written.
    boolean isNextReady() {
        Waiting next = records.peek();
        return next != null && (next.isReady || !next.isBegun);
    }

    /// Whether what waits is one record that relies on nothing, like those before it.
    boolean isSingle() {
        Waiting next = records.peek();
        return isOneAtATime() && records.size() == 1 && next != null && next.data == null;
    }

    /// Whether records have come one at a time for a while. Any thread, without the lock.
    boolean isOneAtATime() {
        return singles >= SINGLES_MIN;
    }

    /// Takes what one device write is to carry; one record in any case, if it can be written.
    ///
    /// @param group is emptied first
    void take(int groupBytesMax, List<Waiting> group) {
        group.clear();
        int groupBytes = RecordGroup.HEADER_BYTES;
        while (isNextReady()) {
            Waiting next = records.element();
            groupBytes += RecordGroup.RECORD_HEADER_BYTES + next.lengthBytes;
            if (!group.isEmpty() && groupBytes > groupBytesMax) {
                break;
            }
            group.add(next);
            records.remove();
            bytes -= next.lengthBytes + next.dataBytes();
        }
        singles = group.size() == 1 ? singles + 1 : 0;
    }

    /// Forgets all, for good.
    void clear() {
        records.clear();
    }
}
