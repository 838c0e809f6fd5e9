/// The one transport: every connection between parts of the fabric.
///
/// ```text
///   connect ──► handshake both ways ──► envelopes both ways ──► closed
///                 │ wrong cluster, major, node, garbage, silence
///                 └──► refused by name, closed, counted
/// ```
///
/// Netty's types do not leave this package, but for event loops and [weft.transport.StraightReads],
/// which the NBD server shares. TLS, when it comes, is one handler put in front by
/// [weft.transport.Transport]. There are no heartbeats here: whoever needs to know that a silent
/// peer lives (the storage nodes) beats in its own protocol.
///
/// Reading order: [weft.transport.Handshake], [weft.transport.Transport],
/// [weft.transport.MessageServer], [weft.transport.Peers], [weft.transport.PeerConnection],
/// [weft.transport.Endpoint]; the bytes: EnvelopeReader, [weft.transport.StraightReads],
/// MessageChannel.
@NullMarked
package weft.transport;

import org.jspecify.annotations.NullMarked;
