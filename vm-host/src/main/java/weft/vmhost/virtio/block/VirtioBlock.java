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
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// The virtio disk: takes requests from its queue, gives them to a volume, and answers in whatever
/// order the volume does.
///
/// A request that the volume could neither do nor refuse for good (fenced, unreachable, full) stays
/// in flight (*parked*): the guest sees a slow disk, never an I/O error. It is done again later,
/// here or elsewhere, from its descriptors, which the driver leaves alone until the answer. So the
/// state of a disk is the list of the requests in flight, by their head.
public final class VirtioBlock implements VirtioDevice {
    /// Bytes of writes and reads in flight; more wait in the queue. Bounds what a hostile driver
    /// makes the host allocate.
    public static final long IN_FLIGHT_BYTES_MAX = 32L << 20;

    private static final int QUEUE_SIZE = 128;
    private static final long FEATURE_SEGMENT_BYTES_MAX = 1L << 1;
    private static final long FEATURE_SEGMENTS_MAX = 1L << 2;
    private static final long FEATURE_READ_ONLY = 1L << 5;
    private static final long FEATURE_BLOCK_BYTES = 1L << 6;
    private static final long FEATURE_FLUSH = 1L << 9;
    private static final long FEATURE_TOPOLOGY = 1L << 10;
    private static final long FEATURE_DISCARD = 1L << 13;
    private static final long FEATURE_WRITE_ZEROES = 1L << 14;
    private static final int STATUS_OK = 0;
    private static final int STATUS_IO_ERROR = 1;
    private static final int STATUS_UNSUPPORTED = 2;
    private static final long RETRY_NANOS = 1_000_000_000;

    /// Hears of volumes that do not answer as a disk should.
    @FunctionalInterface
    public interface TroubleListener {
        /// A request stays in flight because of this; called on the device loop, must not block.
        void onTrouble(BlockVolume volume, VolumeException trouble);
    }

    private final DeviceTimers timers;

    private final BlockVolume volume;
    private final byte[] serial;
    private final byte[] configuration;
    private final TroubleListener listener;
    private final Map<Integer, InFlight> inFlight = new LinkedHashMap<>();
    private long inFlightBytes;
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;

    private record InFlight(long bytes, @Nullable ByteBuffer readInto) {}

    /// A request that the volume does not have: restored, or given up by it.
    private static final InFlight PARKED = new InFlight(0, null);

    /// @param serial what the guest shows as the disk's serial number; cut to 20 bytes
    /// @param timers call back on the device loop, for requests that are tried again
    public VirtioBlock(
            BlockVolume volume, String serial, TroubleListener listener, DeviceTimers timers) {
        this.volume = volume;
        this.serial = serial.getBytes(StandardCharsets.UTF_8);
        this.listener = listener;
        this.timers = timers;
        configuration = BlockConfiguration.of(volume.sizeBytes(), QUEUE_SIZE);
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
                        | FEATURE_TOPOLOGY;
        return volume.isReadOnly()
                ? features | FEATURE_READ_ONLY
                : features | FEATURE_DISCARD | FEATURE_WRITE_ZEROES;
    }

    @Override
    public int queueCount() {
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
    }

    @Override
    public int configByte(int offset) {
        return offset < configuration.length ? configuration[offset] : 0;
    }

    @Override
    public void start(long features) {}

    @Override
    public void serve(int queueIndex) {
        Virtqueue queue = queue();
        DescriptorChain next = chain();
        while (inFlightBytes < IN_FLIGHT_BYTES_MAX && queue.next(next)) {
            submit(next);
        }
        transport().signal(queue);
    }

    private void submit(DescriptorChain next) {
        int head = next.head();
        if (inFlight.containsKey(head)) {
            // The driver gave a request again that it has no answer for; one answer will come.
            return;
        }
        switch (BlockRequest.parse(next, volume.sizeBytes())) {
            case BlockRequest.Read read -> {
                ByteBuffer into = ByteBuffer.allocate(read.lengthBytes());
                begin(head, read.lengthBytes(), into, volume.read(read.offsetBytes(), into));
            }
            case BlockRequest.Write write -> {
                int length = write.content().remaining();
                begin(head, length, null, volume.write(write.offsetBytes(), write.content()));
            }
            case BlockRequest.Flush _ -> begin(head, 0, null, volume.flush());
            case BlockRequest.Discard range ->
                    begin(head, 0, null, volume.discard(range.offsetBytes(), range.lengthBytes()));
            case BlockRequest.WriteZeroes range ->
                    begin(
                            head,
                            0,
                            null,
                            volume.writeZeroes(range.offsetBytes(), range.lengthBytes()));
            case BlockRequest.GetId _ -> {
                ByteBuffer id = ByteBuffer.allocate(BlockRequest.ID_BYTES);
                id.put(serial, 0, Math.min(serial.length, BlockRequest.ID_BYTES));
                next.write(id.rewind());
                answer(next, STATUS_OK);
            }
            case BlockRequest.Unsupported _ -> answer(next, STATUS_UNSUPPORTED);
            case BlockRequest.Refused _ -> answer(next, STATUS_IO_ERROR);
        }
    }

    private void begin(
            int head, long bytes, @Nullable ByteBuffer readInto, CompletableFuture<Void> done) {
        var request = new InFlight(bytes, readInto);
        inFlight.put(head, request);
        inFlightBytes += bytes;
        VirtioMmio transport = transport();
        int resets = transport.resets();
        var _ =
                done.whenComplete((_, failure) ->
                        transport.laterUnlessReset(resets, () -> finish(head, request, failure)));
    }

    /// On the device loop: the volume has answered.
    private void finish(int head, InFlight request, @Nullable Throwable failure) {
        if (inFlight.get(head) != request) {
            return;
        }
        inFlightBytes -= request.bytes();
        if (failure != null && !isFinal(failure)) {
            inFlight.put(head, PARKED);
            return;
        }
        inFlight.remove(head);
        DescriptorChain answered = chain();
        queue().at(head, answered);
        if (failure == null && request.readInto() != null) {
            answered.write(request.readInto().flip());
        }
        answer(answered, failure == null ? STATUS_OK : STATUS_IO_ERROR);
        transport().signal(queue());
        if (queue().hasNext()) {
            transport().serveLater(0);
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
            case OUT_OF_RANGE, READ_ONLY, CORRUPT -> true;
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
    private void answer(DescriptorChain answered, int status) {
        long untouched = answered.writableBytes() - answered.writtenBytes() - 1;
        if (untouched >= 0) {
            answered.skipWritable(untouched);
            answered.write(ByteBuffer.wrap(new byte[] {(byte) status}));
        }
        queue().complete(answered.head(), answered.writtenBytes());
    }

    /// Gives the parked requests to the volume again. Only those: a write that is still on its way
    /// could otherwise land a second time, over a later one.
    private void submitAgain() {
        Integer[] heads =
                inFlight.entrySet().stream()
                        .filter(entry -> entry.getValue() == PARKED)
                        .map(Map.Entry::getKey)
                        .toArray(Integer[]::new);
        for (int head : heads) {
            inFlight.remove(head);
            DescriptorChain again = chain();
            queue().at(head, again);
            submit(again);
        }
        transport().signal(queue());
    }

    @Override
    public void reset() {
        inFlight.clear();
        inFlightBytes = 0;
    }

    @Override
    public boolean isIdle() {
        return inFlight.isEmpty();
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        out.writeInt(inFlight.size());
        for (int head : inFlight.keySet()) {
            out.writeShort(head);
        }
    }

    @Override
    public void restore(DataInput in) throws IOException {
        int count = in.readInt();
        if (count < 0 || count > QUEUE_SIZE) {
            throw new IOException(count + " block requests in flight, at most " + QUEUE_SIZE);
        }
        inFlight.clear();
        inFlightBytes = 0;
        for (int i = 0; i < count; i++) {
            inFlight.put(in.readUnsignedShort(), PARKED);
        }
    }

    @Override
    public void resume() {
        submitAgain();
    }

    private Virtqueue queue() {
        return transport().queue(0);
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
