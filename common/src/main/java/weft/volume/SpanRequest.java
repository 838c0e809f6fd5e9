package weft.volume;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.runtime.BrokenInvariant;
import weft.volume.VolumeException.Reason;
import weft.wire.WireMessage;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.MapDone;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.Refused;
import weft.wire.storage.StorageMessage.ToStore;
import weft.wire.storage.StorageMessage.WriteBlocks;
import weft.wire.storage.StorageMessage.WriteDone;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/// One operation's part in one chunk: asked until it is answered.
///
/// ```text
///   ask the primary ──done──► finished
///     │ refused with a newer configuration: ask its primary at once
///     │ unreachable, refused, silent: ask the next member, after a pause; any of them may be
///     │ primary by now, and each knows the configuration it is in
///     └ fenced, no space, corrupt: finished with that reason
/// ```
///
/// A change carries the same (session, number) each time, so it takes effect once however often it
/// is sent. Any thread; answers of several attempts may race, the first that decides wins.
final class SpanRequest {
    private static final int PAUSE_MILLIS_MIN = 5;
    private static final int PAUSE_MILLIS_MAX = 100;

    /// After so many attempts in vain the coordination is asked, and again after as many.
    private static final int ATTEMPTS_PER_REFRESH = 8;

    private static final int CORRUPT_ATTEMPTS_MAX = 4;

    /// What is asked for.
    sealed interface Work {
        /// @param number the session's number of the change
        /// @param epoch that it was stamped in
        record Change(Mutation mutation, long number, WriteLayers.Epoch epoch) implements Work {}

        /// Whole blocks, of which `wanted` bytes after `skipBytes` go to the target.
        ///
        /// @param targetIndex where in the target
        record Fetch(
                int offsetInChunk,
                int lengthBytes,
                int skipBytes,
                ByteBuffer target,
                int targetIndex,
                int wantedBytes)
                implements Work {}

        /// The states of some blocks.
        ///
        /// @param firstBlock of the chunk
        /// @param targetIndex where in the target
        record Survey(int firstBlock, int blocks, byte[] target, int targetIndex) implements Work {}
    }

    private final RemoteVolume volume;
    private final long number;
    private final VolumeOperation operation;
    private final PlacementGroupId pg;
    private final long chunkIndex;
    private final long deadlineNanos;
    private final AtomicBoolean finished = new AtomicBoolean();
    private final AtomicInteger attempts = new AtomicInteger();
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicInteger corruptReplies = new AtomicInteger();

    /// A change is stamped anew when its holder goes on by a newer token; not after its end.
    private volatile Work work;

    private volatile boolean refusedAtOnce;
    private volatile int failuresSinceNews;
    private final Patience patience = new Patience();

    /// The primary when it was asked last; null while it waits to ask.
    private volatile @Nullable Member askedPrimary;

    SpanRequest(
            RemoteVolume volume,
            VolumeOperation operation,
            long chunkIndex,
            Work work,
            long deadlineNanos) {
        this.volume = volume;
        number = volume.nextSpan();
        this.operation = operation;
        this.chunkIndex = chunkIndex;
        this.work = work;
        this.deadlineNanos = deadlineNanos;
        pg = volume.groupOf(chunkIndex);
    }

    /// Of the spans of its volume.
    long number() {
        return number;
    }

    void attempt() {
        if (finished.get()) {
            return;
        }
        Optional<Reason> stopped = volume.stopped();
        if (stopped.isPresent()) {
            fail(stopped.get(), "the volume is no longer open");
            return;
        }
        patience.asked(volume.nowNanos());
        askedPrimary = null;
        Optional<Configuration> known = volume.pool().configurationOf(pg);
        int attempt = attempts.getAndIncrement();
        if (known.isEmpty() || attempt % ATTEMPTS_PER_REFRESH == ATTEMPTS_PER_REFRESH - 1) {
            volume.pool()
                    .refresh(pg)
                    .whenComplete((_, failure) -> {
                        if (failure == null && volume.pool().configurationOf(pg).isPresent()) {
                            askOrEnd();
                        } else {
                            retryAfterPause();
                        }
                    });
            return;
        }
        askOrEnd();
    }

    /// What cannot even be asked ends: it would fail the same way again, and nobody would hear.
    private void askOrEnd() {
        try {
            ask();
        } catch (RuntimeException e) {
            finish(Optional.of(e));
        }
    }

    private void ask() {
        Configuration configuration = volume.pool().configurationOf(pg).orElseThrow();
        int primary = configuration.members().indexOf(configuration.primary());
        int index = (primary + failuresSinceNews) % configuration.members().size();
        Member target = configuration.members().get(index);
        Optional<NodeId> node = volume.pool().nodeOf(target);
        if (node.isEmpty()) {
            retryElsewhere();
            return;
        }
        asked.incrementAndGet();
        askedPrimary = configuration.primary();
        Work wanted = work;
        WriteLayers.Epoch epoch = epochOf(wanted);
        var request = request(wanted, epoch, configuration.version());
        volume.pool()
                .request(node.get(), new ToStore(target.store(), request))
                .whenComplete((answer, failure) -> {
                    if (failure == null) {
                        learnIfNews(index != primary, answer);
                        onAnswerOrEnd(answer, epoch);
                        answer.memory().release();
                    } else {
                        retryElsewhere();
                    }
                });
    }

    /// Who serves and is not known as the primary has become it. What is not learned here is not
    /// learned at all: the old one may hang, and every later request would wait for it first.
    private void learnIfNews(boolean isOther, WireMessage answer) {
        if (isOther && !(answer instanceof Refused)) {
            var _ = volume.pool().refresh(pg);
        }
    }

    /// Of which a request has both its layers and its token. What is read is read through the
    /// layers of the moment in which it is asked for.
    private WriteLayers.Epoch epochOf(Work wanted) {
        return wanted instanceof Work.Change(_, _, var epoch) ? epoch : volume.layers().current();
    }

    private StorageMessage.Request request(
            Work wanted, WriteLayers.Epoch epoch, long knownVersion) {
        return switch (wanted) {
            case Work.Change(var mutation, var number, _) ->
                    new WriteBlocks(
                            pg,
                            knownVersion,
                            volume.session(),
                            number,
                            volume.writes().lowestUnfinished(),
                            epoch.token(),
                            mutation);
            case Work.Fetch fetch ->
                    new ReadBlocks(
                            pg,
                            knownVersion,
                            epoch.token(),
                            epoch.chain().at(offsetBytes(fetch.offsetInChunk())),
                            chunkIndex,
                            fetch.offsetInChunk(),
                            fetch.lengthBytes());
            case Work.Survey survey ->
                    new MapBlocks(
                            pg,
                            knownVersion,
                            epoch.token(),
                            epoch.chain()
                                    .at(offsetBytes(survey.firstBlock() * ChunkKey.BLOCK_BYTES)),
                            chunkIndex);
        };
    }

    private long offsetBytes(int offsetInChunk) {
        return chunkIndex * ChunkKey.CHUNK_BYTES + offsetInChunk;
    }

    private void onAnswerOrEnd(WireMessage answer, WriteLayers.Epoch epoch) {
        try {
            onAnswer(answer, epoch);
        } catch (RuntimeException e) {
            finish(Optional.of(e));
        }
    }

    private void onAnswer(WireMessage answer, WriteLayers.Epoch epoch) {
        switch (answer) {
            case WriteDone _ when work instanceof Work.Change -> finish(Optional.empty());
            case ReadDone done when work instanceof Work.Fetch fetch -> onRead(done, fetch);
            case MapDone done when work instanceof Work.Survey survey -> {
                if (finished.compareAndSet(false, true)) {
                    int first = done.states().position() + survey.firstBlock();
                    done.states()
                            .get(first, survey.target(), survey.targetIndex(), survey.blocks());
                    end(Optional.empty());
                }
            }
            case Refused refused -> onRefused(refused, epoch);
            case WireMessage other -> retryElsewhere("an answer of type " + other.getClass());
        }
    }

    private void retryElsewhere(String why) {
        volume.meters().oddAnswers.increment();
        assert !why.isEmpty();
        retryElsewhere();
    }

    private void onRead(ReadDone done, Work.Fetch fetch) {
        if (done.data().remaining() != fetch.lengthBytes()
                || !BlockChecksums.match(done.data(), done.checksums())) {
            volume.meters().checksumErrors.increment();
            if (corruptReplies.incrementAndGet() >= CORRUPT_ATTEMPTS_MAX) {
                fail(Reason.CORRUPT, "what arrived does not match its checksums");
            } else {
                retryAfterPause();
            }
            return;
        }
        if (finished.compareAndSet(false, true)) {
            end(copied(done, fetch));
        }
    }

    /// Into the caller's buffer; what is wrong with that, the caller hears.
    private static Optional<RuntimeException> copied(ReadDone done, Work.Fetch fetch) {
        try {
            fetch.target()
                    .put(
                            fetch.targetIndex(),
                            done.data(),
                            done.data().position() + fetch.skipBytes(),
                            fetch.wantedBytes());
            return Optional.empty();
        } catch (RuntimeException e) {
            return Optional.of(e);
        }
    }

    private void onRefused(Refused refused, WriteLayers.Epoch epoch) {
        volume.meters().refused.increment();
        boolean news = refused.current().map(volume.pool()::learn).orElse(false);
        if (news) {
            failuresSinceNews = 0;
        }
        switch (refused.reason()) {
            case NOT_PRIMARY -> {
                if (news) {
                    attempt();
                } else {
                    retryElsewhere();
                }
            }
            case NOT_SERVING -> {
                if (news) {
                    retryAfterPause();
                } else {
                    retryElsewhere();
                }
            }
            case OVERLOADED -> retryAfterPause();
            case FENCED ->
                    volume.isRenewed(epoch.token())
                            .whenComplete((goesOn, failure) ->
                                    onFenced(failure == null && goesOn, epoch, refused.detail()));
            case NO_SPACE -> {
                refusedAtOnce = true;
                fail(Reason.NO_SPACE, refused.detail());
            }
            case CORRUPT -> fail(Reason.CORRUPT, refused.detail());
            case BAD_REQUEST ->
                    finish(
                            Optional.of(
                                    new BrokenInvariant(
                                            "%s chunk %d: %s refused a request without sense: %s"
                                                    .formatted(
                                                            volume,
                                                            chunkIndex,
                                                            pg,
                                                            refused.detail()))));
        }
    }

    private void onFenced(boolean goesOn, WriteLayers.Epoch refused, String detail) {
        try {
            if (!goesOn) {
                refusedAtOnce = true;
                volume.onFenced();
                fail(Reason.FENCED, detail);
            } else if (stampAnew(refused.token())) {
                attempt();
            } else {
                fail(Reason.OUT_OF_RANGE, "the volume has shrunk meanwhile");
            }
        } catch (RuntimeException e) {
            finish(Optional.of(e));
        }
    }

    /// A change gets the layers and the token of now, and keeps its number: if it was done with
    /// those of before, it is not done once more.
    ///
    /// @param refusedToken a change with newer stamps than were refused may be on its way already
    /// @return false if the volume has ended before where the change goes
    private boolean stampAnew(long refusedToken) {
        WriteLayers.Epoch left;
        boolean fits;
        synchronized (this) {
            boolean isOlder =
                    work instanceof Work.Change(_, _, var stamps) && stamps.token() <= refusedToken;
            if (finished.get() || !isOlder) {
                return true;
            }
            var old = (Work.Change) work;
            WriteLayers.Epoch now = volume.layers().enter();
            var change = (Mutation.OfChunk) old.mutation();
            long start = offsetBytes(change.offsetInChunk());
            long end = start + change.lengthBytes();
            fits = end <= volume.sizeBytes() && end <= now.chain().sameUntil(start);
            left = fits ? old.epoch() : now;
            if (fits) {
                Mutation anew = WriteLayers.stamped(change, now.chain().at(start));
                work = new Work.Change(anew, old.number(), now);
            }
        }
        // Who waited for its end goes on here: with no lock held.
        left.leave();
        return fits;
    }

    private void retryElsewhere() {
        // A race of two attempts may lose one count: the next one goes elsewhere again.
        failuresSinceNews = failuresSinceNews + 1;
        retryAfterPause();
    }

    private void retryAfterPause() {
        int attempt = attempts.get();
        long millis = Math.min(PAUSE_MILLIS_MAX, (long) PAUSE_MILLIS_MIN << Math.min(attempt, 5));
        volume.meters().retries.increment();
        askedPrimary = null;
        volume.pool().later(Duration.ofMillis(millis), this::attempt);
    }

    /// Time passes: another member is asked if this one is silent.
    void onTick(long nowNanos) {
        if (finished.get()) {
            return;
        }
        if (deadlineNanos != RemoteVolume.NO_DEADLINE && nowNanos - deadlineNanos >= 0) {
            fail(Reason.TIMED_OUT, "no answer in time");
            return;
        }
        if (isLedByAnother()) {
            failuresSinceNews = 0;
            attempt();
        } else if (patience.isOver(nowNanos)) {
            failuresSinceNews = failuresSinceNews + 1;
            volume.meters().silences.increment();
            attempt();
        }
    }

    /// Whether other requests have learned meanwhile that who was to answer leads no more.
    private boolean isLedByAnother() {
        Member then = askedPrimary;
        return then != null
                && volume.pool()
                        .configurationOf(pg)
                        .filter(now -> !now.primary().equals(then))
                        .isPresent();
    }

    void fail(Reason reason, String why) {
        int offset =
                switch (work) {
                    case Work.Change(Mutation.OfChunk change, _, _) -> change.offsetInChunk();
                    case Work.Change _ -> 0;
                    case Work.Survey survey -> survey.firstBlock() * ChunkKey.BLOCK_BYTES;
                    case Work.Fetch fetch -> fetch.offsetInChunk();
                };
        finish(
                Optional.of(
                        new VolumeException(
                                reason,
                                "%s at %d: %s"
                                        .formatted(
                                                volume,
                                                chunkIndex * ChunkKey.CHUNK_BYTES + offset,
                                                why))));
    }

    private void finish(Optional<? extends Exception> failure) {
        if (finished.compareAndSet(false, true)) {
            end(failure);
        }
    }

    /// Whether it was not done and will not be. That is known only of what was asked for once and
    /// was refused: an earlier attempt may have its place in the order already, before the token
    /// that refuses later ones, or may arrive when there is space again.
    private boolean isRefusal(Exception failure) {
        return failure instanceof VolumeException told
                && switch (told.reason()) {
                    case NO_SPACE, FENCED -> asked.get() == (refusedAtOnce ? 1 : 0);
                    case OUT_OF_RANGE, READ_ONLY, TIMED_OUT, CLOSED, CORRUPT -> false;
                };
    }

    private void end(Optional<? extends Exception> failure) {
        Work last;
        synchronized (this) {
            // From here on it is not stamped anew.
            last = work;
        }
        if (last instanceof Work.Change(_, long number, WriteLayers.Epoch epoch)) {
            volume.writes().finish(number);
            if (failure.isPresent() && !isRefusal(failure.get())) {
                volume.onUnknownOutcome();
            }
            epoch.leave();
        }
        volume.onSpanEnded(this);
        operation.onSpanEnded(failure);
    }
}
