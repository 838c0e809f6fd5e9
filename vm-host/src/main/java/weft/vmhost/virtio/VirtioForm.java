package weft.vmhost.virtio;

/// Which of the two register interfaces a slot shows (virtio 1.2, 4.2): they differ in how queues
/// are placed and features are agreed on, not in what the device does.
public enum VirtioForm {
    /// Version 1, before the standard (4.2.4): a queue is one area at a page number. What old
    /// kernels and most bare-metal programs written for QEMU expect.
    LEGACY(1),

    /// Version 2: queues of three areas, 64 feature bits, FEATURES_OK.
    MODERN(2);

    private final int version;

    VirtioForm(int version) {
        this.version = version;
    }

    int version() {
        return version;
    }
}
