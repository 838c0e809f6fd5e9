package weft.vmhost.agent;

import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.transport.Peers;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.volume.PoolClient;
import weft.vswitch.VSwitch;

import java.util.function.Function;

/// What a host's VMs share.
///
/// @param hosts connections to other hosts
/// @param engines makes what executes a hart's instructions
/// @param memoryBytes what the host offers to VMs in all
public record HostParts(
        NodeId self,
        FabricRecords records,
        FabricWatcher watcher,
        PoolClient pool,
        VSwitch vswitch,
        Peers hosts,
        Function<Hart, Engine> engines,
        Clock clock,
        long memoryBytes) {}
