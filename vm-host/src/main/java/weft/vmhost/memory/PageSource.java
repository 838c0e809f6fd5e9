package weft.vmhost.memory;

/// Where pages come from that are not in a guest's RAM yet: the machine it is moving from, or a
/// snapshot. Sends them by [GuestMemory#deliver], those that are wanted first, in the end all.
@FunctionalInterface
public interface PageSource {
    /// Somebody waits for this page; told once for each page, unless it has come before. Called by
    /// harts and device loops: must not block.
    ///
    /// @param address guest-physical, of its first byte
    void want(long address);
}
