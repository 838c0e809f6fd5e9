package weft.vswitch.port;

import weft.fabric.GroupRule.Direction;

/// A connection of a port, as it was at one moment.
///
/// @param number its own as long as it is remembered; then another's
/// @param protocol by IANA's numbers
/// @param initiator who began it: the port's VM if [Direction#OUT]
/// @param localPort of the VM; the identifier of ICMP, 0 of what has none
/// @param state TCP's; else `answered` or `unanswered`
/// @param idleNanos since its last frame, to within a second
public record ConnectionReport(
        int number,
        int protocol,
        Direction initiator,
        String localAddress,
        int localPort,
        String remoteAddress,
        int remotePort,
        String state,
        long ageNanos,
        long idleNanos,
        long framesOut,
        long framesIn) {}
