package weft.ops.demo;

import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.LONG_PATIENCE;
import static weft.ops.demo.Scene.WEB1;
import static weft.ops.demo.Scene.WEB1_ADDRESS;

import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.ops.admin.MigrationAdmin;
import weft.ops.demo.GuestConnection.Line;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// web1 moves to the other host while it is pinged, talks on a TCP connection and writes to its
/// disk; none of them may notice more than a pause, and its clocks must not jump.
final class MoveChapter {
    private static final int PINGS = 150;
    private static final int PINGS_LOST_MAX = 2;

    /// A clock that stood still while the VM was paused, was set anew, or took the time of the
    /// other host's start would be off by more; the reading itself, through two consoles, by less.
    private static final double UPTIME_JUMP_SECONDS_MAX = 1;

    /// The date is read in whole seconds.
    private static final double DATE_JUMP_SECONDS_MAX = UPTIME_JUMP_SECONDS_MAX + 1;

    private final Scene scene;
    private final DiskLog log;

    /// What came over the connection, once it has ended.
    private List<Line> lines = List.of();

    MoveChapter(Scene scene, DiskLog log) {
        this.scene = scene;
        this.log = log;
    }

    void tell() throws Exception {
        Narrator narrator = scene.narrator();
        var connection = GuestConnection.open(scene.web1(), scene.web2(), WEB1_ADDRESS);
        ClockReading before = ClockReading.of(scene.web1());
        long lineBefore = connection.lastNumber();
        narrator.step("web1 moves from host1 to host2, live", this::move);
        long lineAfter = connection.lastNumber();
        ClockReading after = ClockReading.of(scene.web1());
        narrator.step(
                "the pings went on: at most %d of %d were lost".formatted(PINGS_LOST_MAX, PINGS),
                this::pings);
        narrator.step(
                "web1's TCP connection lived through it: every line came, in order",
                () -> connection(connection.close(), lineBefore, lineAfter));
        narrator.step("web1's clocks did not jump", () -> clocks(before, after));
    }

    private String move() throws IOException, InterruptedException {
        scene.web2()
                .run(
                        "(ping -c %d -i 0.1 -W 5 %s > /tmp/ping 2>&1 &)"
                                .formatted(PINGS, WEB1_ADDRESS),
                        COMMAND_PATIENCE)
                .orFail("start of the pings");
        long records = log.records();
        Migration moved = migrate();
        DemoFailure.unless(
                moved.phase() == Migration.Phase.DONE,
                "the migration ended as %s: %s",
                moved.phase(),
                moved.detail());
        log.awaitRecords(records + 10);
        scene.narrator().figure("migration, in all", moved.totalMillis(), "ms");
        scene.narrator().figure("migration downtime", moved.downtimeMillis(), "ms");
        return "paused for %d ms of %d ms; %.0f MB of RAM sent; the writer goes on"
                .formatted(
                        moved.downtimeMillis(),
                        moved.totalMillis(),
                        moved.transferredBytes() / 1e6);
    }

    private Migration migrate() throws IOException, InterruptedException {
        Migration requested =
                new MigrationAdmin(scene.fabric().session().records())
                        .request(scene.fabric().image(), WEB1, Optional.of(new NodeId("host2")));
        return scene.fabric()
                .session()
                .await(
                        LONG_PATIENCE,
                        image ->
                                Optional.ofNullable(image.migrations().get(WEB1))
                                        .filter(now -> now.id().equals(requested.id()))
                                        .filter(now -> now.phase().isOver()))
                .orElseThrow(() -> new DemoFailure("the migration has not ended"));
    }

    private String pings() throws IOException, InterruptedException {
        // The pings end by themselves.
        String output =
                scene.web2()
                        .run(
                                "while ! grep -q transmitted /tmp/ping; do sleep 1; done;"
                                        + " tail -n 3 /tmp/ping",
                                LONG_PATIENCE)
                        .orFail("result of the pings");
        Ping ping = Ping.parse(output);
        scene.narrator().figure("pings lost while it moved", ping.lost(), "");
        DemoFailure.unless(ping.lost() <= PINGS_LOST_MAX, "pings were lost: %s", output);
        return "%d of %d answered, %s"
                .formatted(ping.sent() - ping.lost(), ping.sent(), ping.roundTrip());
    }

    /// @param before the last line that had come when the move began
    /// @param after the last one that had come when web1 had written on for a while at its new host
    private String connection(List<Line> heard, long before, long after) {
        lines = heard;
        DemoFailure.unless(
                before > 0 && after > before && lines.size() > after + 1,
                "the connection stood still: line %d before the move, %d after it, %d in all",
                before,
                after,
                lines.size());
        scene.narrator().figure("lines on the TCP connection, none lost", lines.size(), "");
        return "%d lines over one connection: %d before the move, %d by its end"
                .formatted(lines.size(), before + 1, after + 1);
    }

    private String clocks(ClockReading before, ClockReading after) {
        for (int i = 1; i < lines.size(); i++) {
            Line earlier = lines.get(i - 1);
            Line later = lines.get(i);
            DemoFailure.unless(
                    later.uptimeSeconds() >= earlier.uptimeSeconds()
                            && later.epochSeconds() >= earlier.epochSeconds(),
                    "a clock of web1 went back: from %s to %s",
                    earlier,
                    later);
        }
        double uptimeJump = after.uptimeJumpSeconds(before);
        double dateJump = after.dateJumpSeconds(before);
        DemoFailure.unless(
                Math.abs(uptimeJump) <= UPTIME_JUMP_SECONDS_MAX,
                "web1's uptime jumped by %.2f s",
                uptimeJump);
        DemoFailure.unless(
                Math.abs(dateJump) <= DATE_JUMP_SECONDS_MAX,
                "web1's date jumped by %.2f s",
                dateJump);
        scene.narrator().figure("jump of web1's uptime at the move", uptimeJump * 1000, "ms");
        scene.narrator().figure("jump of web1's date (read in whole seconds)", dateJump, "s");
        return String.format(
                Locale.ROOT,
                "over %.1f s its uptime is off by %.0f ms, its date (whole seconds) by %.1f s;"
                        + " %d readings never went back",
                after.hostSeconds() - before.hostSeconds(),
                uptimeJump * 1000,
                dateJump,
                lines.size());
    }
}
