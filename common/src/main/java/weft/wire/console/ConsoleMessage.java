package weft.wire.console;

import weft.wire.WireMessage;

import java.nio.ByteBuffer;

/// Console requests and their answers. The output of a VM's console is a stream of bytes counted
/// from the VM's start on this host; the host keeps the last [#BACKLOG_BYTES].
public sealed interface ConsoleMessage extends WireMessage {
    /// How far back a client can read.
    int BACKLOG_BYTES = 256 << 10;

    /// The longest input of one request.
    int INPUT_BYTES_MAX = 4096;

    /// Asks for output from `offsetBytes` on; answered when there is some, or after a while with
    /// none.
    ///
    /// @param offsetBytes [#FROM_START_OF_BACKLOG] or [#FROM_NOW] or what [Output] said
    record Read(String vm, long offsetBytes) implements ConsoleMessage {}

    long FROM_START_OF_BACKLOG = 0;
    long FROM_NOW = -1;

    /// Types into the console; answered by [Written] when the UART took it or its buffer is full.
    record Write(String vm, ByteBuffer input) implements ConsoleMessage {}

    /// @param nextOffsetBytes where to read on
    record Output(long nextOffsetBytes, ByteBuffer bytes) implements ConsoleMessage {}

    /// @param acceptedBytes less than sent if the guest does not read
    record Written(int acceptedBytes) implements ConsoleMessage {}

    /// The VM does not run here (now).
    record NotHere(String reason) implements ConsoleMessage {}
}
