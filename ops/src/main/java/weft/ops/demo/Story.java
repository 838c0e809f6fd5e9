package weft.ops.demo;

import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.ops.admin.MigrationAdmin;
import weft.ops.admin.NetworkAdmin;
import weft.ops.admin.VmAdmin;
import weft.ops.admin.VmRequest;
import weft.ops.image.ImageFiles;
import weft.ops.pool.ImageImport;
import weft.runtime.BootClock;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The story, step by step; each step checks what it claims.
///
/// ```text
///   blue (VLAN 10):  web1 10.0.0.10 on host1   web2 10.0.0.11 on host2
///   red  (VLAN 20):  spy  10.0.0.10 on host2        — the same address as web1, another network
/// ```
public final class Story {
    private static final Duration BOOT_PATIENCE = Duration.ofSeconds(180);
    private static final Duration COMMAND_PATIENCE = Duration.ofSeconds(60);
    private static final Duration LONG_PATIENCE = Duration.ofSeconds(150);
    private static final long MEMORY_BYTES = 256L << 20;
    private static final long DISK_BYTES = 1L << 30;
    private static final String WEB1 = "web1";
    private static final String WEB2 = "web2";
    private static final String SPY = "spy";
    private static final String WEB1_ADDRESS = "10.0.0.10";
    private static final String WEB2_ADDRESS = "10.0.0.11";

    /// A loop in the guest: one record of 4 KiB at a time, each on the disk before the next, and
    /// when.
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
            END
            chmod +x /tmp/writer; : > /tmp/log\
            """;

    private final Narrator narrator;
    private final ImageFiles image;
    private final Stage fabric;
    private final List<GuestShell> shells = new ArrayList<>();

    public Story(Narrator narrator, ImageFiles image, Stage fabric) {
        this.narrator = narrator;
        this.image = image;
        this.fabric = fabric;
    }

    /// Tells all of it.
    public void tell() throws Exception {
        try {
            narrator.chapter("One pool of three nodes' disks, two networks");
            narrator.step(
                    "the image is in the pool, three copies of each block", this::importImage);
            narrator.step("two networks with the same addresses, VLAN 10 and 20", this::networks);
            narrator.chapter("Unmodified Debian kernels on replicated disks");
            createVms();
            GuestShell web1 = new GuestShell(WEB1, fabric::image);
            shells.add(web1);
            GuestShell web2 = new GuestShell(WEB2, fabric::image);
            shells.add(web2);
            GuestShell spy = new GuestShell(SPY, fabric::image);
            shells.add(spy);
            narrator.step("three VMs boot on two hosts", () -> boot(web1, web2, spy));
            network(web1, web2, spy);
            narrator.chapter("A storage node is lost in the middle of writes");
            disk(web1);
            narrator.chapter("A VM moves to the other host while it is pinged and writes");
            migrate(web1, web2);
            narrator.chapter("Nothing was lost");
            verify(web1);
        } finally {
            shells.forEach(GuestShell::close);
        }
    }

    private String importImage() throws IOException, InterruptedException {
        var importing =
                new ImageImport(fabric.session().records(), fabric::image, fabric.pool().client());
        long startNanos = BootClock.SYSTEM.nowNanos();
        var bytes = new long[1];
        LongConsumer count = more -> bytes[0] += more;
        var _ = importing.run(image, count);
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        awaitImage(image -> image.images().containsKey(this.image.name()));
        return "%s: %.0f MB at %.0f MB/s"
                .formatted(image.description(), bytes[0] / 1e6, bytes[0] / 1e6 / seconds);
    }

    private String networks() throws IOException, InterruptedException {
        var admin = new NetworkAdmin(fabric.session().records());
        var _ = admin.create(fabric.image(), "blue", 10, Optional.empty());
        awaitImage(image -> image.networks().containsKey("blue"));
        var _ = admin.create(fabric.image(), "red", 20, Optional.empty());
        awaitImage(image -> image.networks().containsKey("red"));
        return "";
    }

    private void awaitImage(Predicate<FabricImage> wanted) throws InterruptedException {
        var seen =
                fabric.session()
                        .await(
                                Duration.ofSeconds(10),
                                image ->
                                        wanted.test(image) ? Optional.of(image) : Optional.empty());
        DemoFailure.unless(seen.isPresent(), "the fabric's records do not show what was written");
    }

    private void createVms() throws IOException, InterruptedException {
        create(WEB1, "blue", WEB1_ADDRESS, "host1");
        create(WEB2, "blue", WEB2_ADDRESS, "host2");
        create(SPY, "red", WEB1_ADDRESS, "host2");
    }

    private void create(String name, String network, String address, String host)
            throws IOException, InterruptedException {
        var nic = new VmRequest.Nic(network, Optional.empty(), Optional.of(address));
        var request =
                new VmRequest(
                        name,
                        image.name(),
                        MEMORY_BYTES,
                        DISK_BYTES,
                        List.of(nic),
                        Optional.of(new NodeId(host)),
                        VmSpec.Power.RUNNING);
        var _ = new VmAdmin(fabric.session().records()).create(fabric.image(), request);
        awaitImage(image -> image.vms().containsKey(name));
    }

    private String boot(GuestShell... guests) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        double slowest = 0;
        for (GuestShell guest : guests) {
            slowest = Math.max(slowest, guest.awaitBoot(BOOT_PATIENCE));
        }
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        String kernel = guests[0].run("uname -sr", COMMAND_PATIENCE).orFail("uname").strip();
        narrator.figure("boot of three VMs at once, to their shells", seconds, "s");
        return "%s; the slowest says it was up after %.1f s".formatted(kernel, slowest);
    }

    private void network(GuestShell web1, GuestShell web2, GuestShell spy) throws Exception {
        narrator.step(
                "same VLAN, different hosts: web2 answers web1's pings",
                () -> {
                    String output =
                            web1.run("ping -c 5 -W 5 " + WEB2_ADDRESS, COMMAND_PATIENCE)
                                    .orFail("ping from web1 to web2");
                    Ping ping = Ping.parse(output);
                    DemoFailure.unless(ping.lost() == 0, "pings were lost: %s", output);
                    return "5 of 5, through VXLAN, %s".formatted(ping.roundTrip());
                });
        narrator.step(
                "the other VLAN, with web1's own address, hears none of it",
                () -> isolation(web1, web2, spy));
    }

    /// Two witnesses: captures of both networks at the switch of host2, and the counters of the
    /// guests' own drivers, which count what reached their NICs.
    private String isolation(GuestShell web1, GuestShell web2, GuestShell spy)
            throws IOException, InterruptedException {
        try (var capture =
                IsolationCapture.start(fabric::image, new NodeId("host2"), "blue", "red")) {
            // Its own chatter (neighbour discovery) is over.
            String before = spy.run(RX_FRAMES, COMMAND_PATIENCE).orFail("counters of the spy");
            String blueBefore = web2.run(RX_FRAMES, COMMAND_PATIENCE).orFail("counters of web2");
            // Broadcasts (ARP for nobody) and unicast, in blue.
            var _ = web1.run("ping -c 2 -W 1 10.0.0.77", COMMAND_PATIENCE);
            capture.read();
            web1.run("ping -c 5 -W 5 " + WEB2_ADDRESS, COMMAND_PATIENCE).orFail("ping in blue");
            capture.read();
            String after = spy.run(RX_FRAMES, COMMAND_PATIENCE).orFail("counters of the spy");
            String blueAfter = web2.run(RX_FRAMES, COMMAND_PATIENCE).orFail("counters of web2");
            long heard = Long.parseLong(after) - Long.parseLong(before);
            long blue = Long.parseLong(blueAfter) - Long.parseLong(blueBefore);
            DemoFailure.unless(blue >= 7, "web2 heard only %d frames of blue's noise", blue);
            DemoFailure.unless(heard == 0, "the spy in red heard %d frames of blue", heard);
            var toBlue = spy.run("ping -c 2 -W 1 " + WEB2_ADDRESS, COMMAND_PATIENCE);
            DemoFailure.unless(toBlue.status() != 0, "the spy in red reaches web2 in blue");
            narrator.figure("frames of blue that red heard", heard, "");
            return "web2 received %d frames, the spy 0; %s"
                    .formatted(blue, captured(capture.finish()));
        }
    }

    private String captured(IsolationCapture.Findings found) {
        DemoFailure.unless(found.lost() == 0, "%d frames passed uncaptured", found.lost());
        // Five pings and their answers; at least one question for the address that nobody has.
        DemoFailure.unless(
                found.noisyIcmp() >= 10 && found.noisyArp() >= 1,
                "the capture of blue has %d ICMP and %d ARP frames of the noise",
                found.noisyIcmp(),
                found.noisyArp());
        DemoFailure.unless(
                found.foreign() == 0,
                "%d frames of one network were captured in the other",
                found.foreign());
        narrator.figure(
                "frames of blue's noise captured in blue at host2",
                found.noisyArp() + found.noisyIcmp(),
                "");
        narrator.figure("frames of blue captured in red at host2", found.foreign(), "");
        return "captured at host2: in blue %d ARP and %d ICMP frames, in red %d of the spy's own"
                        .formatted(found.noisyArp(), found.noisyIcmp(), found.quietOwn())
                + " and none of blue";
    }

    private static final String RX_FRAMES = "cat /sys/class/net/eth0/statistics/rx_packets";

    private void disk(GuestShell web1) throws Exception {
        narrator.step(
                "web1 writes 4 MiB and begins to log, each record on three disks",
                () -> {
                    web1.run(
                                    "mount-disk > /dev/null; dd if=/dev/urandom of=/disk/before"
                                        + " bs=64k count=64 conv=fsync 2>/dev/null; dd"
                                        + " if=/dev/urandom of=/tmp/seed bs=4096 count=1"
                                        + " 2>/dev/null; md5sum < /disk/before > /tmp/before.md5",
                                    LONG_PATIENCE)
                            .orFail("write of /disk/before");
                    web1.run(WRITER, COMMAND_PATIENCE).orFail("writer");
                    web1.run("touch /tmp/go; /tmp/writer > /dev/null 2>&1 &", COMMAND_PATIENCE)
                            .orFail("start of the writer");
                    awaitRecords(web1, 5);
                    return "";
                });
        int node = fabric.victim();
        narrator.step(
                fabric.harm(node),
                () -> {
                    long before = records(web1);
                    fabric.doHarm(node);
                    awaitRecords(web1, before + 20);
                    double stall = longestGap(web1);
                    narrator.figure("longest write stall at the kill", stall, "s");
                    DemoFailure.unless(
                            stall <= 5, "writes stood for %.1f s; promised are 5", stall);
                    return String.format(
                            Locale.ROOT, "writes went on; the longest stall was %.2f s", stall);
                });
        narrator.step(
                "node%d comes back and catches up".formatted(node),
                () -> {
                    long startNanos = BootClock.SYSTEM.nowNanos();
                    fabric.heal(node);
                    fabric.awaitHealthy(LONG_PATIENCE);
                    double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
                    narrator.figure(
                            "return of the node until all copies are in sync", seconds, "s");
                    return "all placement groups have three copies again";
                });
    }

    private static long records(GuestShell guest) throws IOException, InterruptedException {
        String count =
                guest.run("grep -c . /tmp/log || true", COMMAND_PATIENCE)
                        .orFail("count of records");
        return Long.parseLong(count.strip());
    }

    private static void awaitRecords(GuestShell guest, long wanted)
            throws IOException, InterruptedException {
        long endNanos = BootClock.SYSTEM.nowNanos() + LONG_PATIENCE.toNanos();
        long count = records(guest);
        while (count < wanted) {
            DemoFailure.unless(
                    BootClock.SYSTEM.nowNanos() < endNanos,
                    "web1 has written %d records, not %d",
                    count,
                    wanted);
            guest.run("sleep 1", COMMAND_PATIENCE).orFail("sleep");
            count = records(guest);
        }
    }

    /// The longest time between two records, in seconds, by the guest's clock.
    private static double longestGap(GuestShell guest) throws IOException, InterruptedException {
        String gap =
                guest.run(
                                "awk 'NR>1 && $2-p>m {m=$2-p} {p=$2} END {print m+0}' /tmp/log",
                                COMMAND_PATIENCE)
                        .orFail("longest gap");
        return Double.parseDouble(gap.strip());
    }

    private void migrate(GuestShell web1, GuestShell web2) throws Exception {
        narrator.step(
                "web1 moves from host1 to host2, live",
                () -> {
                    web2.run(
                                    "ping -c 150 -i 0.1 -W 5 %s > /tmp/ping 2>&1 &"
                                            .formatted(WEB1_ADDRESS),
                                    COMMAND_PATIENCE)
                            .orFail("start of the pings");
                    long before = records(web1);
                    Migration moved = move();
                    DemoFailure.unless(
                            moved.phase() == Migration.Phase.DONE,
                            "the migration ended as %s: %s",
                            moved.phase(),
                            moved.detail());
                    awaitRecords(web1, before + 10);
                    narrator.figure("migration, in all", moved.totalMillis(), "ms");
                    narrator.figure("migration downtime", moved.downtimeMillis(), "ms");
                    return "paused for %d ms of %d ms; %.0f MB of RAM sent; the writer goes on"
                            .formatted(
                                    moved.downtimeMillis(),
                                    moved.totalMillis(),
                                    moved.transferredBytes() / 1e6);
                });
        narrator.step(
                "the pings went on: at most 2 of 150 were lost",
                () -> {
                    // The pings end by themselves.
                    String output =
                            web2.run(
                                            "while ! grep -q transmitted /tmp/ping; do sleep 1;"
                                                    + " done; cat /tmp/ping | tail -n 3",
                                            LONG_PATIENCE)
                                    .orFail("result of the pings");
                    Ping ping = Ping.parse(output);
                    narrator.figure("pings lost while it moved", ping.lost(), "");
                    DemoFailure.unless(ping.lost() <= 2, "pings were lost: %s", output);
                    return "%d of %d answered, %s"
                            .formatted(ping.sent() - ping.lost(), ping.sent(), ping.roundTrip());
                });
    }

    private Migration move() throws IOException, InterruptedException {
        Migration requested =
                new MigrationAdmin(fabric.session().records())
                        .request(fabric.image(), WEB1, Optional.of(new NodeId("host2")));
        return fabric.session()
                .await(
                        LONG_PATIENCE,
                        image ->
                                Optional.ofNullable(image.migrations().get(WEB1))
                                        .filter(now -> now.id().equals(requested.id()))
                                        .filter(now -> now.phase().isOver()))
                .orElseThrow(() -> new DemoFailure("the migration has not ended"));
    }

    private void verify(GuestShell web1) throws Exception {
        var sums = new String[3];
        narrator.step(
                "web1 writes once more, stops its log and is rebooted",
                () -> {
                    String failed =
                            web1.run(
                                            "rm /tmp/go; wait; grep -c FAILED /tmp/log || true",
                                            COMMAND_PATIENCE)
                                    .orFail("end of the writer");
                    DemoFailure.unless(
                            failed.strip().endsWith("0"), "%s records failed", failed.strip());
                    web1.run(
                                    "dd if=/dev/urandom of=/disk/after bs=64k count=16 conv=fsync"
                                            + " 2>/dev/null",
                                    LONG_PATIENCE)
                            .orFail("write of /disk/after");
                    sums[0] = web1.run("cat /tmp/before.md5", COMMAND_PATIENCE).orFail("sum");
                    sums[1] = web1.run("md5sum < /disk/after", COMMAND_PATIENCE).orFail("sum");
                    // What the log must hold: as many copies of the seed as records were logged.
                    sums[2] =
                            web1.run(
                                            "n=$(grep -c . /tmp/log); i=0; while [ $i -lt $n ]; do"
                                                    + " cat /tmp/seed; i=$((i+1)); done | md5sum",
                                            LONG_PATIENCE)
                                    .orFail("sum of the log");
                    web1.run("sync; sync", COMMAND_PATIENCE).orFail("sync");
                    new VmAdmin(fabric.session().records()).reset(fabric.image(), WEB1);
                    web1.awaitBoot(BOOT_PATIENCE);
                    return "";
                });
        narrator.step(
                "written before, during and after: every checksum is right",
                () -> {
                    String found =
                            web1.run(
                                            "mount-disk > /dev/null; for f in before after log; do"
                                                    + " md5sum < /disk/$f; done",
                                            LONG_PATIENCE)
                                    .orFail("checksums after the reboot");
                    List<String> lines = found.lines().map(String::strip).toList();
                    List<String> wanted =
                            List.of(sums[0].strip(), sums[1].strip(), sums[2].strip());
                    DemoFailure.unless(
                            lines.equals(wanted), "checksums are %s, should be %s", lines, wanted);
                    return "read back in the guest, from the pool";
                });
        narrator.step(
                "all replicas hold the same bytes",
                () -> {
                    var result =
                            fabric.pool()
                                    .client()
                                    .replicaComparison()
                                    .compareAtRest(Duration.ofSeconds(10));
                    DemoFailure.unless(result.differences().isEmpty(), "%s", result.differences());
                    return "%d replicas of %d placement groups, %d chunks"
                            .formatted(result.replicas(), result.groups(), result.chunks());
                });
        narrator.step(
                "web1 has exactly one owner",
                () -> {
                    VmPlacement placement = VmAdmin.placementOf(fabric.image(), WEB1);
                    DemoFailure.unless(
                            new NodeId("host2").equals(placement.owner()),
                            "its owner is %s",
                            String.valueOf(placement.owner()));
                    return "host2, in epoch " + placement.epoch();
                });
    }

    /// What `ping` of busybox says at its end.
    record Ping(int sent, int lost, String roundTrip) {
        private static final Pattern COUNTS =
                Pattern.compile("(\\d+) packets transmitted, (\\d+) packets received");
        private static final Pattern TIMES = Pattern.compile("round-trip[^=]*= ([^\\n]*)");

        static Ping parse(String output) {
            Matcher counts = COUNTS.matcher(output);
            DemoFailure.unless(counts.find(), "ping printed no summary: %s", output);
            Matcher times = TIMES.matcher(output);
            int sent = Integer.parseInt(counts.group(1));
            return new Ping(
                    sent,
                    Math.max(0, sent - Integer.parseInt(counts.group(2))),
                    times.find() ? "round trip " + times.group(1).strip() : "");
        }
    }
}
