/// Volumes for programs that know nothing of Weft: the Network Block Device protocol (fixed
/// newstyle, structured replies; github.com/NetworkBlockDevice/nbd, doc/proto.md). Netty stays in
/// this room.
///
/// Reading order: `NbdServer` (listens), `NbdSession` (one connection), `NbdHandshake` (its first
/// half), `NbdRequest` and `NbdReply` (the bytes of its second half), `NbdExports` and `NbdExport`
/// (which volumes there are, opened once for all connections).
///
/// ```
/// NbdServer ──► NbdSession ──► NbdHandshake         which export, which replies
///                   │──► NbdRequest.parse ──► BlockVolume ──► NbdReply      any order, many at once
///                   └──► InFlightBudget             no room: the socket is not read
/// ```
@NullMarked
package weft.storage.nbd;

import org.jspecify.annotations.NullMarked;
