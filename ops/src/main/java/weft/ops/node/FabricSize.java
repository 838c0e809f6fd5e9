package weft.ops.node;

/// How much of everything a fabric on one machine has.
///
/// @param disksPerNode folders, and so stores, of each storage node
public record FabricSize(int storageNodes, int disksPerNode, int hosts) {
    /// With one disk in each node.
    public static FabricSize of(int storageNodes, int hosts) {
        return new FabricSize(storageNodes, 1, hosts);
    }
}
