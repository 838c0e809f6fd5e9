package weft.storage.server;

import weft.coordination.FabricPaths;
import weft.coordination.FabricStore;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/// The real coordination, whose first reads of configurations end with an error of the code.
final class FailingView implements FabricStore {
    private final FabricStore real;
    private final AtomicInteger failuresLeft;

    FailingView(FabricStore real, int failures) {
        this.real = real;
        failuresLeft = new AtomicInteger(failures);
    }

    int failuresLeft() {
        return Math.max(0, failuresLeft.get());
    }

    @Override
    public Optional<Versioned> read(String path) throws IOException {
        if (path.startsWith(FabricPaths.PLACEMENT_GROUPS) && failuresLeft.decrementAndGet() >= 0) {
            throw new IllegalStateException("on purpose");
        }
        return real.read(path);
    }

    @Override
    public List<String> children(String path) throws IOException {
        return real.children(path);
    }

    @Override
    public Outcome commit(List<Change> changes) throws IOException {
        return real.commit(changes);
    }

    @Override
    public AutoCloseable watch(String root, Consumer<List<Entry>> listener) throws IOException {
        return real.watch(root, listener);
    }

    @Override
    public Announcement announce(String path, byte[] data) throws IOException {
        return real.announce(path, data);
    }

    @Override
    public Seat standForSeat(String path, String candidate) throws IOException {
        return real.standForSeat(path, candidate);
    }

    @Override
    public void close() {}
}
