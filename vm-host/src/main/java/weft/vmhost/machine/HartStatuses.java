package weft.vmhost.machine;

import weft.vmhost.device.DeviceState;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.List;

/// Which harts are started, as the SBI's hart state management knows it. Only while the machine is
/// paused: then no start is pending.
final class HartStatuses implements DeviceState {
    private final List<HartThread> harts;

    HartStatuses(List<HartThread> harts) {
        this.harts = harts;
    }

    @Override
    public String stateName() {
        return "hsm";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        for (HartThread thread : harts) {
            out.writeBoolean(thread.status() == HartThread.Status.STARTED);
        }
    }

    @Override
    public void restore(DataInput in) throws IOException {
        for (HartThread thread : harts) {
            thread.restoreStatus(
                    in.readBoolean() ? HartThread.Status.STARTED : HartThread.Status.STOPPED);
        }
    }
}
