package weft.vmhost.agent;

import org.jspecify.annotations.Nullable;

import weft.runtime.Clock;
import weft.runtime.FreshIds;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.vswitch.VSwitch;
import weft.vswitch.port.FrameSink;
import weft.wire.WireMessage;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.Frames;
import weft.wire.capture.CaptureMessage.Read;
import weft.wire.capture.CaptureMessage.Refused;
import weft.wire.capture.CaptureMessage.Start;
import weft.wire.capture.CaptureMessage.Started;
import weft.wire.capture.CaptureMessage.Stop;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/// Captures of frames at this host's switch, for people and demos.
///
/// A capture costs the switch a copy of each frame and this host at most
/// [CaptureMessage#KEPT_BYTES_MAX], so there are few, and one that nobody reads ends itself. Ids
/// are long and random: who did not start a capture cannot read it.
///
/// ```
///   Start ──► running ──Stop, or not read for 30 s──► gone
/// ```
///
/// Starting and ending wait for the switch, so this has a loop of its own; a read that waits is
/// answered from there when the loop next looks.
@Owned("captures loop")
public final class CaptureServer implements Endpoint, AutoCloseable {
    /// Captures at once: 16 × 4 MiB are 64 MiB at worst.
    static final int CAPTURES_MAX = 16;

    /// A client reads every two seconds at least; one that is silent for so long is gone.
    static final Duration UNREAD_MAX = Duration.ofSeconds(30);

    /// How long frames gather before a waiting read is answered.
    private static final Duration LOOK_PERIOD = Duration.ofMillis(50);

    private final VSwitch vswitch;
    private final Clock clock;
    private final LongSupplier epochNanos;
    private final Loop loop = new Loop("captures");
    private final Map<Long, Running> captures = new HashMap<>();
    private Loop.@Nullable Timer looking;

    /// A capture that runs, and the read that waits for its frames.
    private static final class Running {
        final KeptFrames kept;
        final VSwitch.Capture tap;
        long readNanos;
        @Nullable Caller reader;
        long readerDueNanos;

        Running(KeptFrames kept, VSwitch.Capture tap, long nowNanos) {
            this.kept = kept;
            this.tap = tap;
            readNanos = nowNanos;
        }

        /// Answers the read that waits, if one does.
        void answer(Frames frames, long nowNanos) {
            if (reader != null) {
                reader.reply(frames);
                reader = null;
                readNanos = nowNanos;
            }
        }
    }

    /// @param epochNanos the time of day, for the frames
    public CaptureServer(VSwitch vswitch, Clock clock, LongSupplier epochNanos) {
        this.vswitch = vswitch;
        this.clock = clock;
        this.epochNanos = epochNanos;
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        loop.execute(() -> serve(message, caller));
    }

    private void serve(WireMessage message, Caller caller) {
        assert loop.isCurrent();
        long nowNanos = clock.nowNanos();
        endUnread(nowNanos);
        switch (message) {
            case Start start -> start(start, caller, nowNanos);
            case Read read -> read(read, caller, nowNanos);
            case Stop stop -> stop(stop, caller, nowNanos);
            default -> caller.fail("not a capture's request");
        }
    }

    private void start(Start start, Caller caller, long nowNanos) {
        if (captures.size() == CAPTURES_MAX) {
            caller.reply(new Refused(CAPTURES_MAX + " captures run at this host already"));
            return;
        }
        FrameSink.Scope scope =
                switch (start.scope()) {
                    case NETWORK -> new FrameSink.Scope.OfNetwork(start.name());
                    case PORT -> new FrameSink.Scope.OfPort(start.name());
                };
        var kept = new KeptFrames(epochNanos);
        VSwitch.Capture tap;
        try {
            tap = vswitch.capture(scope, kept);
        } catch (IllegalStateException e) {
            caller.reply(new Refused(String.valueOf(e.getMessage())));
            return;
        }
        long id = FreshIds.positive();
        captures.put(id, new Running(kept, tap, nowNanos));
        if (looking == null) {
            looking = loop.every(LOOK_PERIOD, this::look);
        }
        caller.reply(new Started(id));
    }

    private void read(Read read, Caller caller, long nowNanos) {
        Running capture = captures.get(read.id());
        if (capture == null) {
            caller.reply(unknown());
            return;
        }
        capture.answer(new Frames(0, List.of()), nowNanos);
        capture.readNanos = nowNanos;
        int patienceMillis =
                Math.clamp(read.patienceMillis(), 0, CaptureMessage.PATIENCE_MILLIS_MAX);
        if (patienceMillis == 0 || !capture.kept.isEmpty()) {
            caller.reply(capture.kept.take());
        } else {
            capture.reader = caller;
            capture.readerDueNanos = nowNanos + Duration.ofMillis(patienceMillis).toNanos();
        }
    }

    private static Refused unknown() {
        return new Refused(
                "no such capture; it ends when nobody reads it for %d s"
                        .formatted(UNREAD_MAX.toSeconds()));
    }

    private void stop(Stop stop, Caller caller, long nowNanos) {
        Running capture = captures.get(stop.id());
        if (capture == null) {
            caller.reply(unknown());
            return;
        }
        end(stop.id(), capture, nowNanos);
        // After the end: nothing that passed before it is missing.
        caller.reply(capture.kept.take());
    }

    private void end(long id, Running capture, long nowNanos) {
        captures.remove(id);
        capture.tap.close();
        capture.answer(new Frames(0, List.of()), nowNanos);
        if (captures.isEmpty() && looking != null) {
            looking.cancel();
            looking = null;
        }
    }

    private void look() {
        assert loop.isCurrent();
        long nowNanos = clock.nowNanos();
        for (Running capture : captures.values()) {
            boolean isDue = nowNanos - capture.readerDueNanos >= 0;
            if (capture.reader != null && (isDue || !capture.kept.isEmpty())) {
                capture.answer(capture.kept.take(), nowNanos);
            }
        }
        endUnread(nowNanos);
    }

    private void endUnread(long nowNanos) {
        for (Map.Entry<Long, Running> entry : new ArrayList<>(captures.entrySet())) {
            Running capture = entry.getValue();
            if (capture.reader == null && nowNanos - capture.readNanos >= UNREAD_MAX.toNanos()) {
                end(entry.getKey(), capture, nowNanos);
            }
        }
    }

    @Override
    public void close() {
        loop.close();
        captures.values().forEach(capture -> capture.tap.close());
        captures.clear();
    }
}
