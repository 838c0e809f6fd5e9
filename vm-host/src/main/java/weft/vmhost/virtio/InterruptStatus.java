package weft.vmhost.virtio;

import weft.vmhost.device.InterruptLine;

/// The interrupt status register (virtio 1.2, 4.2.2) and the line that it drives. Apart from the
/// transport's monitor: a hart in its interrupt handler must not wait for a device at work.
final class InterruptStatus {
    static final int USED = 1;
    static final int CONFIGURATION = 2;

    private final InterruptLine line;
    private volatile int bits;

    InterruptStatus(InterruptLine line) {
        this.line = line;
    }

    int get() {
        return bits;
    }

    synchronized void raise(int reason) {
        bits |= reason;
        line.drive(true);
    }

    synchronized void acknowledge(int reasons) {
        set(bits & ~reasons);
    }

    synchronized void set(int value) {
        bits = value;
        line.drive(value != 0);
    }
}
