package weft.wire.capture;

import weft.wire.WireMessage;

import java.nio.ByteBuffer;
import java.util.List;

/// Requests about captures at one host's switch, and their answers. The host keeps frames until
/// they are read; what does not fit is lost and counted.
public sealed interface CaptureMessage extends WireMessage {
    /// Frames that a host keeps of one capture until they are read.
    int KEPT_FRAMES_MAX = 4096;

    /// Bytes that a host keeps of one capture, as [CapturedFrame#keptBytes] counts them. One
    /// [Frames] holds all of them: a message may have 256 KiB more.
    int KEPT_BYTES_MAX = 4 << 20;

    /// The longest that a host lets a [Read] wait.
    int PATIENCE_MILLIS_MAX = 2_000;

    /// What a capture's name is the name of.
    enum Scope {
        NETWORK,
        PORT
    }

    /// Which way a frame was going, as the switch sees it.
    enum Direction {
        FROM_PORT,
        TO_PORT,
        FROM_TUNNEL,
        TO_TUNNEL
    }

    /// Begins a capture; answered by [Started] or [Refused]. The name need not exist yet.
    record Start(Scope scope, String name) implements CaptureMessage {}

    /// @param id names the capture, to this host only
    record Started(long id) implements CaptureMessage {}

    /// Too many captures, or none of this id (any more).
    record Refused(String reason) implements CaptureMessage {}

    /// Asks for the frames kept; answered when there are some, or after a while with none. One read
    /// of a capture waits at a time: a second one ends the first's wait.
    ///
    /// @param patienceMillis at most [#PATIENCE_MILLIS_MAX]
    record Read(long id, int patienceMillis) implements CaptureMessage {}

    /// Frames in the order they passed; they are the reader's now.
    ///
    /// @param lost frames since the last read that were not kept
    record Frames(long lost, List<CapturedFrame> frames) implements CaptureMessage {
        public Frames {
            frames = List.copyOf(frames);
        }
    }

    /// Ends a capture; answered by [Frames] with what was not read yet.
    record Stop(long id) implements CaptureMessage {}

    /// A frame that passed.
    ///
    /// @param epochNanos when, since 1970 by the host's time of day
    /// @param where the port's id, or the address of the other end of the tunnel
    /// @param bytes the frame without FCS
    record CapturedFrame(long epochNanos, Direction direction, String where, ByteBuffer bytes) {
        /// What it occupies in a message, at most: time 8, direction 1, two lengths of 4, the
        /// frame, and `where` as UTF-8.
        public int keptBytes() {
            return 17 + bytes.remaining() + 3 * where.length();
        }
    }
}
