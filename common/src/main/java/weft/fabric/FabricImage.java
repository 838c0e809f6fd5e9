package weft.fabric;

import java.util.Map;
import java.util.Optional;

/// An immutable picture of the fabric's records, replaced as a whole; everyone reads it without a
/// lock. Placement groups are not in it: clients learn configurations from refusals.
///
/// Keys are names, except attachments (volume id) and presences (`<role>/<node>`).
public record FabricImage(
        Optional<Cluster> cluster,
        PoolSettings settings,
        Map<String, NodePresence> presences,
        Map<String, Volume> volumes,
        Map<VolumeId, Attachment> attachments,
        Map<String, Export> exports,
        Map<String, Image> images,
        Map<String, Network> networks,
        Map<String, PortBinding> ports,
        Map<String, VmSpec> vms,
        Map<String, VmPlacement> placements,
        Map<String, Migration> migrations,
        Map<String, SecurityGroup> groups) {
    /// Nothing is known yet.
    public static final FabricImage EMPTY =
            new FabricImage(
                    Optional.empty(),
                    PoolSettings.NONE,
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of(),
                    Map.of());

    /// Without security groups but the networks' default ones.
    public FabricImage(
            Optional<Cluster> cluster,
            PoolSettings settings,
            Map<String, NodePresence> presences,
            Map<String, Volume> volumes,
            Map<VolumeId, Attachment> attachments,
            Map<String, Export> exports,
            Map<String, Image> images,
            Map<String, Network> networks,
            Map<String, PortBinding> ports,
            Map<String, VmSpec> vms,
            Map<String, VmPlacement> placements,
            Map<String, Migration> migrations) {
        this(
                cluster,
                settings,
                presences,
                volumes,
                attachments,
                exports,
                images,
                networks,
                ports,
                vms,
                placements,
                migrations,
                Map.of());
    }

    /// The presence of a node in a role, if it is alive.
    public Optional<NodePresence> presence(NodePresence.Role role, NodeId node) {
        return Optional.ofNullable(presences.get(role.lowerCase() + "/" + node));
    }
}
