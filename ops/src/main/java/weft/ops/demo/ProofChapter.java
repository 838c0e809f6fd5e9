package weft.ops.demo;

import static weft.ops.demo.Scene.BOOT_PATIENCE;
import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.LONG_PATIENCE;
import static weft.ops.demo.Scene.WEB1;
import static weft.ops.demo.Scene.WEB2;

import weft.fabric.NodeId;
import weft.fabric.VmPlacement;
import weft.ops.admin.VmAdmin;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// After all that happened, nothing was lost: checked in the guest after a reboot, across the
/// replicas, and in the records.
final class ProofChapter {
    private final Scene scene;
    private final DiskLog log;
    private final GuestShell web1;

    /// Of before, after and the log, as the guest knew them before its reboot.
    private List<String> wantedSums = List.of();

    ProofChapter(Scene scene, DiskLog log) {
        this.scene = scene;
        this.log = log;
        web1 = scene.web1();
    }

    void tell() throws Exception {
        Narrator narrator = scene.narrator();
        narrator.step("web1 writes once more, stops its log and is rebooted", this::reboot);
        narrator.step("written before, during and after: every checksum is right", this::readBack);
        narrator.step("all replicas hold the same bytes", this::compareReplicas);
        narrator.step("web1 has exactly one owner", this::owner);
        narrator.step("web2 goes off by itself when its power button is pressed", this::powerOff);
    }

    private String reboot() throws IOException, InterruptedException {
        log.stop();
        web1.run(
                        "dd if=/dev/urandom of=/disk/after bs=64k count=16 conv=fsync 2>/dev/null",
                        LONG_PATIENCE)
                .orFail("write of /disk/after");
        wantedSums =
                List.of(
                        web1.run("cat /tmp/before.md5", COMMAND_PATIENCE).orFail("sum"),
                        web1.run("md5sum < /disk/after", COMMAND_PATIENCE).orFail("sum"),
                        log.wantedSum());
        web1.run("sync; sync", COMMAND_PATIENCE).orFail("sync");
        scene.vms().reset(scene.fabric().image(), WEB1);
        web1.awaitBoot(BOOT_PATIENCE);
        return "";
    }

    private String readBack() throws IOException, InterruptedException {
        String found =
                web1.run(
                                "mount-disk > /dev/null; for f in before after log; do"
                                        + " md5sum < /disk/$f; done",
                                LONG_PATIENCE)
                        .orFail("checksums after the reboot");
        List<String> sums = found.lines().map(String::strip).toList();
        DemoFailure.unless(
                sums.equals(wantedSums), "checksums are %s, should be %s", sums, wantedSums);
        return "read back in the guest, from the pool";
    }

    private String compareReplicas() throws IOException, InterruptedException {
        var result =
                scene.fabric()
                        .pool()
                        .client()
                        .replicaComparison()
                        .compareAtRest(Duration.ofSeconds(10));
        DemoFailure.unless(result.differences().isEmpty(), "%s", result.differences());
        return "%d replicas of %d placement groups, %d chunks"
                .formatted(result.replicas(), result.groups(), result.chunks());
    }

    private String owner() {
        VmPlacement placement = VmAdmin.placementOf(scene.fabric().image(), WEB1);
        DemoFailure.unless(
                new NodeId("host2").equals(placement.owner()),
                "its owner is %s",
                String.valueOf(placement.owner()));
        return "host2, in epoch " + placement.epoch();
    }

    private String powerOff() throws IOException, InterruptedException {
        scene.vms().stop(scene.fabric().image(), WEB2);
        Optional<VmPlacement> off =
                scene.fabric()
                        .session()
                        .await(
                                LONG_PATIENCE,
                                image ->
                                        Optional.of(VmAdmin.placementOf(image, WEB2))
                                                .filter(now -> now.owner() == null));
        DemoFailure.unless(off.isPresent(), "it is not off");
        String detail = off.get().detail();
        DemoFailure.unless(detail.equals("switched off by the guest"), "%s", detail);
        return detail;
    }
}
