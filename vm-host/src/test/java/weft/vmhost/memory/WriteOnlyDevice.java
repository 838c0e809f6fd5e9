package weft.vmhost.memory;

/// A device of one register, or of many that do the same: whatever is stored, something happens. A
/// power switch, for one.
///
/// @param stored what happens, on the hart's thread
public record WriteOnlyDevice(Runnable stored) implements MmioDevice {
    @Override
    public long load(int offsetBytes, int sizeBytes) {
        return 0;
    }

    @Override
    public void store(int offsetBytes, int sizeBytes, long value) {
        stored.run();
    }
}
