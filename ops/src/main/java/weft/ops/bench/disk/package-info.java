/// Measuring the pool: what `weft bench disk` runs. fio speaks NBD to Weft and to a peer, in turns;
/// our own client speaks to Weft as a VM host does.
///
/// Reading order: DiskLoad (what is asked for) · DiskSide (who is asked) · FioRun, NativeRun (how)
/// · ServerUsage, BlockDevice (what it costs) · DiskBench (the rows) · DiskPeer, QemuNbdPeer,
/// CephPeer, PeerProcesses (with whom it is compared).
@NullMarked
package weft.ops.bench.disk;

import org.jspecify.annotations.NullMarked;
