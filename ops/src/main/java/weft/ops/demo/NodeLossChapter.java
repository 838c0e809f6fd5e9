package weft.ops.demo;

import static weft.ops.demo.Scene.LONG_PATIENCE;

import weft.runtime.BootClock;

import java.io.IOException;
import java.util.Locale;

/// A storage node is lost in the middle of writes, and comes back.
final class NodeLossChapter {
    private static final double STALL_SECONDS_MAX = 5;

    private final Scene scene;
    private final DiskLog log;

    NodeLossChapter(Scene scene, DiskLog log) {
        this.scene = scene;
        this.log = log;
    }

    void tell() throws Exception {
        scene.narrator()
                .step(
                        "web1 writes 4 MiB and begins to log, each record on three disks",
                        this::write);
        int node = scene.fabric().victim();
        scene.narrator().step(scene.fabric().harm(node), () -> lose(node));
        scene.narrator()
                .step("node%d comes back and catches up".formatted(node), () -> comeBack(node));
    }

    private String write() throws IOException, InterruptedException {
        scene.web1()
                .run(
                        "mount-disk > /dev/null; dd if=/dev/urandom of=/disk/before bs=64k"
                                + " count=64 conv=fsync 2>/dev/null; md5sum < /disk/before"
                                + " > /tmp/before.md5",
                        LONG_PATIENCE)
                .orFail("write of /disk/before");
        log.start();
        return "";
    }

    private String lose(int node) throws IOException, InterruptedException {
        long before = log.records();
        scene.fabric().doHarm(node);
        log.awaitRecords(before + 20);
        double stall = log.longestGapSeconds();
        scene.narrator().figure("longest write stall at the kill", stall, "s");
        DemoFailure.unless(
                stall <= STALL_SECONDS_MAX,
                "writes stood for %.1f s; promised are %.0f",
                stall,
                STALL_SECONDS_MAX);
        return String.format(Locale.ROOT, "writes went on; the longest stall was %.2f s", stall);
    }

    private String comeBack(int node) throws IOException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        scene.fabric().heal(node);
        scene.fabric().awaitHealthy(LONG_PATIENCE);
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        scene.narrator().figure("return of the node until all copies are in sync", seconds, "s");
        return "all placement groups have three copies again";
    }
}
