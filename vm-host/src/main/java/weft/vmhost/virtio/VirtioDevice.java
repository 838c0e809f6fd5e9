package weft.vmhost.virtio;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/// What one kind of device adds to the transport. All calls come with the transport's monitor held:
/// from harts (configuration space, reset) and from the device loop (everything else). None may
/// block.
public interface VirtioDevice {
    /// The device's number in the specification, section 5: 1 network, 2 block, 3 console, 4
    /// entropy, 5 balloon, 18 input.
    int deviceId();

    /// The features it offers beside those of the transport.
    long features();

    /// Whether the features agree with each other: those that build on others come with them. A
    /// driver whose choice does not is refused, where its form of driver can be.
    default boolean accepts(long features) {
        return true;
    }

    /// How many virtqueues it has.
    int queueCount();

    /// How many it had in states of version 1.
    default int queueCountOfVersion1() {
        return queueCount();
    }

    /// See [weft.vmhost.device.DeviceState#mayBeMissing].
    default boolean mayBeMissing() {
        return false;
    }

    /// The largest size of each queue; a power of two.
    int queueSizeMax();

    /// Hands the device its transport, once, before anything else.
    void connect(VirtioMmio transport);

    /// Reads one byte of the configuration space; 0 beyond its end.
    int configByte(int offset);

    /// The driver wrote the configuration space; most devices have nothing to write there.
    ///
    /// @param sizeBytes 1, 2, 4 or 8, naturally aligned
    default void storeConfig(int offset, int sizeBytes, long value) {}

    /// The driver is ready (DRIVER_OK), or a restored one goes on.
    void start(long features);

    /// Works on a queue that has news, on the device loop.
    void serve(int queueIndex);

    /// Whether the hart that notifies calls [#serveAtOnce], and no thread needs to be woken.
    default boolean servesAtOnce() {
        return false;
    }

    /// Works on a queue as far as that takes hardly any time, and has the loop do the rest
    /// ([VirtioMmio#serveLater]).
    default void serveAtOnce(int queueIndex) {
        throw new UnsupportedOperationException();
    }

    /// The driver has reset the device: forgets everything. Later completions of what was in flight
    /// must have no effect.
    void reset();

    /// Whether nothing is in flight: a pause waits a moment for it.
    boolean isIdle();

    /// Writes the state, with what is in flight.
    void capture(DataOutput out) throws IOException;

    /// Takes over a state; what was in flight is done again when the device is resumed.
    ///
    /// @param version of the transport's state, which the device's is a part of
    /// @throws IOException if the bytes are no such state
    void restore(int version, DataInput in) throws IOException;

    /// Goes on after a restore or a pause, on the device loop.
    void resume();
}
