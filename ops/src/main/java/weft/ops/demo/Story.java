package weft.ops.demo;

import static weft.ops.demo.Scene.BOOT_PATIENCE;
import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.SPY;
import static weft.ops.demo.Scene.WEB1;
import static weft.ops.demo.Scene.WEB1_ADDRESS;
import static weft.ops.demo.Scene.WEB2;
import static weft.ops.demo.Scene.WEB2_ADDRESS;
import static weft.ops.demo.Scene.awaitImage;

import weft.fabric.GroupRule;
import weft.fabric.NodeId;
import weft.fabric.VmSpec;
import weft.ops.admin.GroupAdmin;
import weft.ops.admin.NetworkAdmin;
import weft.ops.admin.VmAdmin;
import weft.ops.admin.VmRequest;
import weft.ops.image.ImageFiles;
import weft.ops.pool.ImageImport;
import weft.runtime.BootClock;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/// The story, chapter by chapter; each step checks what it claims. Who is in it: [Scene].
public final class Story {
    private static final long MEMORY_BYTES = 256L << 20;
    private static final long DISK_BYTES = 1L << 30;

    private final Narrator narrator;
    private final ImageFiles image;
    private final Stage fabric;

    public Story(Narrator narrator, ImageFiles image, Stage fabric) {
        this.narrator = narrator;
        this.image = image;
        this.fabric = fabric;
    }

    /// Tells all of it.
    public void tell() throws Exception {
        narrator.chapter("One pool of three nodes' disks, two networks");
        narrator.step("the image is in the pool, three copies of each block", this::importImage);
        narrator.step("two networks with the same addresses, VLAN 10 and 20", this::networks);
        narrator.step("a security group: pings, and TCP among its members", this::group);
        narrator.chapter("Unmodified Debian kernels on replicated disks");
        createVms();
        try (Scene scene = Scene.of(narrator, fabric)) {
            narrator.step("three VMs boot on two hosts", () -> boot(scene));
            new NetworkChapter(scene).tell();
            narrator.chapter("A storage node is lost in the middle of writes");
            var log = new DiskLog(scene.web1());
            new NodeLossChapter(scene, log).tell();
            narrator.chapter("A VM moves to the other host while it is pinged, talks and writes");
            new MoveChapter(scene, log).tell();
            narrator.chapter("Nothing was lost");
            new ProofChapter(scene, log).tell();
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
        awaitImage(fabric, seen -> seen.images().containsKey(image.name()));
        return "%s: %.0f MB at %.0f MB/s"
                .formatted(image.description(), bytes[0] / 1e6, bytes[0] / 1e6 / seconds);
    }

    private String networks() throws IOException, InterruptedException {
        var admin = new NetworkAdmin(fabric.session().records());
        var _ = admin.create(fabric.image(), "blue", 10, Optional.empty());
        awaitImage(fabric, seen -> seen.networks().containsKey("blue"));
        var _ = admin.create(fabric.image(), "red", 20, Optional.empty());
        awaitImage(fabric, seen -> seen.networks().containsKey("red"));
        return "";
    }

    private String group() throws IOException, InterruptedException {
        var admin = new GroupAdmin(fabric.session().records());
        var _ = admin.create(fabric.image(), Scene.GROUP, "blue");
        awaitImage(fabric, seen -> seen.groups().containsKey(Scene.GROUP));
        var members = GroupRule.toGroup(Scene.GROUP);
        var tcp = GroupRule.of(GroupRule.Direction.IN, GroupRule.Protocol.TCP, members);
        var _ = admin.addRule(fabric.image(), Scene.GROUP, Scene.PINGS);
        var _ = admin.addRule(fabric.image(), Scene.GROUP, tcp);
        return "";
    }

    private void createVms() throws IOException, InterruptedException {
        create(WEB1, "blue", WEB1_ADDRESS, "host1", List.of(Scene.GROUP));
        create(WEB2, "blue", WEB2_ADDRESS, "host2", List.of(Scene.GROUP));
        create(SPY, "red", WEB1_ADDRESS, "host2", List.of());
    }

    private void create(
            String name, String network, String address, String host, List<String> groups)
            throws IOException, InterruptedException {
        var nic = new VmRequest.Nic(network, Optional.empty(), Optional.of(address));
        var request =
                new VmRequest(
                        name,
                        image.name(),
                        MEMORY_BYTES,
                        1,
                        DISK_BYTES,
                        List.of(nic),
                        Optional.of(new NodeId(host)),
                        VmSpec.Power.RUNNING,
                        groups);
        var _ = new VmAdmin(fabric.session().records()).create(fabric.image(), request);
        awaitImage(fabric, seen -> seen.vms().containsKey(name));
    }

    private String boot(Scene scene) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        double slowest = 0;
        for (GuestShell guest : List.of(scene.web1(), scene.web2(), scene.spy())) {
            slowest = Math.max(slowest, guest.awaitBoot(BOOT_PATIENCE));
        }
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        String kernel = scene.web1().run("uname -sr", COMMAND_PATIENCE).orFail("uname");
        narrator.figure("boot of three VMs at once, to their shells", seconds, "s");
        return "%s; the slowest says it was up after %.1f s".formatted(kernel, slowest);
    }
}
