package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.Image;
import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.vswitch.service.Station;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/// VMs: create, start, stop, reset, delete. What is written here is wanted; hosts carry it out.
public final class VmAdmin {
    /// Enough for the stock Debian kernel and an initramfs.
    public static final long MEMORY_BYTES_MIN = 96L << 20;

    public static final long MEMORY_BYTES_MAX = 64L << 30;

    /// As many as a machine has.
    public static final int CPUS_MAX = 16;

    private static final int NICS_MAX = 4;

    private final FabricRecords records;

    public VmAdmin(FabricRecords records) {
        this.records = records;
    }

    /// Makes a VM: a clone of the image's root as its disk, a port for each NIC, its spec.
    public VmSpec create(FabricImage image, VmRequest request) throws IOException {
        check(image, request);
        Image guest = findImage(image, request.image());
        String disk = request.name() + "-root";
        var volumes = new VolumeAdmin(records);
        var _ = volumes.cloneable(image, guest.root(), disk, request.diskBytes());
        List<PortBinding> ports = bind(image, request);
        var spec =
                new VmSpec(
                        request.name(),
                        UUID.randomUUID(),
                        request.image(),
                        request.memoryBytes(),
                        request.cpus(),
                        List.of(disk),
                        ports.stream().map(PortBinding::port).toList(),
                        request.power());
        if (spec.power() == VmSpec.Power.RUNNING) {
            HostMemory.check(image, spec, request.host());
        }
        var placement =
                new VmPlacement(
                        request.host().orElse(null), null, 0, VmPlacement.State.STOPPED, "");
        var changes = new ArrayList<Change>();
        changes.add(FabricRecords.creation(FabricPaths.vm(spec.name()), spec));
        changes.add(FabricRecords.creation(FabricPaths.placement(spec.name()), placement));
        for (PortBinding port : ports) {
            changes.add(FabricRecords.creation(FabricPaths.port(port.port()), port));
        }
        for (String group : request.groups()) {
            changes.add(stillThere(group));
        }
        Outcome outcome =
                records.commitLayers(
                        1,
                        id -> {
                            Found<Volume> root =
                                    volumes.cloneable(
                                            image, guest.root(), disk, request.diskBytes());
                            List<Change> all = new ArrayList<>(changes);
                            all.add(
                                    new Change.Check(
                                            FabricPaths.volume(guest.root()), root.version()));
                            Volume made =
                                    VolumeAdmin.cloneRecord(
                                            root.noun(), id, disk, request.diskBytes());
                            all.add(FabricRecords.creation(FabricPaths.volume(disk), made));
                            return all;
                        });
        if (outcome instanceof Outcome.Conflict(var path)) {
            if (path.startsWith(FabricPaths.group(""))) {
                throw Refusal.state("%s was changed meanwhile: try again", path.substring(6));
            }
            throw path.equals(FabricPaths.volume(guest.root()))
                    ? Refusal.state("image '%s' was changed meanwhile: try again", guest.name())
                    : Refusal.state("%s exists already: nothing was made", path.substring(6));
        }
        return spec;
    }

    private static void check(FabricImage image, VmRequest request) {
        Names.check("VM", request.name());
        if (image.vms().containsKey(request.name())) {
            throw Refusal.state("VM '%s' exists already: choose another name", request.name());
        }
        long memory = request.memoryBytes();
        if (memory < MEMORY_BYTES_MIN || memory > MEMORY_BYTES_MAX || memory % 4096 != 0) {
            throw Refusal.badRequest(
                    "memory %d is not usable: a multiple of 4096 bytes from 96M to 64G", memory);
        }
        if (request.cpus() < 1 || request.cpus() > CPUS_MAX) {
            throw Refusal.badRequest("%d CPUs: a VM has 1 to %d", request.cpus(), CPUS_MAX);
        }
        if (request.nics().size() > NICS_MAX) {
            throw Refusal.badRequest(
                    "%d networks: a VM has at most %d NICs", request.nics().size(), NICS_MAX);
        }
        if (request.groups().size() > PortBinding.GROUPS_MAX) {
            throw Refusal.badRequest(
                    "%d groups: a NIC is in at most %d",
                    request.groups().size(), PortBinding.GROUPS_MAX);
        }
        for (String group : request.groups()) {
            String network = GroupAdmin.find(image, group).network();
            if (request.nics().stream().noneMatch(nic -> nic.network().equals(network))) {
                throw Refusal.badRequest(
                        "group '%s' is of network '%s', and the VM has no NIC there",
                        group, network);
            }
        }
        request.host().ifPresent(host -> findHost(image, host));
    }

    private static List<PortBinding> bind(FabricImage image, VmRequest request) {
        var ports = new ArrayList<PortBinding>();
        Set<MacAddress> macs =
                image.ports().values().stream()
                        .map(PortBinding::mac)
                        .collect(Collectors.toCollection(HashSet::new));
        for (VmRequest.Nic nic : request.nics()) {
            var network = NetworkAdmin.find(image, nic.network());
            var subnet = Ipv4Subnet.parse(network.subnet());
            Set<String> taken =
                    image.ports().values().stream()
                            .filter(port -> port.network().equals(network.name()))
                            .map(PortBinding::ipv4)
                            .collect(Collectors.toCollection(HashSet::new));
            ports.forEach(port -> {
                if (port.network().equals(network.name())) {
                    taken.add(port.ipv4());
                }
            });
            String address =
                    nic.ipv4().map(subnet::checked).orElseGet(() -> subnet.freeAddress(taken));
            if (taken.contains(address)) {
                throw Refusal.state(
                        "address %s is in use in network '%s'", address, network.name());
            }
            String port = request.name() + "-" + ports.size();
            MacAddress mac = nic.mac().orElseGet(() -> freeMac(port, macs));
            if (!mac.isUnicast()) {
                throw Refusal.badRequest("MAC address %s is a group's, not a station's", mac);
            }
            if (mac.bits() == Station.SERVICE_MAC) {
                throw Refusal.badRequest("MAC address %s is that of networks themselves", mac);
            }
            if (!macs.add(mac)) {
                throw Refusal.state("MAC address %s is in use by another port", mac);
            }
            List<String> groups = groupsOf(image, request.groups(), network.name());
            ports.add(new PortBinding(port, network.name(), mac, address, null, null, 0, groups));
        }
        return ports;
    }

    private Change stillThere(String group) throws IOException {
        String path = FabricPaths.group(group);
        return records.find(path, SecurityGroup.class)
                .map(found -> new Change.Check(path, found.version()))
                .orElseThrow(() -> Refusal.state("group '%s' was deleted meanwhile", group));
    }

    /// Those of the groups that are of the network.
    private static List<String> groupsOf(FabricImage image, List<String> groups, String network) {
        return groups.stream()
                .filter(group -> GroupAdmin.find(image, group).network().equals(network))
                .toList();
    }

    /// QEMU's prefix, then a hash of the port's name: the same name gets the same MAC again.
    private static MacAddress freeMac(String port, Set<MacAddress> taken) {
        long low = port.hashCode() & 0xff_ffffL;
        while (true) {
            var mac = new MacAddress(0x5254_0000_0000L | low);
            if (!taken.contains(mac)) {
                return mac;
            }
            low = low + 1 & 0xff_ffff;
        }
    }

    /// Asks for the VM to run (again, also after a failure).
    public void start(FabricImage image, String name, Optional<NodeId> host) throws IOException {
        VmSpec spec = find(image, name);
        host.ifPresent(wanted -> findHost(image, wanted));
        VmPlacement placement = placementOf(image, name);
        if (spec.power() == VmSpec.Power.RUNNING && placement.state() != VmPlacement.State.FAILED) {
            throw Refusal.state("VM '%s' is wanted running already", name);
        }
        NodeId owner = placement.owner();
        if (owner != null && image.presence(NodePresence.Role.HOST, owner).isPresent()) {
            throw Refusal.state(
                    "VM '%s' is being stopped and not off yet: weft vm stop %s waits for that",
                    name, name);
        }
        if (spec.power() != VmSpec.Power.RUNNING && placement.owner() == null) {
            HostMemory.check(image, spec, host);
        }
        for (String disk : spec.disks()) {
            Export export = image.exports().get(disk);
            if (export != null && !export.readOnly()) {
                throw Refusal.state(
                        "disk '%s' is exported for writing: weft volume unexport %s", disk, disk);
            }
        }
        var _ =
                records.update(
                        FabricPaths.placement(name),
                        VmPlacement.class,
                        now ->
                                now.owner() != null
                                        ? now
                                        : new VmPlacement(
                                                host.orElse(null),
                                                null,
                                                now.epoch(),
                                                VmPlacement.State.STOPPED,
                                                ""));
        change(name, now -> now.withPower(VmSpec.Power.RUNNING));
    }

    /// Asks for the VM to be switched off, if nobody has yet.
    public void stop(FabricImage image, String name) throws IOException {
        if (isOff(image, name)) {
            throw Refusal.state("VM '%s' is stopped already", name);
        }
        if (find(image, name).power() == VmSpec.Power.RUNNING) {
            change(name, now -> now.withPower(VmSpec.Power.STOPPED));
        }
    }

    /// Asks for the VM's cable to be pulled; also while it has been asked to go off by itself.
    public void cut(FabricImage image, String name) throws IOException {
        if (isOff(image, name)) {
            throw Refusal.state("VM '%s' is stopped already", name);
        }
        change(name, VmSpec::withCut);
    }

    /// Whether nobody runs it, or is to.
    public static boolean isOff(FabricImage image, String name) throws IOException {
        return find(image, name).power() != VmSpec.Power.RUNNING
                && placementOf(image, name).owner() == null;
    }

    /// Asks for the VM's reset button to be pressed.
    public void reset(FabricImage image, String name) throws IOException {
        if (find(image, name).power() != VmSpec.Power.RUNNING) {
            throw Refusal.state("VM '%s' is stopped: weft vm start %s", name, name);
        }
        change(name, VmSpec::withReset);
    }

    private void change(String name, UnaryOperator<VmSpec> next) throws IOException {
        if (records.update(FabricPaths.vm(name), VmSpec.class, next).isEmpty()) {
            throw Refusal.state("VM '%s' was deleted meanwhile", name);
        }
    }

    /// Removes a stopped VM with its disk and ports.
    public void delete(FabricImage image, String name) throws IOException {
        VmSpec spec = find(image, name);
        var placement = records.find(FabricPaths.placement(name), VmPlacement.class);
        if (placement.isPresent() && placement.get().noun().owner() != null) {
            throw Refusal.state(
                    "VM '%s' is running on %s: weft vm stop %s first",
                    name, placement.get().noun().owner(), name);
        }
        if (spec.power() == VmSpec.Power.RUNNING
                && placementOf(image, name).state() != VmPlacement.State.FAILED) {
            throw Refusal.state("VM '%s' is about to start: weft vm stop %s first", name, name);
        }
        var changes = new ArrayList<Change>();
        var paths = new ArrayList<String>();
        paths.add(FabricPaths.vm(name));
        paths.add(FabricPaths.placement(name));
        paths.add(FabricPaths.migration(name));
        spec.ports().forEach(port -> paths.add(FabricPaths.port(port)));
        for (String disk : spec.disks()) {
            paths.add(FabricPaths.volume(disk));
            Volume volume = image.volumes().get(disk);
            if (volume != null) {
                paths.add(FabricPaths.attachment(volume.id()));
            }
        }
        for (String path : paths) {
            var found = records.store().read(path);
            found.ifPresent(versioned -> changes.add(new Change.Delete(path, versioned.version())));
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict) {
            throw Refusal.state("VM '%s' was changed by someone else meanwhile: try again", name);
        }
    }

    /// The VM of that name.
    public static VmSpec find(FabricImage image, String name) {
        VmSpec spec = image.vms().get(name);
        if (spec == null) {
            throw Refusal.state(
                    "there is no VM '%s'%s", name, Names.suggestion(name, image.vms().keySet()));
        }
        return spec;
    }

    /// Who runs it; nobody if there is no record yet.
    public static VmPlacement placementOf(FabricImage image, String name) {
        VmPlacement placement = image.placements().get(name);
        return placement != null
                ? placement
                : new VmPlacement(null, null, 0, VmPlacement.State.STOPPED, "");
    }

    static Image findImage(FabricImage image, String name) {
        Image found = image.images().get(name);
        if (found == null) {
            throw Refusal.state(
                    "there is no image '%s'%s (weft image pull debian-micro)",
                    name, Names.suggestion(name, image.images().keySet()));
        }
        return found;
    }

    static NodePresence findHost(FabricImage image, NodeId host) {
        return image.presence(NodePresence.Role.HOST, host)
                .orElseThrow(() ->
                        Refusal.state(
                                "there is no live host '%s'%s",
                                host,
                                Names.suggestion(
                                        host.name(),
                                        image.presences().values().stream()
                                                .filter(p -> p.role() == NodePresence.Role.HOST)
                                                .map(p -> p.node().name())
                                                .toList())));
    }
}
