package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.function.LongSupplier;

/// The battery clock: Google's Goldfish RTC, nanoseconds since 1970 in two 32-bit halves.
///
/// It has no time of its own: it is the guest's monotonic time plus an offset, so that a moved VM
/// takes its wall clock along. Reading TIME_LOW latches TIME_HIGH.
public final class GoldfishRtc implements MmioDevice, DeviceState {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x1000;

    private static final int TIME_LOW = 0x00;
    private static final int TIME_HIGH = 0x04;
    private static final int ALARM_LOW = 0x08;
    private static final int ALARM_HIGH = 0x0c;
    private static final int IRQ_ENABLED = 0x10;
    private static final int CLEAR_ALARM = 0x14;
    private static final int ALARM_STATUS = 0x18;
    private static final int CLEAR_INTERRUPT = 0x1c;
    private static final long ALARM_NANOS_MAX = 1L << 52;
    private static final DeviceTimers.Alarm NO_ALARM = () -> {};

    private final InterruptLine line;
    private final DeviceTimers timers;
    private final LongSupplier monotonicNanos;
    private long offsetNanos;
    private long timeHigh;
    private long timeHighStored;
    private long alarmLow;
    private long alarmHigh;
    private boolean alarmSet;
    private boolean irqEnabled;
    private boolean irqPending;
    private DeviceTimers.Alarm alarm = NO_ALARM;

    /// @param monotonicNanos the guest's `time` in nanoseconds
    public GoldfishRtc(InterruptLine line, DeviceTimers timers, LongSupplier monotonicNanos) {
        this.line = line;
        this.timers = timers;
        this.monotonicNanos = monotonicNanos;
    }

    /// Sets the clock.
    ///
    /// @param epochNanos nanoseconds since 1970, UTC
    public synchronized void setTime(long epochNanos) {
        offsetNanos = epochNanos - monotonicNanos.getAsLong();
        arm();
    }

    private long now() {
        return monotonicNanos.getAsLong() + offsetNanos;
    }

    @Override
    public synchronized long load(int offset, int sizeBytes) {
        if (sizeBytes != 4) {
            return 0;
        }
        return switch (offset) {
            case TIME_LOW -> {
                long now = now();
                timeHigh = now >>> 32;
                yield now & 0xffff_ffffL;
            }
            case TIME_HIGH -> timeHigh;
            case ALARM_LOW -> alarmLow;
            case ALARM_HIGH -> alarmHigh;
            case IRQ_ENABLED -> irqEnabled ? 1 : 0;
            case ALARM_STATUS -> alarmSet ? 1 : 0;
            default -> 0;
        };
    }

    @Override
    public synchronized void store(int offset, int sizeBytes, long value) {
        if (sizeBytes != 4) {
            return;
        }
        long word = value & 0xffff_ffffL;
        switch (offset) {
            case TIME_HIGH -> timeHighStored = word;
            case TIME_LOW -> setTime(timeHighStored << 32 | word);
            case ALARM_HIGH -> alarmHigh = word;
            case ALARM_LOW -> {
                alarmLow = word;
                alarmSet = true;
                arm();
            }
            case IRQ_ENABLED -> irqEnabled = (word & 1) != 0;
            case CLEAR_ALARM -> {
                alarmSet = false;
                arm();
            }
            case CLEAR_INTERRUPT -> irqPending = false;
            default -> {}
        }
        update();
    }

    private void arm() {
        alarm.cancel();
        alarm = NO_ALARM;
        if (!alarmSet) {
            return;
        }
        long left = (alarmHigh << 32 | alarmLow) - now();
        if (left <= 0) {
            alarmSet = false;
            irqPending = true;
        } else {
            alarm = timers.after(Math.min(left, ALARM_NANOS_MAX), this::goOff);
        }
    }

    private synchronized void goOff() {
        arm();
        update();
    }

    private void update() {
        line.drive(irqPending && irqEnabled);
    }

    /// The guest's time has jumped: the alarm is set again.
    public synchronized void rearm() {
        arm();
        update();
    }

    /// The guest's time stands still: no alarm may go off.
    public synchronized void disarm() {
        alarm.cancel();
        alarm = NO_ALARM;
    }

    /// As after power-on; the clock goes on.
    public synchronized void reset() {
        alarmLow = 0;
        alarmHigh = 0;
        alarmSet = false;
        irqEnabled = false;
        irqPending = false;
        arm();
        update();
    }

    @Override
    public String stateName() {
        return "rtc";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized void capture(DataOutput out) throws IOException {
        out.writeLong(offsetNanos);
        out.writeLong(timeHigh);
        out.writeLong(timeHighStored);
        out.writeLong(alarmLow);
        out.writeLong(alarmHigh);
        out.writeBoolean(alarmSet);
        out.writeBoolean(irqEnabled);
        out.writeBoolean(irqPending);
    }

    @Override
    public synchronized void restore(DataInput in) throws IOException {
        offsetNanos = in.readLong();
        timeHigh = in.readLong();
        timeHighStored = in.readLong();
        alarmLow = in.readLong();
        alarmHigh = in.readLong();
        alarmSet = in.readBoolean();
        irqEnabled = in.readBoolean();
        irqPending = in.readBoolean();
        disarm();
        update();
    }
}
