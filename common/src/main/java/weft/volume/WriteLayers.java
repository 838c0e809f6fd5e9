package weft.volume;

import weft.fabric.LayerChain;
import weft.fabric.VolumeId;
import weft.runtime.BrokenInvariant;
import weft.wire.storage.Mutation;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;

/// The layers that a volume's changes are stamped with, where they are accepted, and which changes
/// are under way with earlier stamps. A cut is the moment of [#switchTo]: what was accepted before
/// is in the snapshot, what comes later is not.
///
/// Any thread; a change costs two atomic additions here.
final class WriteLayers {
    /// The time between two switches.
    static final class Epoch {
        private final LayerChain chain;
        private final long token;
        private final CompletableFuture<Void> mayAnswer;
        private final CompletableFuture<Void> before;
        private final CompletableFuture<Void> ended = new CompletableFuture<>();

        /// One for being the present epoch, and one for each change.
        private final AtomicLong underWay = new AtomicLong(1);

        private Epoch(
                LayerChain chain,
                long token,
                CompletableFuture<Void> mayAnswer,
                CompletableFuture<Void> before) {
            this.chain = chain;
            this.token = token;
            this.mayAnswer = mayAnswer;
            this.before = before;
        }

        LayerChain chain() {
            return chain;
        }

        /// By which its requests are made. What has these stamps is asked by this token only: a cut
        /// of a volume that several processes hold fences the stamps of before with it.
        long token() {
            return token;
        }

        /// Completes when the changes of this epoch may be answered.
        CompletableFuture<Void> mayAnswer() {
            return mayAnswer;
        }

        /// Completes when all changes of earlier epochs have ended.
        CompletableFuture<Void> before() {
            return before;
        }

        private boolean tryEnter() {
            long count = underWay.get();
            while (count > 0 && !underWay.compareAndSet(count, count + 1)) {
                count = underWay.get();
            }
            return count > 0;
        }

        /// A change of this epoch has ended.
        void leave() {
            if (underWay.decrementAndGet() == 0) {
                ended.complete(null);
            }
        }
    }

    private volatile Epoch current;

    WriteLayers(LayerChain chain, long token) {
        var done = CompletableFuture.<Void>completedFuture(null);
        current = new Epoch(chain, token, done, done);
    }

    /// The layers to read through now, and the token to do it by.
    Epoch current() {
        return current;
    }

    /// The layers to read through now.
    LayerChain chain() {
        return current.chain;
    }

    /// The epoch that a new change belongs to; the change calls [Epoch#leave] when it has ended.
    Epoch enter() {
        while (true) {
            Epoch epoch = current;
            if (epoch.tryEnter()) {
                return epoch;
            }
        }
    }

    /// Stamps later changes with these layers.
    ///
    /// @param mayAnswer when their completions may be told
    /// @return false if the layers are older than the present ones
    boolean switchTo(LayerChain chain, CompletableFuture<Void> mayAnswer) {
        Epoch old;
        synchronized (this) {
            old = current;
            if (chain.equals(old.chain)) {
                return true;
            }
            if (!isNewer(chain)) {
                return false;
            }
            current = after(old, chain, old.token, mayAnswer);
        }
        // Who waited for its end goes on here: with no lock held.
        old.leave();
        return true;
    }

    /// Goes on by a token that was raised, with the layers that the volume had then. Changes that
    /// are refused from now on are asked for anew with these stamps.
    void renew(LayerChain chain, long token) {
        Epoch old;
        synchronized (this) {
            old = current;
            current = after(old, chain, token, CompletableFuture.completedFuture(null));
        }
        old.leave();
    }

    /// The same change of other layers.
    static Mutation stamped(Mutation.OfChunk change, List<VolumeId> layers) {
        long chunk = change.chunkIndex();
        int offset = change.offsetInChunk();
        return switch (change) {
            case Mutation.Write write ->
                    new Mutation.Write(
                            layers,
                            chunk,
                            offset,
                            write.payload(),
                            write.checksums(),
                            write.memory());
            case Mutation.Zero zero -> new Mutation.Zero(layers, chunk, offset, zero.lengthBytes());
            case Mutation.Discard discard ->
                    new Mutation.Discard(layers, chunk, offset, discard.lengthBytes());
            case Mutation.Fill _, Mutation.Cover _, Mutation.Trim _, Mutation.CopyDown _ ->
                    throw new BrokenInvariant("maintenance shares no volume: " + change);
        };
    }

    private static Epoch after(
            Epoch old, LayerChain chain, long token, CompletableFuture<Void> mayAnswer) {
        return new Epoch(chain, token, mayAnswer, CompletableFuture.allOf(old.before, old.ended));
    }

    /// Whether the chain is of a later cut than the present one.
    boolean isNewer(LayerChain chain) {
        return chain.top().generation() > current.chain.top().generation();
    }

    /// Completes when all changes with earlier stamps than the present one have ended.
    CompletableFuture<Void> settled() {
        return current.before;
    }
}
