package weft.vswitch.port;

/// What passed this switch in one network since the network appeared here. Copies count: a frame
/// that is flooded goes to several ports and tunnels.
public record NetworkCounters(
        long framesFromPorts, long framesToPorts, long framesFromTunnels, long framesToTunnels) {}
