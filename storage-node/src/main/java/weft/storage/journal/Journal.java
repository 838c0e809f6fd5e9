package weft.storage.journal;

import weft.runtime.Owned;
import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.StoreIdentity;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// The segments of one store's journal: an endless file made of a few recycled ones.
///
/// ```
///   free ──roll──► current ──roll──► live ──recycle (a checkpoint holds all of it)──► free
/// ```
///
/// Segments are written full of zeroes once, so that a later write changes no file metadata: on
/// ext4 a data-sync write into unwritten extents costs a file-system transaction each. One segment
/// is current; a group that does not fit rolls to the next. A start never goes on in an old
/// segment, so nothing is ever written behind a torn group.
///
/// Groups are written by one thread (the journal thread); recycling and preparing spares may be
/// done by another: `segments` guards what they share.
@Owned("journal thread")
final class Journal implements Closeable {
    /// Free files that are made in advance once a second segment is in use: at 50 MB/s one lasts
    /// for 0.7 s. Before, there is one.
    private static final int SPARES_IN_USE = 2;

    private static final int FILL_BYTES = 1 << 20;

    private final Disk disk;
    private final StoreIdentity identity;
    private final JournalSettings settings;

    /// Guards `live`, `free` and `nextFileNumber`; held for list operations only.
    private final Object segments = new Object();

    private final ArrayDeque<JournalSegment> live = new ArrayDeque<>();
    private final ArrayDeque<Integer> free = new ArrayDeque<>();
    private int nextFileNumber;

    private DiskFile current;
    private int currentOffsetBytes;
    private long nextSequence;
    private volatile long currentEpoch;

    /// Goes on after what a recovery found; the first segment is ready when this returns.
    Journal(Disk disk, StoreIdentity identity, JournalSettings settings, JournalRecovery.Scan found)
            throws IOException {
        this.disk = disk;
        this.identity = identity;
        this.settings = settings;
        live.addAll(found.live());
        free.addAll(found.freeFiles());
        for (JournalSegment segment : found.live()) {
            nextFileNumber = Math.max(nextFileNumber, segment.fileNumber() + 1);
        }
        for (int fileNumber : found.freeFiles()) {
            nextFileNumber = Math.max(nextFileNumber, fileNumber + 1);
        }
        nextSequence = found.nextSequence();
        disk.createFolder(JournalSegment.FOLDER);
        disk.forceFolder("");
        current = startSegment(found.nextEpoch());
    }

    /// The epoch of the segment being written; whatever is appended from now on lies in it or
    /// behind.
    long currentEpoch() {
        return currentEpoch;
    }

    /// Bytes of segments that no checkpoint has freed.
    long liveBytes() {
        synchronized (segments) {
            return (long) live.size() * settings.segmentBytes();
        }
    }

    /// Bytes of all segment files.
    long allBytes() {
        synchronized (segments) {
            return (long) (live.size() + free.size()) * settings.segmentBytes();
        }
    }

    /// Writes a group, durable when it returns.
    ///
    /// @param group filled by [RecordGroup], not yet sealed
    void write(ByteBuffer group, int recordCount) throws IOException {
        if (currentOffsetBytes + RecordGroup.aligned(group.position()) > settings.segmentBytes()) {
            roll();
        }
        var place = new RecordGroup.Place(currentEpoch, nextSequence);
        RecordGroup.seal(group, recordCount, place, identity.store());
        int sizeBytes = group.remaining();
        current.write(group, currentOffsetBytes);
        currentOffsetBytes += sizeBytes;
        nextSequence++;
    }

    private void roll() throws IOException {
        current.close();
        current = startSegment(currentEpoch + 1);
    }

    private DiskFile startSegment(long epoch) throws IOException {
        Integer recycled;
        synchronized (segments) {
            recycled = free.poll();
        }
        int fileNumber = recycled != null ? recycled : makeFile();
        var segment = new JournalSegment(epoch, nextSequence, fileNumber);
        DiskFile file = disk.open(segment.fileName(), Disk.Use.DURABLE);
        // A crash while a file was being made leaves it short.
        fillToSize(file);
        file.write(segment.header(identity), 0);
        synchronized (segments) {
            live.add(segment);
        }
        currentOffsetBytes = RecordGroup.ALIGNMENT_BYTES;
        currentEpoch = epoch;
        return file;
    }

    private int makeFile() throws IOException {
        int fileNumber;
        synchronized (segments) {
            fileNumber = nextFileNumber++;
        }
        JournalSegment spare = JournalSegment.spare(fileNumber);
        try (DiskFile file = disk.open(spare.fileName(), Disk.Use.DURABLE)) {
            fillToSize(file);
            file.write(spare.header(identity), 0);
        }
        disk.forceFolder(JournalSegment.FOLDER);
        return fileNumber;
    }

    private void fillToSize(DiskFile file) throws IOException {
        if (file.sizeBytes() >= settings.segmentBytes()) {
            return;
        }
        // From the beginning: a group whose end is gone would be whole again if that was zeroes.
        long size = 0;
        int most = Math.min(FILL_BYTES, settings.segmentBytes());
        ByteBuffer zeroes =
                ByteBuffer.allocateDirect(most + RecordGroup.ALIGNMENT_BYTES)
                        .alignedSlice(RecordGroup.ALIGNMENT_BYTES);
        while (size < settings.segmentBytes()) {
            zeroes.clear().limit((int) Math.min(most, settings.segmentBytes() - size));
            size += zeroes.remaining();
            file.write(zeroes, size - zeroes.remaining());
        }
    }

    /// Makes a segment file in advance if one will be missing, so that the next roll need not: that
    /// would keep all writes waiting for 30 to 60 ms. For the checkpoint's thread.
    void prepareSpare() throws IOException {
        synchronized (segments) {
            int wanted = live.size() > 1 ? SPARES_IN_USE : 1;
            boolean isMost = allBytes() + settings.segmentBytes() > settings.liveBytesMax();
            if (free.size() >= wanted || isMost) {
                return;
            }
        }
        int fileNumber = makeFile();
        synchronized (segments) {
            free.add(fileNumber);
        }
    }

    /// Frees the segments before `startEpoch`: a checkpoint that says so is durable. Their files
    /// are kept, as many as ever were in use at once: one that is made anew is written twice, once
    /// full of zeroes, and up to `liveBytesMax` their space is kept back from new writes anyway.
    /// For the checkpoint's thread.
    void recycleBefore(long startEpoch) throws IOException {
        assert startEpoch <= currentEpoch;
        List<Integer> surplus = new ArrayList<>();
        synchronized (segments) {
            while (live.getFirst().epoch() < startEpoch) {
                free.add(live.removeFirst().fileNumber());
            }
            while (!free.isEmpty() && allBytes() > settings.liveBytesMax()) {
                surplus.add(free.removeLast());
            }
        }
        for (int fileNumber : surplus) {
            disk.delete(JournalSegment.spare(fileNumber).fileName());
        }
    }

    @Override
    public void close() throws IOException {
        current.close();
    }
}
