package weft.ops.bench.net;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.runtime.BootClock;
import weft.vswitch.VSwitch;
import weft.vswitch.VSwitchSettings;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Weft's switch between TAP interfaces, or one and a VXLAN peer, as a process: the whole pipeline,
/// with port security.
final class SwitchProcess {
    private static final NodeId HERE = new NodeId("bench");
    private static final String NETWORK = "bench";

    private SwitchProcess() {}

    /// @param arguments the address for VXLAN, and that of the peer's, or `-`
    public static void main(String[] arguments) throws IOException {
        boolean isOverlay = !"-".equals(arguments[1]);
        var underlay = new InetSocketAddress(arguments[0], isOverlay ? 4789 : 0);
        var vswitch =
                new VSwitch(
                        VSwitchSettings.of(HERE, underlay),
                        BootClock.SYSTEM,
                        new SimpleMeterRegistry());
        List<PortBinding> ports = new ArrayList<>();
        ports.add(
                new PortBinding(
                        "a", NETWORK, TapPair.MAC_A, TapPair.ADDRESS_A + "/24", HERE, null, 1));
        if (!isOverlay) {
            ports.add(
                    new PortBinding(
                            "b", NETWORK, TapPair.MAC_B, TapPair.ADDRESS_B + "/24", HERE, null, 1));
        }
        Map<String, List<InetSocketAddress>> externals =
                isOverlay
                        ? Map.of(NETWORK, List.of(new InetSocketAddress(arguments[1], 4789)))
                        : Map.of();
        vswitch.applyImage(
                new ForwardingImage(
                        List.of(new Network(NETWORK, 100, VxlanPair.VNI, "10.98.0.0/24")),
                        ports,
                        Map.of(HERE, vswitch.underlayAddress()),
                        externals));
        vswitch.plugTap("a", NETWORK, TapPair.MAC_A, TapDevice.open("tapa"));
        if (!isOverlay) {
            vswitch.plugTap("b", NETWORK, TapPair.MAC_B, TapDevice.open("tapb"));
        }
        System.out.println("ready");
        // Until the bench ends, or ends us.
        while (System.in.read() >= 0) {}
        System.exit(0);
    }
}
