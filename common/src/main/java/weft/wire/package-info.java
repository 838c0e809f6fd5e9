/// Bytes between processes: messages, and the reader and writer their codecs use.
///
/// A family of messages ([weft.wire.MessageFamily]) is a sealed interface of records and one codec;
/// families share connections and are told apart by the range their type ids lie in. Nothing here
/// knows sockets; `weft.transport` carries the messages.
///
/// Long messages lie in memory outside of the heap, whose holders are counted
/// ([weft.wire.CountedMemory]).
///
/// Reading order: [weft.wire.WireMessage], [weft.wire.WireWriter], [weft.wire.WireReader],
/// [weft.wire.MessageFamily], [weft.wire.CountedMemory], [weft.wire.MemoryPool].
@NullMarked
package weft.wire;

import org.jspecify.annotations.NullMarked;
