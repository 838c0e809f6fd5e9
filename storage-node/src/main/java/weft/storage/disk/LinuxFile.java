package weft.storage.disk;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;

/// A file that is read and written through the page cache, and of which others write large parts
/// past it ([Disk.Use#DATA]).
///
/// The kernel drops cached pages where such a write goes, but not what becomes dirty meanwhile. So
/// no page may hold both: nothing is read ahead into parts that nobody asked for, and what one call
/// writes is cached in pages of its own (a later write of a block walks all blocks of its folio,
/// too, in ext4).
///
/// A call costs one copy, in memory that stays in the processor's cache, and one system call for
/// each 64 KiB. One thread at a time: a descriptor that is closed may soon be another file's.
final class LinuxFile implements DiskFile {
    private static final int PIECE_BYTES = 1 << 16;

    /// The part of a long read that the device is to have begun with before it is asked for.
    private static final int AHEAD_BYTES = 2 * PIECE_BYTES;

    private static final ThreadLocal<Piece> PIECE = ThreadLocal.withInitial(Piece::make);

    /// A thread's memory outside of the heap, as both sides see it.
    private record Piece(MemorySegment memory, ByteBuffer bytes) {
        static Piece make() {
            MemorySegment memory = Arena.ofAuto().allocate(PIECE_BYTES, Long.BYTES);
            return new Piece(memory, memory.asByteBuffer());
        }
    }

    private final Path path;

    // Guarded by this.
    private int descriptor;

    private LinuxFile(Path path, int flags) throws IOException {
        this.path = path;
        descriptor = LinuxFiles.open(path, flags);
        LinuxFiles.advise(descriptor, 0, 0, LinuxFiles.POSIX_FADV_RANDOM);
    }

    /// @param flags of open(2)
    static LinuxFile open(Path path, int flags) throws IOException {
        return new LinuxFile(path, flags);
    }

    private synchronized int opened() throws IOException {
        if (descriptor < 0) {
            throw new ClosedChannelException();
        }
        return descriptor;
    }

    @Override
    public synchronized long sizeBytes() throws IOException {
        return LinuxFiles.sizeBytes(opened(), path);
    }

    @Override
    public synchronized int read(ByteBuffer into, long positionBytes) throws IOException {
        boolean isLong = into.remaining() > PIECE_BYTES;
        if (isLong) {
            lookAhead(positionBytes, into.remaining());
        }
        Piece piece = PIECE.get();
        int total = 0;
        while (into.hasRemaining()) {
            if (isLong && total % AHEAD_BYTES == 0) {
                lookAhead(positionBytes + total + AHEAD_BYTES, into.remaining() - AHEAD_BYTES);
            }
            int count = Math.min(PIECE_BYTES, into.remaining());
            int got = LinuxFiles.read(opened(), path, piece.memory(), count, positionBytes + total);
            if (got == 0) {
                break;
            }
            into.put(into.position(), piece.bytes(), 0, got).position(into.position() + got);
            total += got;
        }
        return total;
    }

    /// Has the device begin with the next part, and with nothing behind what is asked for.
    private void lookAhead(long positionBytes, int missingBytes) throws IOException {
        if (missingBytes > 0) {
            int count = Math.min(AHEAD_BYTES, missingBytes);
            LinuxFiles.advise(opened(), positionBytes, count, LinuxFiles.POSIX_FADV_WILLNEED);
        }
    }

    @Override
    public synchronized void write(ByteBuffer from, long positionBytes) throws IOException {
        Piece piece = PIECE.get();
        long position = positionBytes;
        while (from.hasRemaining()) {
            int count = Math.min(PIECE_BYTES, from.remaining());
            piece.bytes().put(0, from, from.position(), count);
            int written = LinuxFiles.write(opened(), path, piece.memory(), count, position);
            from.position(from.position() + written);
            position += written;
        }
    }

    @Override
    public synchronized void beginWriteBack() throws IOException {
        LinuxFiles.beginWriteBack(opened(), path);
    }

    @Override
    public synchronized void force() throws IOException {
        LinuxFiles.force(opened(), path);
    }

    @Override
    public synchronized void punch(long positionBytes, long lengthBytes) throws IOException {
        if (LinuxFiles.punch(opened(), path, positionBytes, lengthBytes)) {
            return;
        }
        long end = Math.min(positionBytes + lengthBytes, sizeBytes());
        ByteBuffer zeroes = ByteBuffer.allocate(PIECE_BYTES);
        for (long at = positionBytes; at < end; at += PIECE_BYTES) {
            zeroes.clear().limit((int) Math.min(PIECE_BYTES, end - at));
            write(zeroes, at);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        int open = descriptor;
        descriptor = -1;
        if (open >= 0) {
            LinuxFiles.close(open);
        }
    }
}
