package weft.vmhost.device;

/// An interrupt line that remembers its level and counts its rises.
public final class TestLine implements InterruptLine {
    private boolean high;
    private int rises;

    @Override
    public synchronized void drive(boolean level) {
        if (level && !high) {
            rises++;
        }
        high = level;
        notifyAll();
    }

    public synchronized boolean isHigh() {
        return high;
    }

    public synchronized int rises() {
        return rises;
    }
}
