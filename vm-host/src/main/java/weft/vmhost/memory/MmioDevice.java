package weft.vmhost.memory;

/// A device's registers as the bus sees them. Called on the thread of the hart that executes the
/// access, possibly by several harts at once: the device sees to its own exclusion. The access is
/// naturally aligned and lies within the range the device was attached with; sizes are 1, 2, 4, 8.
public interface MmioDevice {
    /// The register's value, zero-extended; what is not implemented reads as zero.
    long load(int offsetBytes, int sizeBytes);

    /// Only the low `sizeBytes` bytes of `value` count; what is not implemented ignores the store.
    void store(int offsetBytes, int sizeBytes, long value);
}
