package weft.storage.nbd;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.VirtualThreads;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/// One export: its volume is opened for the first connection, shared by all (a pool's volume has
/// one holder, and CAN_MULTI_CONN promises that what one connection flushed all others see), and
/// closed after the last.
///
/// ```
/// closed ──first acquire──► opening ──► open ──last release──► closing ──► closed
///    └──────────────────── retire ────────┴──► retired: no connection any more, for good
/// ```
///
/// A lock, not a Loop: entered from several event loops and from control, for a few instructions.
final class NbdExport {
    private static final Logger log = LoggerFactory.getLogger(NbdExport.class);

    /// Opening and closing may wait for the pool; no event loop may.
    private static final Executor BLOCKING = new VirtualThreads("nbd-export");

    /// What an export needs of a connection.
    interface User {
        /// Ends the connection: soon, after what is in flight, or at once.
        void end(End how);
    }

    /// How connections of a retired export end.
    enum End {
        /// In-flight requests are answered first.
        DRAINED,
        /// No answer any more: a fenced volume must not look like a failing disk.
        ABRUPT
    }

    private final String name;
    private final NbdExports.Opener opener;
    private final Set<User> users = new HashSet<>();
    private @Nullable CompletableFuture<BlockVolume> volume;
    private CompletableFuture<@Nullable Void> closed = CompletableFuture.completedFuture(null);
    private boolean isRetired;

    NbdExport(String name, NbdExports.Opener opener) {
        this.name = name;
        this.opener = opener;
    }

    /// The open volume, for a connection that calls [#release] when it is done with it, also if the
    /// future fails.
    synchronized CompletableFuture<BlockVolume> acquire(User user) {
        if (isRetired) {
            return CompletableFuture.failedFuture(
                    new VolumeException(
                            VolumeException.Reason.CLOSED, "export " + name + " is gone"));
        }
        users.add(user);
        CompletableFuture<BlockVolume> known = volume;
        if (known == null) {
            known = closed.thenComposeAsync(nothing -> opener.open(), BLOCKING);
            volume = known;
        }
        return known;
    }

    /// The connection does not use the volume any more; nothing of it is in flight.
    void release(User user) {
        CompletableFuture<BlockVolume> last;
        var done = new CompletableFuture<@Nullable Void>();
        synchronized (this) {
            last = volume;
            if (!users.remove(user) || !users.isEmpty() || last == null) {
                return;
            }
            volume = null;
            closed = done;
        }
        close(last, done);
    }

    private void close(
            CompletableFuture<BlockVolume> opened, CompletableFuture<@Nullable Void> done) {
        opened.whenCompleteAsync(
                (open, failure) -> {
                    try {
                        if (open != null) {
                            open.close();
                        }
                    } catch (RuntimeException e) {
                        log.error("export {}: closing it failed", name, e);
                    } finally {
                        done.complete(null);
                    }
                },
                BLOCKING);
    }

    /// Ends all connections and takes no more.
    void retire(End how) {
        List<User> all;
        synchronized (this) {
            isRetired = true;
            all = new ArrayList<>(users);
        }
        all.forEach(user -> user.end(how));
    }

    @Override
    public String toString() {
        return name;
    }
}
