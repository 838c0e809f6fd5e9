package weft.vmhost.virtio;

import weft.vmhost.memory.GuestMemory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;

/// One request: ranges of guest memory that the driver chained, first those to be read, then those
/// to be written. Every range lies in RAM (checked when it was added); reading and writing go on
/// where the last call ended, across ranges.
///
/// Reused for one request after the other by one thread.
public final class DescriptorChain {
    /// The longest chain; the largest queue there is (virtio 1.2, 2.7.5.3.1: never longer than the
    /// queue).
    public static final int RANGES_MAX = 1024;

    private final GuestMemory memory;
    private long[] addresses = new long[8];
    private int[] lengths = new int[8];
    private int count;
    private int readableRanges;
    private long readableBytes;
    private long writableBytes;
    private int head;

    private int readRange;
    private int readOffset;
    private int writeRange;
    private int writeOffset;
    private long writtenBytes;

    DescriptorChain(GuestMemory memory) {
        this.memory = memory;
    }

    void begin(int head) {
        this.head = head;
        count = 0;
        readableRanges = 0;
        readableBytes = 0;
        writableBytes = 0;
        readRange = 0;
        readOffset = 0;
        writeRange = 0;
        writeOffset = 0;
        writtenBytes = 0;
    }

    void add(long address, long lengthBytes, boolean writable) {
        if (count == RANGES_MAX) {
            throw new VirtioBreach("descriptor chain of more than " + RANGES_MAX);
        }
        if (lengthBytes > Integer.MAX_VALUE || !memory.contains(address, lengthBytes)) {
            throw new VirtioBreach(
                    "descriptor outside of RAM: 0x%x, %d bytes".formatted(address, lengthBytes));
        }
        if (!writable && readableRanges != count) {
            throw new VirtioBreach("readable descriptor behind a writable one");
        }
        if (count == addresses.length) {
            addresses = Arrays.copyOf(addresses, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        addresses[count] = address;
        lengths[count] = (int) lengthBytes;
        count++;
        if (writable) {
            writableBytes += lengthBytes;
        } else {
            readableRanges = count;
            readableBytes += lengthBytes;
        }
        writeRange = readableRanges;
    }

    /// The index of the first descriptor, by which the driver knows the request.
    public int head() {
        return head;
    }

    /// Bytes in the readable ranges.
    public long readableBytes() {
        return readableBytes;
    }

    /// Bytes in the writable ranges.
    public long writableBytes() {
        return writableBytes;
    }

    /// Bytes that were written so far, for the used ring.
    public long writtenBytes() {
        return writtenBytes;
    }

    /// Fills the buffer from its position to its limit with the next readable bytes.
    ///
    /// @return false if there are not as many: nothing is then promised about the buffer
    public boolean read(ByteBuffer into) {
        while (into.hasRemaining()) {
            if (readRange == readableRanges) {
                return false;
            }
            int length = Math.min(into.remaining(), lengths[readRange] - readOffset);
            int limit = into.limit();
            into.limit(into.position() + length);
            memory.read(addresses[readRange] + readOffset, into);
            into.limit(limit);
            readOffset += length;
            if (readOffset == lengths[readRange]) {
                readRange++;
                readOffset = 0;
            }
        }
        return true;
    }

    /// Fills a part of `to` with the next readable bytes. Allocates nothing.
    ///
    /// @return false if there are not as many: nothing is then promised about the part
    public boolean read(MemorySegment to, long offset, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes) {
            if (readRange == readableRanges) {
                return false;
            }
            long length = Math.min(lengthBytes - done, lengths[readRange] - readOffset);
            memory.read(addresses[readRange] + readOffset, to, offset + done, length);
            done += length;
            readOffset += (int) length;
            if (readOffset == lengths[readRange]) {
                readRange++;
                readOffset = 0;
            }
        }
        return true;
    }

    /// Describes what is left to be read as an array of `struct iovec` (host address 8, length 8),
    /// for a system call to read it from there.
    ///
    /// @param index of the first element to fill
    /// @return the index behind the last one; -1 if there is no room
    public int readVectors(MemorySegment vectors, int index) {
        int next = index;
        for (int range = readRange; range < readableRanges; range++) {
            int skipped = range == readRange ? readOffset : 0;
            next = addVector(vectors, next, addresses[range] + skipped, lengths[range] - skipped);
        }
        return next;
    }

    /// Describes the next writable bytes in the same way, for a system call to write there. Call
    /// [#noteWritten] afterwards.
    ///
    /// @return how many elements; -1 if there is no room
    public int writeVectors(MemorySegment vectors, long lengthBytes) {
        int next = 0;
        long left = lengthBytes;
        for (int range = writeRange; range < count && left > 0; range++) {
            int skipped = range == writeRange ? writeOffset : 0;
            long length = Math.min(left, lengths[range] - skipped);
            next = addVector(vectors, next, addresses[range] + skipped, length);
            left -= length;
        }
        return next;
    }

    private int addVector(MemorySegment vectors, int index, long address, long lengthBytes) {
        long at = 16L * index;
        if (lengthBytes == 0 || index < 0) {
            return index;
        }
        if (at == vectors.byteSize()) {
            return -1;
        }
        vectors.set(ValueLayout.JAVA_LONG, at, memory.hostRange(address, lengthBytes));
        vectors.set(ValueLayout.JAVA_LONG, at + 8, lengthBytes);
        return index + 1;
    }

    /// The next writable bytes have been written through [#writeVectors].
    public void noteWritten(long lengthBytes) {
        long left = lengthBytes;
        while (left > 0 && writeRange < count) {
            int length = (int) Math.min(left, lengths[writeRange] - writeOffset);
            memory.noteWrites(addresses[writeRange] + writeOffset, length);
            left -= length;
            advanceWrite(length);
        }
    }

    /// Writes a part of `from` to the next writable bytes, as far as there are any. Allocates
    /// nothing.
    ///
    /// @return how many were written
    public long write(MemorySegment from, long offset, long lengthBytes) {
        long done = 0;
        while (done < lengthBytes && writeRange < count) {
            long length = Math.min(lengthBytes - done, lengths[writeRange] - writeOffset);
            memory.write(addresses[writeRange] + writeOffset, from, offset + done, length);
            done += length;
            advanceWrite((int) length);
        }
        return done;
    }

    /// Writes the buffer from its position to its limit to the next writable bytes, as far as there
    /// are any.
    public void write(ByteBuffer from) {
        while (from.hasRemaining() && writeRange < count) {
            int length = Math.min(from.remaining(), lengths[writeRange] - writeOffset);
            int limit = from.limit();
            from.limit(from.position() + length);
            memory.write(addresses[writeRange] + writeOffset, from);
            from.limit(limit);
            advanceWrite(length);
        }
    }

    /// Leaves writable bytes as they are, so that the next write goes behind them. They count as
    /// written.
    public void skipWritable(long lengthBytes) {
        long left = lengthBytes;
        while (left > 0 && writeRange < count) {
            int length = (int) Math.min(left, lengths[writeRange] - writeOffset);
            left -= length;
            advanceWrite(length);
        }
    }

    private void advanceWrite(int length) {
        writtenBytes += length;
        writeOffset += length;
        if (writeOffset == lengths[writeRange]) {
            writeRange++;
            writeOffset = 0;
        }
    }
}
