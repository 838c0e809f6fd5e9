package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/// Software interrupts and timers of the harts (RISC-V ACLINT 1.0, in the layout of
/// `sifive,clint0`).
///
/// 0x0 + 4·hart `msip` · 0x4000 + 8·hart `mtimecmp` · 0xbff8 `mtime` (read-only here: it is the
/// guest's `time`). A hart compares and sleeps by itself, so a timer is only told to it.
public final class Aclint implements MmioDevice, DeviceState {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x1_0000;

    private static final int MTIMECMP = 0x4000;
    private static final int MTIME = 0xbff8;

    private final LongSupplier time;
    private final List<InterruptLine> software;
    private final List<LongConsumer> timers;
    private final boolean[] msip;
    private final long[] mtimecmp;

    /// @param time the guest's `time`
    /// @param software machine software interrupt of each hart
    /// @param timers takes `mtimecmp` of each hart; -1 is never
    public Aclint(LongSupplier time, List<InterruptLine> software, List<LongConsumer> timers) {
        this.time = time;
        this.software = List.copyOf(software);
        this.timers = List.copyOf(timers);
        msip = new boolean[software.size()];
        mtimecmp = new long[timers.size()];
        Arrays.fill(mtimecmp, -1);
    }

    @Override
    public synchronized long load(int offset, int sizeBytes) {
        if (sizeBytes < 4 || (offset & sizeBytes - 1) != 0) {
            return 0;
        }
        if (offset < MTIMECMP) {
            int hart = offset >>> 2;
            return hart < msip.length && msip[hart] ? 1 : 0;
        }
        long register;
        if (offset >= MTIME) {
            register = time.getAsLong();
        } else {
            int hart = offset - MTIMECMP >>> 3;
            register = hart < mtimecmp.length ? mtimecmp[hart] : 0;
        }
        return sizeBytes == 8 ? register : register >>> ((offset & 4) * 8) & 0xffff_ffffL;
    }

    @Override
    public synchronized void store(int offset, int sizeBytes, long value) {
        if (sizeBytes < 4 || (offset & sizeBytes - 1) != 0 || offset >= MTIME) {
            return;
        }
        if (offset < MTIMECMP) {
            int hart = offset >>> 2;
            if (hart < msip.length) {
                msip[hart] = (value & 1) != 0;
                software.get(hart).drive(msip[hart]);
            }
            return;
        }
        int hart = offset - MTIMECMP >>> 3;
        if (hart < mtimecmp.length) {
            mtimecmp[hart] =
                    sizeBytes == 8
                            ? value
                            : (offset & 4) == 0
                                    ? mtimecmp[hart] & ~0xffff_ffffL | value & 0xffff_ffffL
                                    : mtimecmp[hart] & 0xffff_ffffL | value << 32;
            timers.get(hart).accept(mtimecmp[hart]);
        }
    }

    /// As after power-on.
    public synchronized void reset() {
        for (int hart = 0; hart < msip.length; hart++) {
            msip[hart] = false;
            mtimecmp[hart] = -1;
        }
        driveAll();
    }

    private void driveAll() {
        for (int hart = 0; hart < msip.length; hart++) {
            software.get(hart).drive(msip[hart]);
            timers.get(hart).accept(mtimecmp[hart]);
        }
    }

    @Override
    public String stateName() {
        return "aclint";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized void capture(DataOutput out) throws IOException {
        out.writeInt(msip.length);
        for (int hart = 0; hart < msip.length; hart++) {
            out.writeBoolean(msip[hart]);
            out.writeLong(mtimecmp[hart]);
        }
    }

    @Override
    public synchronized void restore(DataInput in) throws IOException {
        int harts = in.readInt();
        if (harts != msip.length) {
            throw new IOException("machine has " + msip.length + " harts, the state " + harts);
        }
        for (int hart = 0; hart < harts; hart++) {
            msip[hart] = in.readBoolean();
            mtimecmp[hart] = in.readLong();
        }
        driveAll();
    }
}
