package weft.vmhost.agent;

import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.transport.Peers;
import weft.vmhost.machine.EngineKind;
import weft.volume.PoolClient;
import weft.vswitch.VSwitch;

/// What a host's VMs share.
///
/// @param hosts connections to other hosts
/// @param engine what executes the harts' instructions
/// @param meters of the VMs' machines
/// @param memoryBytes what the host offers to VMs in all
public record HostParts(
        NodeId self,
        FabricRecords records,
        FabricWatcher watcher,
        PoolClient pool,
        VSwitch vswitch,
        Peers hosts,
        EngineKind engine,
        VmMeters meters,
        Clock clock,
        long memoryBytes) {}
