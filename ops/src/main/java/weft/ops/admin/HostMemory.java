package weft.ops.admin;

import org.jspecify.annotations.Nullable;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// What the live hosts have left for VMs.
public final class HostMemory {
    private HostMemory() {}

    /// Each live host and its free memory.
    public static Map<NodeId, Long> freeBytes(FabricImage image) {
        var free = new TreeMap<NodeId, Long>();
        for (NodePresence presence : image.presences().values()) {
            if (presence.role() == NodePresence.Role.HOST) {
                NodeId host = presence.node();
                free.put(host, presence.memoryBytes() - usedBytes(image, host));
            }
        }
        return free;
    }

    /// Refuses a VM that no host, or not the wanted one, has room for: it would only wait.
    static void check(FabricImage image, VmSpec spec, Optional<NodeId> wanted) {
        long mostBytes =
                freeBytes(image).entrySet().stream()
                        .filter(host -> wanted.isEmpty() || host.getKey().equals(wanted.get()))
                        .mapToLong(Map.Entry::getValue)
                        .max()
                        .orElseThrow(() -> Refusal.state("no host is alive (weft status)"));
        if (spec.memoryBytes() > mostBytes) {
            throw Refusal.state(
                    "VM '%s' needs %d MiB of memory; %s has %d MiB free",
                    spec.name(),
                    spec.memoryBytes() >> 20,
                    wanted.map(host -> "host '" + host + "'").orElse("the emptiest host"),
                    Math.max(0, mostBytes >> 20));
        }
    }

    /// Of the VMs that run there, and of those that are about to.
    private static long usedBytes(FabricImage image, NodeId node) {
        return image.vms().values().stream()
                .filter(spec -> isAt(node, spec, image.placements().get(spec.name())))
                .mapToLong(VmSpec::memoryBytes)
                .sum();
    }

    private static boolean isAt(NodeId node, VmSpec spec, @Nullable VmPlacement placement) {
        return placement != null
                && (node.equals(placement.owner())
                        || placement.owner() == null
                                && node.equals(placement.host())
                                && spec.power() == VmSpec.Power.RUNNING);
    }
}
