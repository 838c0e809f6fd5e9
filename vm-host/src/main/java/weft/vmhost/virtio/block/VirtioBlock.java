package weft.vmhost.virtio.block;

import org.jspecify.annotations.Nullable;

import weft.vmhost.device.DeviceTimers;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// The virtio disk: takes requests from its queues, gives them to a volume, and answers in whatever
/// order the volume does.
///
/// A request that the volume could neither do nor refuse for good (fenced, unreachable, full) stays
/// in flight (*parked*): the guest sees a slow disk, never an I/O error. It is done again later,
/// here or elsewhere, from its descriptors, which the driver leaves alone until the answer. So the
/// state of a disk is the list of the requests in flight, by their queue and head.
public final class VirtioBlock implements VirtioDevice {
    /// Bytes of writes and reads in flight; more wait in the queue. Bounds what a hostile driver
    /// makes the host allocate.
    public static final long IN_FLIGHT_BYTES_MAX = 32L << 20;

    /// The most queues; one for each hart up to here lets harts submit without a lock in between.
    public static final int QUEUES_MAX = 4;

    private static final int QUEUE_SIZE = 128;
    private static final long FEATURE_SEGMENT_BYTES_MAX = 1L << 1;
    private static final long FEATURE_SEGMENTS_MAX = 1L << 2;
    private static final long FEATURE_READ_ONLY = 1L << 5;
    private static final long FEATURE_BLOCK_BYTES = 1L << 6;
    private static final long FEATURE_FLUSH = 1L << 9;
    private static final long FEATURE_TOPOLOGY = 1L << 10;
    private static final long FEATURE_SEVERAL_QUEUES = 1L << 12;
    private static final long FEATURE_DISCARD = 1L << 13;
    private static final long FEATURE_WRITE_ZEROES = 1L << 14;
    private static final int STATUS_OK = 0;
    private static final int STATUS_IO_ERROR = 1;
    private static final int STATUS_UNSUPPORTED = 2;
    private static final long RETRY_NANOS = 1_000_000_000;

    /// Hears of volumes that do not answer as a disk should.
    @FunctionalInterface
    public interface TroubleListener {
        /// A request stays in flight because of this, or got an I/O error (CORRUPT); called on the
        /// device loop, must not block.
        void onTrouble(BlockVolume volume, VolumeException trouble);
    }

    /// Where a request came from: unique while it is in flight.
    private record Tag(int queue, int head) {}

    /// What a hart moves by itself when it notifies: some 10 µs at 5 GB/s, less than it takes to
    /// wake a thread. What is longer, the loop does while the hart computes.
    private static final long AT_ONCE_BYTES_MAX = 64 << 10;

    private final DeviceTimers timers;
    private final int queueCount;
    private final BlockVolume volume;
    private final byte[] serial;
    private byte[] configuration;
    private final TroubleListener listener;
    private final Map<Tag, InFlight> inFlight = new LinkedHashMap<>();
    private long inFlightBytes;
    private final MemorySegment vectors =
            Arena.ofAuto().allocate(16L * DescriptorChain.RANGES_MAX, 16);
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;

    /// The queue with which the next serving begins, so that none is left behind when the others
    /// fill what may be in flight.
    private int firstServed;

    /// Whether the driver cannot flush: then what is answered is on the disk (virtio 1.2, 5.2.6.2).
    private boolean writesThrough;

    /// Whether requests wait for pages of the guest's, to be given to the volume.
    private boolean lacksPages;

    private record InFlight(long bytes, @Nullable ByteBuffer readInto) {}

    /// A request that the volume does not have: restored, or given up by it.
    private static final InFlight PARKED = new InFlight(0, null);

    /// @param serial what the guest shows as the disk's serial number; cut to 20 bytes
    /// @param timers call back on the device loop, for requests that are tried again
    public VirtioBlock(
            BlockVolume volume, String serial, TroubleListener listener, DeviceTimers timers) {
        this(volume, serial, listener, timers, 1);
    }

    /// @param queues 1 to [#QUEUES_MAX]
    public VirtioBlock(
            BlockVolume volume,
            String serial,
            TroubleListener listener,
            DeviceTimers timers,
            int queues) {
        assert queues >= 1 && queues <= QUEUES_MAX;
        queueCount = queues;
        this.volume = volume;
        this.serial = serial.getBytes(StandardCharsets.UTF_8);
        this.listener = listener;
        this.timers = timers;
        configuration = BlockConfiguration.of(volume.sizeBytes(), QUEUE_SIZE, queues);
    }

    @Override
    public int deviceId() {
        return 2;
    }

    @Override
    public long features() {
        long features =
                FEATURE_SEGMENT_BYTES_MAX
                        | FEATURE_SEGMENTS_MAX
                        | FEATURE_BLOCK_BYTES
                        | FEATURE_FLUSH
                        | FEATURE_TOPOLOGY
                        | (queueCount > 1 ? FEATURE_SEVERAL_QUEUES : 0);
        return volume.isReadOnly()
                ? features | FEATURE_READ_ONLY
                : features | FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
    }

    @Override
    public int queueCount() {
        return queueCount;
    }

    @Override
    public int queueCountOfVersion1() {
        return 1;
    }

    @Override
    public int queueSizeMax() {
        return QUEUE_SIZE;
    }

    @Override
    public void connect(VirtioMmio transport) {
        this.transport = transport;
        chain = transport.queue(0).newChain();
        volume.onResize(() -> {
            synchronized (transport) {
                configuration = BlockConfiguration.of(volume.sizeBytes(), QUEUE_SIZE, queueCount);
                transport.signalConfiguration();
            }
        });
    }

    /// A read from the page cache takes less time than to wake another thread for it.
    @Override
    public boolean servesAtOnce() {
        return volume.readsNow();
    }

    @Override
    public int configByte(int offset) {
        return offset < configuration.length ? configuration[offset] : 0;
    }

    @Override
    public void start(long features) {
        writesThrough = (features & FEATURE_FLUSH) == 0;
    }

    @Override
    public void serve(int queueIndex) {
        serve(queueIndex, Long.MAX_VALUE);
    }

    @Override
    public void serveAtOnce(int queueIndex) {
        serve(queueIndex, AT_ONCE_BYTES_MAX);
    }

    /// @param bytesMax with a longer request, and when as much has been moved, the loop goes on
    private void serve(int queueIndex, long bytesMax) {
        if (lacksPages) {
            submitAgain();
        }
        Virtqueue queue = transport().queue(queueIndex);
        DescriptorChain next = chain();
        long moved = 0;
        while (inFlightBytes < IN_FLIGHT_BYTES_MAX && queue.next(next)) {
            long bytes = next.readableBytes() + next.writableBytes();
            if (bytes > bytesMax - moved) {
                queue.putBack(1);
                transport().serveLater(queueIndex);
                break;
            }
            submit(queueIndex, next);
            moved += bytes;
            if (bytes >= AT_ONCE_BYTES_MAX) {
                // The guest can take it while the next one is read.
                transport().signal(queue);
            }
        }
        transport().signal(queue);
    }

    private void submit(int queue, DescriptorChain next) {
        var tag = new Tag(queue, next.head());
        if (inFlight.containsKey(tag)) {
            // The driver gave a request again that it has no answer for; one answer will come.
            return;
        }
        switch (BlockRequest.parse(next, volume.sizeBytes())) {
            case BlockRequest.Read read when readNow(read, next) ->
                    answer(transport().queue(queue), next, STATUS_OK);
            case BlockRequest.Read read -> {
                ByteBuffer into = ByteBuffer.allocate(read.lengthBytes());
                begin(tag, read.lengthBytes(), into, volume.read(read.offsetBytes(), into));
            }
            case BlockRequest.Write write -> {
                int length = write.content().remaining();
                begin(tag, length, null, kept(volume.write(write.offsetBytes(), write.content())));
            }
            case BlockRequest.Flush _ -> begin(tag, 0, null, volume.flush());
            case BlockRequest.Discard range ->
                    begin(
                            tag,
                            0,
                            null,
                            kept(volume.discard(range.offsetBytes(), range.lengthBytes())));
            case BlockRequest.WriteZeroes range ->
                    begin(
                            tag,
                            0,
                            null,
                            kept(volume.writeZeroes(range.offsetBytes(), range.lengthBytes())));
            case BlockRequest.GetId _ -> {
                ByteBuffer id = ByteBuffer.allocate(BlockRequest.ID_BYTES);
                id.put(serial, 0, Math.min(serial.length, BlockRequest.ID_BYTES));
                next.write(id.rewind());
                answer(transport().queue(queue), next, STATUS_OK);
            }
            case BlockRequest.Unsupported _ ->
                    answer(transport().queue(queue), next, STATUS_UNSUPPORTED);
            case BlockRequest.Refused _ -> answer(transport().queue(queue), next, STATUS_IO_ERROR);
        }
    }

    private CompletableFuture<Void> kept(CompletableFuture<Void> change) {
        return writesThrough ? change.thenCompose(_ -> volume.flush()) : change;
    }

    /// Straight into guest memory, where the volume has it at hand.
    ///
    /// @return false if nothing has happened that a read does not do over
    private boolean readNow(BlockRequest.Read read, DescriptorChain next) {
        if (!volume.readsNow()) {
            return false;
        }
        int count = next.writeVectors(vectors, read.lengthBytes());
        if (count <= 0
                || volume.readNow(read.offsetBytes(), vectors, count) != read.lengthBytes()) {
            return false;
        }
        next.noteWritten(read.lengthBytes());
        return true;
    }

    private void begin(
            Tag tag, long bytes, @Nullable ByteBuffer readInto, CompletableFuture<Void> done) {
        var request = new InFlight(bytes, readInto);
        inFlight.put(tag, request);
        inFlightBytes += bytes;
        VirtioMmio transport = transport();
        int resets = transport.resets();
        var _ =
                done.whenComplete((_, failure) ->
                        transport.laterUnlessReset(resets, () -> finish(tag, request, failure)));
    }

    /// On the device loop: the volume has answered.
    private void finish(Tag tag, InFlight request, @Nullable Throwable failure) {
        if (inFlight.get(tag) != request) {
            return;
        }
        inFlightBytes -= request.bytes();
        if (failure != null && !isFinal(failure)) {
            inFlight.put(tag, PARKED);
            return;
        }
        DescriptorChain answered = chain();
        Virtqueue queue = transport().queue(tag.queue());
        if (!queue.at(tag.head(), answered)) {
            // The driver changed it meanwhile: it names what had not been asked for.
            park(tag);
            return;
        }
        inFlight.remove(tag);
        if (failure == null && request.readInto() != null) {
            answered.write(request.readInto().flip());
        }
        answer(queue, answered, failure == null ? STATUS_OK : STATUS_IO_ERROR);
        transport().signal(queue);
        serveWaiting();
    }

    /// There is room again: whoever waits is served, a different one first each time.
    private void serveWaiting() {
        for (int i = 0; i < queueCount; i++) {
            int index = (firstServed + i) % queueCount;
            if (transport().queue(index).hasNext()) {
                transport().serveLater(index);
                firstServed = (index + 1) % queueCount;
                return;
            }
        }
    }

    /// Whether a failure is the answer. If not, the request stays in flight.
    private boolean isFinal(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null
                        ? failure.getCause()
                        : failure;
        if (!(cause instanceof VolumeException trouble)) {
            return true;
        }
        return switch (trouble.reason()) {
            case OUT_OF_RANGE, READ_ONLY -> true;
            case CORRUPT -> {
                listener.onTrouble(volume, trouble);
                yield true;
            }
            case FENCED, CLOSED -> {
                listener.onTrouble(volume, trouble);
                yield false;
            }
            case NO_SPACE, TIMED_OUT -> {
                listener.onTrouble(volume, trouble);
                VirtioMmio transport = transport();
                int resets = transport.resets();
                var _ =
                        timers.after(
                                RETRY_NANOS,
                                () -> transport.laterUnlessReset(resets, this::submitAgain));
                yield false;
            }
        };
    }

    /// The status is the last writable byte; what lies between is left as it is.
    private static void answer(Virtqueue queue, DescriptorChain answered, int status) {
        long untouched = answered.writableBytes() - answered.writtenBytes() - 1;
        if (untouched >= 0) {
            answered.skipWritable(untouched);
            answered.write(ByteBuffer.wrap(new byte[] {(byte) status}));
        }
        queue.complete(answered.head(), answered.writtenBytes());
    }

    /// Until its pages are here: then the queue is served.
    private void park(Tag tag) {
        inFlight.put(tag, PARKED);
        lacksPages = true;
    }

    /// Gives the parked requests to the volume again. Only those: a write that is still on its way
    /// could otherwise land a second time, over a later one.
    private void submitAgain() {
        Tag[] tags =
                inFlight.entrySet().stream()
                        .filter(entry -> entry.getValue() == PARKED)
                        .map(Map.Entry::getKey)
                        .toArray(Tag[]::new);
        lacksPages = false;
        for (Tag tag : tags) {
            DescriptorChain again = chain();
            if (transport().queue(tag.queue()).at(tag.head(), again)) {
                inFlight.remove(tag);
                submit(tag.queue(), again);
            } else {
                park(tag);
            }
        }
        for (int index = 0; index < queueCount; index++) {
            transport().signal(transport().queue(index));
        }
    }

    @Override
    public void reset() {
        inFlight.clear();
        inFlightBytes = 0;
        lacksPages = false;
    }

    @Override
    public boolean isIdle() {
        return inFlight.isEmpty();
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        out.writeInt(inFlight.size());
        for (Tag tag : inFlight.keySet()) {
            out.writeByte(tag.queue());
            out.writeShort(tag.head());
        }
    }

    @Override
    public void restore(int version, DataInput in) throws IOException {
        int count = in.readInt();
        int countMax = QUEUE_SIZE * queueCount;
        if (count < 0 || count > countMax) {
            throw new IOException(count + " block requests in flight, at most " + countMax);
        }
        inFlight.clear();
        inFlightBytes = 0;
        for (int i = 0; i < count; i++) {
            int queue = version == 1 ? 0 : in.readUnsignedByte();
            if (queue >= queueCount) {
                throw new IOException("a block request of queue " + queue);
            }
            inFlight.put(new Tag(queue, in.readUnsignedShort()), PARKED);
        }
    }

    @Override
    public void resume() {
        submitAgain();
    }

    private VirtioMmio transport() {
        if (transport == null) {
            throw new IllegalStateException("not connected");
        }
        return transport;
    }

    private DescriptorChain chain() {
        if (chain == null) {
            throw new IllegalStateException("not connected");
        }
        return chain;
    }
}
