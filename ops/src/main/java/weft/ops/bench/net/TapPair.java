package weft.ops.bench.net;

import weft.fabric.MacAddress;

import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;

/// Two stations on TAP interfaces that a process of ours, made in `s`, forwards between.
final class TapPair implements NetSide {
    static final MacAddress MAC_A = MacAddress.parse("52:54:00:00:0b:0a");
    static final MacAddress MAC_B = MacAddress.parse("52:54:00:00:0b:0b");
    static final String ADDRESS_A = "10.98.0.11";
    static final String ADDRESS_B = "10.98.0.12";

    private final String name;
    private final List<String> command;
    private final Lab lab;
    private long pid;

    /// @param command of the process, which takes the two interfaces and then says a line
    TapPair(String name, String label, List<String> command)
            throws IOException, InterruptedException {
        this.name = name;
        this.command = command;
        lab = new Lab(label);
    }

    @Override
    public void start() throws IOException, InterruptedException {
        lab.ip("s", "tuntap add tapa mode tap");
        lab.ip("s", "tuntap add tapb mode tap");
        pid = lab.startAndAwait("s", command).pid();
        plug("tapa", "a", MAC_A, ADDRESS_A);
        plug("tapb", "b", MAC_B, ADDRESS_B);
    }

    /// The process keeps its end, wherever the interface goes.
    private void plug(String tap, String which, MacAddress mac, String address)
            throws IOException, InterruptedException {
        lab.ip("s", "link set " + tap + " netns " + lab.namespace(which));
        lab.ip(which, "link set " + tap + " address " + mac);
        lab.ip(which, "addr add " + address + "/24 dev " + tap);
        lab.ip(which, "link set " + tap + " up");
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Station from() {
        return new Station(lab, "a", ADDRESS_A);
    }

    @Override
    public Station to() {
        return new Station(lab, "b", ADDRESS_B);
    }

    @Override
    public OptionalLong forwarder() {
        return OptionalLong.of(pid);
    }

    @Override
    public List<Long> servers() {
        return List.of(pid);
    }

    @Override
    public void close() {
        lab.close();
    }
}
