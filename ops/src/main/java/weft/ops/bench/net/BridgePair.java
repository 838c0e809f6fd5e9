package weft.ops.bench.net;

import java.io.IOException;
import java.util.OptionalLong;

/// Two stations on veth pairs into a bridge of the Linux kernel.
final class BridgePair implements NetSide {
    private final Lab lab = new Lab("bridge");

    BridgePair() throws IOException, InterruptedException {}

    @Override
    public void start() throws IOException, InterruptedException {
        lab.ip("s", "link add br0 type bridge");
        lab.ip("s", "link set br0 up");
        plug("a", TapPair.ADDRESS_A);
        plug("b", TapPair.ADDRESS_B);
    }

    private void plug(String which, String address) throws IOException, InterruptedException {
        lab.ip("s", "link add p" + which + " type veth peer name e0 netns " + lab.namespace(which));
        lab.ip("s", "link set p" + which + " master br0");
        lab.ip("s", "link set p" + which + " up");
        lab.ip(which, "addr add " + address + "/24 dev e0");
        lab.ip(which, "link set e0 up");
    }

    @Override
    public String name() {
        return "bridge";
    }

    @Override
    public Station from() {
        return new Station(lab, "a", TapPair.ADDRESS_A);
    }

    @Override
    public Station to() {
        return new Station(lab, "b", TapPair.ADDRESS_B);
    }

    @Override
    public OptionalLong forwarder() {
        return OptionalLong.empty();
    }

    @Override
    public void close() {
        lab.close();
    }
}
