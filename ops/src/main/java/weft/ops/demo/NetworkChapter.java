package weft.ops.demo;

import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.WEB2_ADDRESS;

import weft.fabric.NodeId;
import weft.ops.admin.GroupAdmin;

import java.io.IOException;

/// One network answers pings across hosts, the other hears none of it.
final class NetworkChapter {
    private static final String RX_FRAMES = "cat /sys/class/net/eth0/statistics/rx_packets";

    private static final int ATTEMPTS_MAX = 20;

    private final Scene scene;
    private final GuestShell web1;
    private final GuestShell web2;
    private final GuestShell spy;

    NetworkChapter(Scene scene) {
        this.scene = scene;
        web1 = scene.web1();
        web2 = scene.web2();
        spy = scene.spy();
    }

    void tell() throws Exception {
        scene.narrator().step("same VLAN, different hosts: web2 answers web1's pings", this::pings);
        scene.narrator()
                .step(
                        "without the group's rule for pings there are none; with it again",
                        this::rule);
        scene.narrator()
                .step("the other VLAN, with web1's own address, hears none of it", this::isolation);
    }

    private String pings() throws IOException, InterruptedException {
        String output =
                web1.run("ping -c 5 -W 5 " + WEB2_ADDRESS, COMMAND_PATIENCE)
                        .orFail("ping from web1 to web2");
        Ping ping = Ping.parse(output);
        DemoFailure.unless(ping.lost() == 0, "pings were lost: %s", output);
        return "5 of 5, through VXLAN, %s".formatted(ping.roundTrip());
    }

    /// The rule is taken away and given back; the hosts' switches follow the records.
    private String rule() throws IOException, InterruptedException {
        var admin = new GroupAdmin(scene.fabric().session().records());
        var _ = admin.removeRule(scene.fabric().image(), Scene.GROUP, Scene.PINGS);
        awaitPings(false);
        var _ = admin.addRule(scene.fabric().image(), Scene.GROUP, Scene.PINGS);
        awaitPings(true);
        return "group %s: %s".formatted(Scene.GROUP, Scene.PINGS);
    }

    private void awaitPings(boolean wanted) throws IOException, InterruptedException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            var ping = web1.run("ping -c 1 -W 2 " + WEB2_ADDRESS, COMMAND_PATIENCE);
            if (wanted == (ping.status() == 0)) {
                return;
            }
        }
        DemoFailure.unless(false, "pings from web1 to web2: %s wanted", wanted ? "some" : "none");
    }

    /// Two witnesses: captures of both networks at the switch of host2, and the counters of the
    /// guests' own drivers, which count what reached their NICs.
    private String isolation() throws IOException, InterruptedException {
        try (var capture =
                IsolationCapture.start(scene.fabric()::image, new NodeId("host2"), "blue", "red")) {
            // Its own chatter (neighbour discovery) is over.
            long before = receivedFrames(spy);
            long blueBefore = receivedFrames(web2);
            // Broadcasts (ARP for nobody) and unicast, in blue.
            var _ = web1.run("ping -c 2 -W 1 10.0.0.77", COMMAND_PATIENCE);
            capture.read();
            web1.run("ping -c 5 -W 5 " + WEB2_ADDRESS, COMMAND_PATIENCE).orFail("ping in blue");
            capture.read();
            long heard = receivedFrames(spy) - before;
            long blue = receivedFrames(web2) - blueBefore;
            DemoFailure.unless(blue >= 7, "web2 heard only %d frames of blue's noise", blue);
            DemoFailure.unless(heard == 0, "the spy in red heard %d frames of blue", heard);
            var toBlue = spy.run("ping -c 2 -W 1 " + WEB2_ADDRESS, COMMAND_PATIENCE);
            DemoFailure.unless(toBlue.status() != 0, "the spy in red reaches web2 in blue");
            scene.narrator().figure("frames of blue that red heard", heard, "");
            return "web2 received %d frames, the spy 0; %s"
                    .formatted(blue, captured(capture.finish()));
        }
    }

    private static long receivedFrames(GuestShell guest) throws IOException, InterruptedException {
        return Long.parseLong(guest.run(RX_FRAMES, COMMAND_PATIENCE).orFail("frames received"));
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
        scene.narrator()
                .figure(
                        "frames of blue's noise captured in blue at host2",
                        found.noisyArp() + found.noisyIcmp(),
                        "");
        scene.narrator().figure("frames of blue captured in red at host2", found.foreign(), "");
        return "captured at host2: in blue %d ARP and %d ICMP frames, in red %d of the spy's own"
                        .formatted(found.noisyArp(), found.noisyIcmp(), found.quietOwn())
                + " and none of blue";
    }
}
