package weft.vswitch;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;

import weft.fabric.NodeId;
import weft.vswitch.pipeline.DropReason;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.pipeline.SwitchCounters;
import weft.vswitch.port.PortCounters;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToDoubleFunction;

/// The switch's counters as metrics; they are read when somebody scrapes, and cost frames nothing.
final class SwitchMeters {
    private final MeterRegistry registry;
    private final NodeId host;
    private final List<Meter> ofSwitch = new ArrayList<>();
    private final Map<String, List<Meter>> ofPorts = new ConcurrentHashMap<>();

    SwitchMeters(MeterRegistry registry, NodeId host, SwitchCounters counters) {
        this.registry = registry;
        this.host = host;
        ofSwitch.add(
                FunctionCounter.builder(
                                "weft_vswitch_received_frames", counters, SwitchCounters::received)
                        .description("Frames and datagrams that reached the switch")
                        .tag("host", host.name())
                        .register(registry));
        for (DropReason reason : DropReason.values()) {
            if (reason == DropReason.RING_FULL) {
                continue; // part of the ports' drops
            }
            ofSwitch.add(
                    FunctionCounter.builder(
                                    "weft_vswitch_dropped_frames",
                                    counters,
                                    all -> all.drops(reason))
                            .description("Frames that ended in the switch")
                            .tag("host", host.name())
                            .tag("reason", reason.label())
                            .register(registry));
        }
    }

    void addPort(String id, String network, PluggedPort port) {
        List<Meter> meters = new ArrayList<>();
        meters.add(
                meter(
                        "weft_vswitch_port_sent_frames",
                        id,
                        network,
                        port,
                        c -> c.framesFromDevice()));
        meters.add(
                meter("weft_vswitch_port_sent_bytes", id, network, port, c -> c.bytesFromDevice()));
        meters.add(
                meter(
                        "weft_vswitch_port_received_frames",
                        id,
                        network,
                        port,
                        c -> c.framesToDevice()));
        meters.add(
                meter(
                        "weft_vswitch_port_received_bytes",
                        id,
                        network,
                        port,
                        c -> c.bytesToDevice()));
        meters.add(meter("weft_vswitch_port_dropped_frames", id, network, port, c -> c.drops()));
        ofPorts.put(id, meters);
    }

    private Meter meter(
            String name,
            String id,
            String network,
            PluggedPort port,
            ToDoubleFunction<PortCounters> field) {
        return FunctionCounter.builder(name, port, p -> field.applyAsDouble(p.counters()))
                .description("What a port's device sent, received, or sent in vain")
                .tag("host", host.name())
                .tag("port", id)
                .tag("network", network)
                .register(registry);
    }

    void removePort(String id) {
        List<Meter> meters = ofPorts.remove(id);
        if (meters != null) {
            meters.forEach(registry::remove);
        }
    }

    void removeAll() {
        List.copyOf(ofPorts.keySet()).forEach(this::removePort);
        ofSwitch.forEach(registry::remove);
    }
}
