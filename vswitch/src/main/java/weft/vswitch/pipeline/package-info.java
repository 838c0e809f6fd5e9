/// What happens to a frame. Reading order: `Pipeline` (the stages, in their order), `Verdict`,
/// `DropReason`, then `Switchboard`, which holds the ports and carries verdicts out.
///
/// ```
/// port ring ──► Switchboard.fromPort ─────┐                       ┌─► Deliver ─► a port's receiver
///                                         ├─► Pipeline.decide ────┼─► Flood   ─► ports, and tunnels
/// underlay ───► Switchboard.fromUnderlay ─┘    (pure: no I/O,     ├─► Tunnel  ─► Underlay.send
///                                               no clock)         └─► Drop    ─► counted once
/// ```
///
/// Nothing here knows a socket, a clock or a thread: time is passed in and datagrams leave through
/// [weft.vswitch.underlay.Underlay], so that tests run whole fabrics of switches step by step.
@NullMarked
package weft.vswitch.pipeline;

import org.jspecify.annotations.NullMarked;
