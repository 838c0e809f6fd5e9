package weft.ops.bench.net;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// A station whose traffic goes by VXLAN, over a veth pair, to a station on the Linux kernel's own
/// VXLAN: from a TAP interface by a process of ours, or from the kernel's, too.
final class VxlanPair implements NetSide {
    static final int VNI = 4711;
    static final String UNDERLAY_A = "10.97.0.1";
    static final String UNDERLAY_B = "10.97.0.2";
    private static final int INNER_MTU = 1450;

    private final String name;
    private final Optional<List<String>> command;
    private final Lab lab;
    private long pid;

    /// @param command of the process, which takes `tapa` and then says a line; empty for the
    ///   kernel's
    VxlanPair(String name, String label, Optional<List<String>> command)
            throws IOException, InterruptedException {
        this.name = name;
        this.command = command;
        lab = new Lab(label);
    }

    @Override
    public void start() throws IOException, InterruptedException {
        lab.ip("s", "link add u0 type veth peer name u1 netns " + lab.namespace("b"));
        lab.ip("s", "addr add " + UNDERLAY_A + "/24 dev u0");
        lab.ip("b", "addr add " + UNDERLAY_B + "/24 dev u1");
        lab.ip("s", "link set u0 up");
        lab.ip("b", "link set u1 up");
        vxlan("b", UNDERLAY_B, UNDERLAY_A, "u1", TapPair.MAC_B.toString(), TapPair.ADDRESS_B);
        if (command.isEmpty()) {
            vxlan("s", UNDERLAY_A, UNDERLAY_B, "u0", TapPair.MAC_A.toString(), TapPair.ADDRESS_A);
            return;
        }
        lab.ip("s", "tuntap add tapa mode tap");
        pid = lab.startAndAwait("s", command.get()).pid();
        lab.ip("s", "link set tapa netns " + lab.namespace("a"));
        lab.ip("a", "link set tapa address " + TapPair.MAC_A);
        lab.ip("a", "addr add " + TapPair.ADDRESS_A + "/24 dev tapa");
        lab.ip("a", "link set tapa mtu " + INNER_MTU + " up");
    }

    private void vxlan(
            String which, String local, String remote, String device, String mac, String address)
            throws IOException, InterruptedException {
        lab.ip(
                which,
                "link add vx0 type vxlan id %d local %s remote %s dstport 4789 dev %s"
                        .formatted(VNI, local, remote, device));
        lab.ip(which, "link set vx0 address " + mac);
        lab.ip(which, "addr add " + address + "/24 dev vx0");
        lab.ip(which, "link set vx0 mtu " + INNER_MTU + " up");
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Station from() {
        return new Station(lab, command.isPresent() ? "a" : "s", TapPair.ADDRESS_A);
    }

    @Override
    public Station to() {
        return new Station(lab, "b", TapPair.ADDRESS_B);
    }

    @Override
    public OptionalLong forwarder() {
        return command.isPresent() ? OptionalLong.of(pid) : OptionalLong.empty();
    }

    @Override
    public List<Long> servers() {
        return command.isPresent() ? List.of(pid) : List.of();
    }

    @Override
    public void close() {
        lab.close();
    }
}
