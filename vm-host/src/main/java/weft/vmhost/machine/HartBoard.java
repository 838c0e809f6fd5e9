package weft.vmhost.machine;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.vmhost.device.TestDevice;
import weft.vmhost.hart.Hart;

import java.util.List;

/// The SBI's side of power and harts. On hart threads.
///
/// @param machine its name, for the log
/// @param harts all of them, by id; may be filled after this is made
record HartBoard(String machine, List<HartThread> harts, TestDevice.Finisher finisher)
        implements Sbi.Board {
    private static final Logger log = LoggerFactory.getLogger(HartBoard.class);

    /// Of hart_get_status; to its thread such a hart is a started one.
    private static final long SUSPENDED = 4;

    @Override
    public List<Hart> allHarts() {
        return harts.stream().map(HartThread::hart).toList();
    }

    @Override
    public long startHart(int id, long address, long opaque) {
        return harts.get(id).requestStart(address, opaque) ? Sbi.SUCCESS : Sbi.ALREADY_AVAILABLE;
    }

    @Override
    public void stopHart(int id) {
        harts.get(id).stopSelf();
    }

    @Override
    public long hartStatus(int id) {
        HartThread thread = harts.get(id);
        HartThread.Status status = thread.status();
        return status == HartThread.Status.STARTED && thread.hart().isSuspended()
                ? SUSPENDED
                : status.ordinal();
    }

    @Override
    public void powerOff(boolean failure) {
        if (failure) {
            log.warn("{}: the guest went off because of a failure", machine);
        }
        finisher.powerOff();
    }

    @Override
    public void reboot() {
        finisher.reboot();
    }
}
