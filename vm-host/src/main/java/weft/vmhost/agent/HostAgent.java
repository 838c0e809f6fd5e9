package weft.vmhost.agent;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.VmPlacement;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.runtime.WallClock;
import weft.transport.Service;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.machine.Machine;
import weft.vswitch.port.ForwardingImage;
import weft.wire.capture.CaptureFamily;
import weft.wire.console.ConsoleFamily;
import weft.wire.migration.MigrationFamily;
import weft.wire.network.SwitchFamily;
import weft.wire.vm.VmFamily;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Looks at each new image of the fabric: tells the switch what to forward where, and gives each VM
/// that concerns this host to its [VmRunner].
@Owned("agent loop")
public final class HostAgent implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HostAgent.class);

    private final HostParts host;
    private final Claims claims;
    private final BootFiles bootFiles;
    private final Arrivals arrivals = new Arrivals();
    private final ConsoleServer consoles = new ConsoleServer(this::consoleOf);
    private final CaptureServer captures;
    private final Loop loop = new Loop("agent");
    private ForwardingImage forwarding = ForwardingImage.EMPTY;
    private final Map<String, VmRunner> runners = new ConcurrentHashMap<>();

    public HostAgent(HostParts host) {
        this.host = host;
        claims = new Claims(host.records(), host.self());
        bootFiles = new BootFiles(host.pool());
        captures = new CaptureServer(host.vswitch(), host.clock(), WallClock::epochNanos);
    }

    /// What peers and the commands of people may ask of this host.
    public List<Service> services() {
        return List.of(
                new Service(new MigrationFamily(), arrivals),
                new Service(new ConsoleFamily(), consoles),
                new Service(new CaptureFamily(), captures),
                new Service(new VmFamily(), new VmInquiry(this::machineOf)),
                new Service(new SwitchFamily(), new SwitchInquiry(host.vswitch())));
    }

    /// Begins to follow the fabric.
    public void start() {
        host.watcher().onChange(image -> loop.execute(() -> follow(image)));
    }

    private void follow(FabricImage image) {
        assert loop.isCurrent();
        try {
            forwarding = ForwardingImage.of(image, forwarding);
            host.vswitch().applyImage(forwarding);
        } catch (IllegalArgumentException e) {
            log.warn("the switch keeps its earlier image: {}", e.getMessage());
        }
        for (String vm : concerned(image)) {
            runners.computeIfAbsent(vm, this::runner);
        }
        runners.forEach((vm, runner) -> {
            runner.look();
            if (!image.vms().containsKey(vm) && runner.isIdle()) {
                runners.remove(vm);
                runner.close();
            }
        });
    }

    private VmRunner runner(String vm) {
        var runner = new VmRunner(vm, host, claims, bootFiles, arrivals);
        runner.start();
        return runner;
    }

    /// VMs that are, should be or are about to be here.
    private Set<String> concerned(FabricImage image) {
        Set<String> names = new HashSet<>();
        for (Map.Entry<String, VmPlacement> entry : image.placements().entrySet()) {
            VmPlacement placement = entry.getValue();
            if (host.self().equals(placement.host()) || host.self().equals(placement.owner())) {
                names.add(entry.getKey());
            }
        }
        for (Migration migration : image.migrations().values()) {
            if (migration.to().equals(host.self()) && !migration.phase().isOver()) {
                names.add(migration.vm());
            }
        }
        names.retainAll(image.vms().keySet());
        return names;
    }

    /// The machine of a VM that is here.
    public Optional<Machine> machineOf(String vm) {
        return Optional.ofNullable(runners.get(vm)).flatMap(VmRunner::machine);
    }

    private Optional<SerialConsole> consoleOf(String vm) {
        return machineOf(vm).map(Machine::console);
    }

    /// Switches all VMs off and gives them up.
    @Override
    public void close() {
        loop.close();
        var closing =
                runners.values().stream().map(r -> Thread.ofVirtual().start(r::close)).toList();
        for (Thread thread : closing) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        consoles.close();
        captures.close();
    }
}
