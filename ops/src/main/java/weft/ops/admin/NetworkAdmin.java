package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.FabricImage;
import weft.fabric.Network;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Virtual networks: create, delete.
public final class NetworkAdmin {
    /// VNIs of networks are this plus the VLAN id: one network a VLAN id for now.
    private static final int VNI_BASE = 4096;

    private static final String SUBNET_DEFAULT = "10.0.0.0/24";

    private final FabricRecords records;

    public NetworkAdmin(FabricRecords records) {
        this.records = records;
    }

    /// Makes a network.
    ///
    /// @param subnet where NICs get addresses from; networks are isolated, so all may use the same
    public Network create(FabricImage image, String name, int vlan, Optional<String> subnet)
            throws IOException {
        Names.check("network", name);
        if (vlan < 1 || vlan > 4094) {
            throw Refusal.badRequest("VLAN id %d is not in 1..4094", vlan);
        }
        if (image.networks().containsKey(name)) {
            throw Refusal.state("network '%s' exists already: choose another name", name);
        }
        for (Network other : image.networks().values()) {
            if (other.vlan() == vlan) {
                throw Refusal.state(
                        "VLAN %d is network '%s' already: choose another id", vlan, other.name());
            }
        }
        var network =
                new Network(
                        name,
                        vlan,
                        VNI_BASE + vlan,
                        Ipv4Subnet.parse(subnet.orElse(SUBNET_DEFAULT)).toString());
        var changes =
                List.<Change>of(
                        FabricRecords.creation(FabricPaths.vlan(vlan), name),
                        FabricRecords.creation(FabricPaths.network(name), network));
        if (records.store().commit(changes) instanceof Outcome.Conflict) {
            throw Refusal.state(
                    "network '%s' or VLAN %d was made by someone else meanwhile", name, vlan);
        }
        return network;
    }

    /// Removes a network that no NIC is plugged into.
    public void delete(FabricImage image, String name) throws IOException {
        Network network = find(image, name);
        for (var port : image.ports().values()) {
            if (port.network().equals(name)) {
                throw Refusal.state(
                        "network '%s' is in use by port '%s': delete its VM first",
                        name, port.port());
            }
        }
        for (var group : image.groups().values()) {
            if (group.network().equals(name)) {
                throw Refusal.state(
                        "network '%s' has group '%s': weft group delete %s first",
                        name, group.name(), group.name());
            }
        }
        var changes = new ArrayList<Change>();
        for (String path : List.of(FabricPaths.network(name), FabricPaths.vlan(network.vlan()))) {
            records.store()
                    .read(path)
                    .ifPresent(found -> changes.add(new Change.Delete(path, found.version())));
        }
        if (changes.isEmpty() || records.store().commit(changes) instanceof Outcome.Conflict) {
            throw Refusal.state(
                    "network '%s' was changed by someone else meanwhile: try again", name);
        }
    }

    /// The network of that name.
    public static Network find(FabricImage image, String name) {
        Network network = image.networks().get(name);
        if (network == null) {
            throw Refusal.state(
                    "there is no network '%s'%s",
                    name, Names.suggestion(name, image.networks().keySet()));
        }
        return network;
    }
}
