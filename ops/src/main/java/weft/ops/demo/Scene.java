package weft.ops.demo;

import weft.fabric.FabricImage;
import weft.fabric.GroupRule;
import weft.ops.admin.VmAdmin;

import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;

/// Who and what a chapter of the story needs: who tells it, the fabric, and a shell in each guest.
///
/// ```text
///   blue (VLAN 10):  web1 10.0.0.10 on host1   web2 10.0.0.11 on host2
///   red  (VLAN 20):  spy  10.0.0.10 on host2        — the same address as web1, another network
/// ```
record Scene(Narrator narrator, Stage fabric, GuestShell web1, GuestShell web2, GuestShell spy)
        implements AutoCloseable {
    static final String WEB1 = "web1";
    static final String WEB2 = "web2";
    static final String SPY = "spy";
    static final String GROUP = "web";

    /// Lets anyone in the network ping the group's members.
    static final GroupRule PINGS =
            GroupRule.of(GroupRule.Direction.IN, GroupRule.Protocol.ICMP, "");

    static final String WEB1_ADDRESS = "10.0.0.10";
    static final String WEB2_ADDRESS = "10.0.0.11";

    static final Duration BOOT_PATIENCE = Duration.ofSeconds(180);
    static final Duration COMMAND_PATIENCE = Duration.ofSeconds(60);
    static final Duration LONG_PATIENCE = Duration.ofSeconds(150);

    static Scene of(Narrator narrator, Stage fabric) {
        return new Scene(
                narrator,
                fabric,
                new GuestShell(WEB1, fabric::image),
                new GuestShell(WEB2, fabric::image),
                new GuestShell(SPY, fabric::image));
    }

    VmAdmin vms() {
        return new VmAdmin(fabric.session().records());
    }

    /// Waits until the fabric's records show what was written.
    static void awaitImage(Stage fabric, Predicate<FabricImage> wanted)
            throws InterruptedException {
        var seen =
                fabric.session()
                        .await(
                                Duration.ofSeconds(10),
                                image ->
                                        wanted.test(image) ? Optional.of(image) : Optional.empty());
        DemoFailure.unless(seen.isPresent(), "the fabric's records do not show what was written");
    }

    @Override
    public void close() {
        web1.close();
        web2.close();
        spy.close();
    }
}
