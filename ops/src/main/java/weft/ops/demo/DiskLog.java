package weft.ops.demo;

import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.LONG_PATIENCE;

import weft.runtime.BootClock;

import java.io.IOException;

/// A log that a guest writes to its disk through all that happens: one record of 4 KiB at a time,
/// each on the disk before the next. `/tmp/log` keeps which records were acknowledged, and when.
///
/// What runs beside the shell is started as `(… &)`, so that it is no job of the shell, which would
/// print a notice of its end into some later command's output.
final class DiskLog {
    private static final String WRITER =
            """
            cat > /tmp/writer <<'END'
            i=0
            while [ -e /tmp/go ]; do
              dd if=/tmp/seed of=/disk/log bs=4096 count=1 seek=$i conv=notrunc,fsync 2>/dev/null || echo FAILED >> /tmp/log
              read up idle < /proc/uptime
              echo "$i $up" >> /tmp/log
              i=$((i+1))
            done
            touch /tmp/written
            END
            chmod +x /tmp/writer; : > /tmp/log\
            """;

    private final GuestShell guest;

    DiskLog(GuestShell guest) {
        this.guest = guest;
    }

    void start() throws IOException, InterruptedException {
        guest.run("dd if=/dev/urandom of=/tmp/seed bs=4096 count=1 2>/dev/null", COMMAND_PATIENCE)
                .orFail("a record");
        guest.run(WRITER, COMMAND_PATIENCE).orFail("writer");
        guest.run("touch /tmp/go; (sh /tmp/writer > /dev/null 2>&1 &)", COMMAND_PATIENCE)
                .orFail("start of the writer");
        awaitRecords(5);
    }

    long records() throws IOException, InterruptedException {
        return Long.parseLong(
                guest.run("grep -c . /tmp/log || true", COMMAND_PATIENCE)
                        .orFail("count of records"));
    }

    void awaitRecords(long wanted) throws IOException, InterruptedException {
        long endNanos = BootClock.SYSTEM.nowNanos() + LONG_PATIENCE.toNanos();
        long count = records();
        while (count < wanted) {
            DemoFailure.unless(
                    BootClock.SYSTEM.nowNanos() < endNanos,
                    "web1 has written %d records, not %d",
                    count,
                    wanted);
            guest.run("sleep 1", COMMAND_PATIENCE).orFail("sleep");
            count = records();
        }
    }

    /// The longest time between two records, in seconds, by the guest's clock.
    double longestGapSeconds() throws IOException, InterruptedException {
        String gap =
                guest.run(
                                "awk 'NR>1 && $2-p>m {m=$2-p} {p=$2} END {print m+0}' /tmp/log",
                                COMMAND_PATIENCE)
                        .orFail("longest gap");
        return Double.parseDouble(gap);
    }

    /// Ends the log; no record of it may have failed.
    void stop() throws IOException, InterruptedException {
        String failed =
                guest.run(
                                "rm /tmp/go; until [ -e /tmp/written ]; do sleep 1; done;"
                                        + " grep -c FAILED /tmp/log || true",
                                COMMAND_PATIENCE)
                        .orFail("end of the writer");
        DemoFailure.unless(failed.equals("0"), "%s records failed", failed);
    }

    /// The MD5 sum that the log on the disk must have: as many records as were acknowledged.
    String wantedSum() throws IOException, InterruptedException {
        return guest.run(
                        "n=$(grep -c . /tmp/log); i=0; while [ $i -lt $n ]; do"
                                + " cat /tmp/seed; i=$((i+1)); done | md5sum",
                        LONG_PATIENCE)
                .orFail("sum of the log");
    }
}
