package weft.volume;

import weft.fabric.VolumeId;

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
        private final List<VolumeId> layers;
        private final CompletableFuture<Void> mayAnswer;
        private final CompletableFuture<Void> before;
        private final CompletableFuture<Void> ended = new CompletableFuture<>();

        /// One for being the present epoch, and one for each change.
        private final AtomicLong underWay = new AtomicLong(1);

        private Epoch(
                List<VolumeId> layers,
                CompletableFuture<Void> mayAnswer,
                CompletableFuture<Void> before) {
            this.layers = layers;
            this.mayAnswer = mayAnswer;
            this.before = before;
        }

        /// Top first.
        List<VolumeId> layers() {
            return layers;
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

    WriteLayers(List<VolumeId> layers) {
        var done = CompletableFuture.<Void>completedFuture(null);
        current = new Epoch(List.copyOf(layers), done, done);
    }

    /// The layers to read through now.
    List<VolumeId> layers() {
        return current.layers;
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
    synchronized boolean switchTo(List<VolumeId> layers, CompletableFuture<Void> mayAnswer) {
        Epoch old = current;
        if (layers.equals(old.layers)) {
            return true;
        }
        if (layers.getFirst().generation() <= old.layers.getFirst().generation()) {
            return false;
        }
        current =
                new Epoch(
                        List.copyOf(layers),
                        mayAnswer,
                        CompletableFuture.allOf(old.before, old.ended));
        old.leave();
        return true;
    }

    /// Completes when all changes with earlier stamps than the present one have ended.
    CompletableFuture<Void> settled() {
        return current.before;
    }
}
