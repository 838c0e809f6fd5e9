package weft.vmhost.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

class SmallDevicesTest {
    private long nowNanos;
    private final List<Runnable> alarms = new ArrayList<>();
    private final TestLine line = new TestLine();
    private final GoldfishRtc rtc =
            new GoldfishRtc(
                    line,
                    (_, task) -> {
                        alarms.add(task);
                        return () -> alarms.remove(task);
                    },
                    () -> nowNanos);

    private long rtcTime() {
        long low = rtc.load(0, 4);
        return rtc.load(4, 4) << 32 | low;
    }

    @Test
    void theRtcRunsWithTheGuestsTime() {
        rtc.setTime(1_700_000_000_000_000_000L);
        nowNanos += 5_000_000_000L;

        assertEquals(1_700_000_005_000_000_000L, rtcTime());
    }

    @Test
    void readingTheLowHalfLatchesTheHighHalf() {
        rtc.setTime(0x1_ffff_ffffL);
        long low = rtc.load(0, 4);
        nowNanos += 10;

        assertEquals(0xffff_ffffL, low);
        assertEquals(1, rtc.load(4, 4));
    }

    @Test
    void anAlarmGoesOffWhenItsTimeHasComeAndUntilItIsCleared() {
        rtc.setTime(1000);
        rtc.store(0x10, 4, 1);
        rtc.store(0x0c, 4, 0);
        rtc.store(0x08, 4, 2000);
        assertEquals(1, alarms.size());
        assertEquals(1, rtc.load(0x18, 4));

        nowNanos += 1000;
        alarms.removeFirst().run();

        assertTrue(line.isHigh());
        assertEquals(0, rtc.load(0x18, 4));
        rtc.store(0x1c, 4, 1);
        assertFalse(line.isHigh());
    }

    @Test
    void theAclintGivesTimersAndSoftwareInterruptsToTheirHart() {
        var software = List.of(new TestLine(), new TestLine());
        long[] timers = {-1, -1};
        var aclint =
                new Aclint(
                        () -> 0x1_2345_6789L,
                        List.copyOf(software),
                        List.of(t -> timers[0] = t, t -> timers[1] = t));

        aclint.store(4, 4, 1);
        aclint.store(0x4008, 8, 77);
        aclint.store(0x4000, 4, 5);
        aclint.store(0x4004, 4, 6);

        assertTrue(software.get(1).isHigh());
        assertFalse(software.get(0).isHigh());
        assertEquals(77, timers[1]);
        assertEquals(0x6_0000_0005L, timers[0]);
        assertEquals(0x1_2345_6789L, aclint.load(0xbff8, 8));
        assertEquals(1, aclint.load(0xbffc, 4));
        aclint.store(0x4000 + 8 * 500, 8, 1);
        assertEquals(0, aclint.load(0x4000 + 8 * 500, 8));
    }

    @Test
    void theTestDeviceKnowsThreeEndings() {
        var endings = new ArrayList<String>();
        var device =
                new TestDevice(
                        new TestDevice.Finisher() {
                            @Override
                            public void powerOff() {
                                endings.add("off");
                            }

                            @Override
                            public void reboot() {
                                endings.add("reboot");
                            }

                            @Override
                            public void fail(int code) {
                                endings.add("fail " + code);
                            }
                        });

        device.store(0, 4, 0x5555);
        device.store(0, 4, 0x7777);
        device.store(0, 4, 7 << 16 | 0x3333);
        device.store(0, 4, 0x1234);
        device.store(4, 4, 0x5555);

        assertEquals(List.of("off", "reboot", "fail 7"), endings);
    }
}
