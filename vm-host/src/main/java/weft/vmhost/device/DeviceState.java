package weft.vmhost.device;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/// A device whose state can be taken out of one machine and put into another.
///
/// Both calls come while the harts stand still. What is written is the device's own format; the
/// snapshot around it carries name, version, length and checksum.
public interface DeviceState {
    /// The section's name: unique in a machine, the same in every machine of the same
    /// specification.
    String stateName();

    /// The version of what [#capture] writes.
    int stateVersion();

    /// The oldest version that [#restore(int, DataInput)] still takes over.
    default int oldestVersion() {
        return stateVersion();
    }

    /// Whether a machine's state may lack it: it comes from a version without this device. The
    /// guest does not know of it then, and it stays as after power-on.
    default boolean mayBeMissing() {
        return false;
    }

    /// Writes the state.
    void capture(DataOutput out) throws IOException;

    /// Takes over a state that [#capture] wrote, with interrupt lines driven accordingly.
    ///
    /// @throws IOException if the bytes are no such state; the device is then to be thrown away
    void restore(DataInput in) throws IOException;

    /// The same for a state of another version, from [#oldestVersion] to [#stateVersion].
    default void restore(int version, DataInput in) throws IOException {
        restore(in);
    }
}
