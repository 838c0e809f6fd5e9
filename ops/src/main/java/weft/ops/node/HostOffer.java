package weft.ops.node;

import weft.vmhost.machine.EngineKind;

/// What a VM host gives to VMs.
///
/// @param memoryBytes for the RAM of all its VMs
/// @param engine what executes their instructions
public record HostOffer(long memoryBytes, EngineKind engine) {
    /// Of a part that is no host.
    public static final HostOffer NONE = ofMemory(0);

    /// With the fastest engine of this machine.
    public static HostOffer ofMemory(long bytes) {
        return new HostOffer(bytes, EngineKind.best());
    }
}
