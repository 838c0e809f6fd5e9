/// Security groups, enforced at each port by its own host: what a VM may begin, what may be begun
/// with it, and what belongs to either. Reading order: `Firewall` (one for each port: the decision
/// in one place), `RuleSet` and `NetworkGroups` (what may begin), `Connections` (what has begun),
/// `TcpTracker` (what belongs to a TCP connection), `PacketView` and `Fragments` (bytes).
///
/// ```
///   frame ─► PacketView ─┬─ no IP, neighbour discovery ─► passes
///                        ├─ later fragment ─► Fragments ─► as the first one
///                        ├─ ICMP error ─► Connections: of the packet that it is about
///                        └─ Connections ─┬─ found ─► TcpTracker ─► passes, or belongs to none
///                                        └─ new ───► RuleSet ────► begins, or is denied
/// ```
///
/// Everything is owned by the switch's loop. Per packet nothing is allocated; tables grow, up to
/// their limits, when a connection begins.
@NullMarked
package weft.vswitch.policy;

import org.jspecify.annotations.NullMarked;
