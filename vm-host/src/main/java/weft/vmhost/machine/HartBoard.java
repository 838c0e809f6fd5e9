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
        return harts.get(id).status().ordinal();
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
