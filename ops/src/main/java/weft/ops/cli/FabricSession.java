package weft.ops.cli;

import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.runtime.BootClock;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/// A command's connection to the fabric: its records, and their image as it changes.
public final class FabricSession implements AutoCloseable {
    private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(5);

    private final ZooKeeperFabricStore store;
    private final FabricWatcher watcher;

    private FabricSession(ZooKeeperFabricStore store, FabricWatcher watcher) {
        this.store = store;
        this.watcher = watcher;
    }

    /// Connects to the fabric that the options name.
    ///
    /// @throws CliFailure `UNREACHABLE` if it does not answer
    public static FabricSession open(FabricOptions options) {
        return open(options.connectString(), CONNECT_PATIENCE);
    }

    /// Connects to the fabric at a ZooKeeper.
    public static FabricSession open(String connectString, Duration patience) {
        try {
            var store = ZooKeeperFabricStore.connect(connectString, patience);
            try {
                return new FabricSession(store, FabricWatcher.start(store));
            } catch (IOException e) {
                store.close();
                throw e;
            }
        } catch (IOException e) {
            throw new CliFailure(ExitCode.UNREACHABLE, String.valueOf(e.getMessage()), e);
        }
    }

    /// The fabric's records.
    public FabricRecords records() {
        return new FabricRecords(store);
    }

    /// The session itself.
    ZooKeeperFabricStore store() {
        return store;
    }

    /// The image as it is now.
    public FabricImage image() {
        return watcher.image();
    }

    /// The image as it changes.
    public FabricWatcher watcher() {
        return watcher;
    }

    /// Looks at each new image until the function answers, or the time is over.
    public <T> Optional<T> await(Duration patience, Function<FabricImage, Optional<T>> wanted)
            throws InterruptedException {
        var images = new LinkedBlockingQueue<FabricImage>();
        watcher.onChange(images::add);
        long endNanos = BootClock.SYSTEM.nowNanos() + patience.toNanos();
        while (true) {
            long leftNanos = endNanos - BootClock.SYSTEM.nowNanos();
            FabricImage image = images.poll(Math.max(0, leftNanos), TimeUnit.NANOSECONDS);
            if (image == null) {
                return Optional.empty();
            }
            Optional<T> answer = wanted.apply(image);
            if (answer.isPresent()) {
                return answer;
            }
        }
    }

    @Override
    public void close() {
        watcher.close();
        store.close();
    }
}
