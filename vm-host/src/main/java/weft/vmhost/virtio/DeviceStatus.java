package weft.vmhost.virtio;

/// Bits of the device status field (virtio 1.2, 2.1) that a device looks at.
final class DeviceStatus {
    static final int DRIVER_OK = 4;
    static final int FEATURES_OK = 8;
    static final int NEEDS_RESET = 64;

    /// What a driver may set.
    static final int WRITABLE = 0xff & ~NEEDS_RESET;

    private DeviceStatus() {}
}
