package weft.volume;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;

import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/// The looks of one holder at its records ([Renewal]), one at a time: what was refused needs one
/// that began later, and all that is refused meanwhile shares it.
final class Looks {
    private final Function<Boolean, CompletableFuture<Void>> look;

    @GuardedBy("this")
    private CompletableFuture<Void> underWay = CompletableFuture.completedFuture(null);

    /// Whether requests wait for the next one; null if none is wanted.
    @GuardedBy("this")
    private @Nullable Next next;

    private static final class Next {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        boolean isRefused;
    }

    /// @param look looks, for requests that were refused or not
    Looks(Function<Boolean, CompletableFuture<Void>> look) {
        this.look = look;
    }

    /// Has another one made; what is under way may have seen the records as they were before.
    void again() {
        var _ = begin(false);
    }

    /// Completes, in whatever way, after a look that begins from now on.
    CompletableFuture<Void> afterRefusal() {
        return begin(true);
    }

    /// The last one that began.
    synchronized CompletableFuture<Void> last() {
        return underWay;
    }

    private CompletableFuture<Void> begin(boolean isRefused) {
        CompletableFuture<Void> before;
        CompletableFuture<Void> wanted;
        synchronized (this) {
            if (next != null) {
                next.isRefused |= isRefused;
                return next.done;
            }
            next = new Next();
            next.isRefused = isRefused;
            wanted = next.done;
            before = underWay;
        }
        // What it finds out is told here, perhaps at once: with no lock held.
        var _ = before.whenComplete((_, _) -> start());
        return wanted;
    }

    private void start() {
        Next now;
        synchronized (this) {
            now = next;
            next = null;
            if (now == null) {
                return;
            }
            underWay = now.done;
        }
        look.apply(now.isRefused)
                .whenComplete((_, failure) -> {
                    if (failure == null) {
                        now.done.complete(null);
                    } else {
                        now.done.completeExceptionally(failure);
                    }
                });
    }
}
