/// Measuring the network: what `weft bench net` runs. Two stations, each a network namespace with
/// one interface, are joined by Weft's switch or by a peer, and iperf3, ping and a blaster of small
/// datagrams run between them.
///
/// Reading order: NetLoad (what is measured) · Lab, Station (between whom) · NetSide, TapPair,
/// VxlanPair, BridgePair (by what they are joined) · SwitchProcess, BareForwarder (processes of
/// ours) · Blaster, NetRun (how) · NetBench (the rows).
@NullMarked
package weft.ops.bench.net;

import org.jspecify.annotations.NullMarked;
