package weft.vmhost.agent;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;

import weft.fabric.NodeId;
import weft.vmhost.machine.Machine;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToDoubleFunction;

/// What the machines of this host's VMs are doing, as metrics; read when somebody scrapes.
public final class VmMeters {
    private final MeterRegistry registry;
    private final NodeId host;
    private final Map<String, List<Meter>> ofVms = new ConcurrentHashMap<>();

    public VmMeters(MeterRegistry registry, NodeId host) {
        this.registry = registry;
        this.host = host;
    }

    /// From now on the VM's meters are those of this machine, or none. Called by the VM's runner.
    void replace(String vm, Optional<Machine> machine) {
        List<Meter> before = ofVms.remove(vm);
        if (before != null) {
            before.forEach(registry::remove);
        }
        machine.ifPresent(it -> ofVms.put(vm, metersOf(vm, it)));
    }

    private List<Meter> metersOf(String vm, Machine machine) {
        return List.of(
                gauge(
                        "weft_vmhost_code_bytes",
                        "Translated code of a VM; about, where the JVM holds it",
                        vm,
                        machine,
                        it -> it.engines().counts().codeBytes()),
                gauge(
                        "weft_vmhost_code_limit_bytes",
                        "What that can become; then it is given up and begun anew",
                        vm,
                        machine,
                        it -> it.engines().codeBytesMax()),
                counter(
                        "weft_vmhost_instructions",
                        "Instructions that a VM has executed",
                        vm,
                        machine,
                        VmInquiry::instructionsOf),
                counter(
                        "weft_vmhost_interpreted_instructions",
                        "Instructions of a VM that a translating engine had to interpret",
                        vm,
                        machine,
                        it -> it.engines().counts().instructionsInterpreted()),
                counter(
                        "weft_vmhost_code_flushes",
                        "How often all code of a VM was given up, as there was too much",
                        vm,
                        machine,
                        it -> it.engines().counts().flushes()));
    }

    private Meter gauge(
            String name,
            String description,
            String vm,
            Machine machine,
            ToDoubleFunction<Machine> value) {
        return Gauge.builder(name, machine, value)
                .description(description)
                .tag("host", host.name())
                .tag("vm", vm)
                .tag("engine", machine.engines().name())
                .register(registry);
    }

    private Meter counter(
            String name,
            String description,
            String vm,
            Machine machine,
            ToDoubleFunction<Machine> value) {
        return FunctionCounter.builder(name, machine, value)
                .description(description)
                .tag("host", host.name())
                .tag("vm", vm)
                .tag("engine", machine.engines().name())
                .register(registry);
    }
}
