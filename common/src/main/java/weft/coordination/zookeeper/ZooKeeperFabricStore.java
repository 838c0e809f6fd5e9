package weft.coordination.zookeeper;

import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.CuratorCacheStorage;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.common.ZKConfig;
import org.apache.zookeeper.data.Stat;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricStore;
import weft.coordination.NoAnswerException;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/// The store on a ZooKeeper ensemble. One session a process.
public final class ZooKeeperFabricStore implements FabricStore {
    /// How long ephemeral records outlive their process. Shorter means deaths are seen sooner and
    /// pauses (GC, a busy machine) look like deaths; the ensemble allows 2 to 20 of its ticks.
    public static final Duration SESSION_TIMEOUT = Duration.ofSeconds(6);

    private static final Logger log = LoggerFactory.getLogger(ZooKeeperFabricStore.class);
    private static final int RECORD_BYTES_MAX = 64 << 10;

    /// Longer than a request is repeated.
    private static final int ANSWER_SECONDS_MAX = 60;

    private static final int RETRIES_MAX = 3;

    /// The names of one folder come in one answer, each with 4 bytes: a million volumes with names
    /// of 20 bytes are 24 MB. ZooKeeper's own limit, 1 MiB, ends at 44,000 of them, and the client
    /// then loses its connection again and again.
    private static final int ANSWER_BYTES_MAX = 64 << 20;

    private final CuratorFramework curator;
    private final List<PersistentNode> announced = new CopyOnWriteArrayList<>();

    private ZooKeeperFabricStore(CuratorFramework curator) {
        this.curator = curator;
    }

    /// Connects.
    ///
    /// @param connectString `host:port[,host:port…]`
    /// @throws IOException if no server answers within the timeout
    public static ZooKeeperFabricStore connect(String connectString, Duration timeout)
            throws IOException {
        var curator =
                CuratorFrameworkFactory.builder()
                        .connectString(connectString)
                        .sessionTimeoutMs((int) SESSION_TIMEOUT.toMillis())
                        .connectionTimeoutMs(
                                (int) Math.min(timeout.toMillis(), SESSION_TIMEOUT.toMillis()))
                        .zkClientConfig(clientConfig())
                        .retryPolicy(new BoundedExponentialBackoffRetry(50, 1000, RETRIES_MAX))
                        .build();
        curator.start();
        try {
            if (curator.blockUntilConnected((int) timeout.toMillis(), TimeUnit.MILLISECONDS)) {
                return new ZooKeeperFabricStore(curator);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        curator.close();
        throw new IOException(
                "ZooKeeper at %s does not answer within %d ms: is the fabric up?"
                        .formatted(connectString, timeout.toMillis()));
    }

    private static ZKClientConfig clientConfig() {
        var config = new ZKClientConfig();
        config.setProperty(ZKConfig.JUTE_MAXBUFFER, Integer.toString(ANSWER_BYTES_MAX));
        return config;
    }

    @Override
    public Optional<Versioned> read(String path) throws IOException {
        return ask(
                "read " + path,
                () -> {
                    // The leader's view: a follower may lag behind what this process was told of.
                    curator.sync().forPath(path);
                    return found(path);
                });
    }

    @Override
    public Optional<Versioned> glance(String path) throws IOException {
        return ask("read " + path, () -> found(path));
    }

    /// One question after the other leaves before the first is answered, and a session's are
    /// answered in their order.
    @Override
    public List<Optional<Versioned>> glance(List<String> paths) throws IOException {
        return ask(
                "read " + String.join(", ", paths),
                () -> {
                    List<CompletableFuture<Optional<Versioned>>> answers = new ArrayList<>();
                    for (String path : paths) {
                        answers.add(finding(path));
                    }
                    List<Optional<Versioned>> all = new ArrayList<>();
                    for (CompletableFuture<Optional<Versioned>> answer : answers) {
                        all.add(answer.get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS));
                    }
                    return all;
                });
    }

    private CompletableFuture<Optional<Versioned>> finding(String path) throws Exception {
        var answer = new CompletableFuture<Optional<Versioned>>();
        var _ =
                curator.getData()
                        .inBackground((_, event) -> {
                            var code = KeeperException.Code.get(event.getResultCode());
                            switch (code) {
                                case OK ->
                                        answer.complete(
                                                Optional.of(
                                                        new Versioned(
                                                                event.getData(),
                                                                event.getStat().getVersion())));
                                case NONODE -> answer.complete(Optional.empty());
                                case null, default ->
                                        answer.completeExceptionally(
                                                new IOException(
                                                        "%s: %s (%d)"
                                                                .formatted(
                                                                        path,
                                                                        code,
                                                                        event.getResultCode())));
                            }
                        })
                        .forPath(path);
        return answer;
    }

    private Optional<Versioned> found(String path) throws Exception {
        var stat = new Stat();
        try {
            byte[] data = curator.getData().storingStatIn(stat).forPath(path);
            return Optional.of(new Versioned(data, stat.getVersion()));
        } catch (KeeperException.NoNodeException e) {
            return Optional.empty();
        }
    }

    @Override
    public List<String> children(String path) throws IOException {
        return ask(
                "list " + path,
                () -> {
                    try {
                        return List.copyOf(curator.getChildren().forPath(path));
                    } catch (KeeperException.NoNodeException e) {
                        return List.of();
                    }
                });
    }

    @Override
    public Outcome commit(List<Change> changes) throws IOException {
        return ask("commit to " + changes.getFirst().path(), () -> tryCommit(changes));
    }

    /// That folders are there is found out by trying: they nearly always are.
    private Outcome tryCommit(List<Change> changes) throws Exception {
        try {
            return tryOnce(changes);
        } catch (KeeperException.NoNodeException e) {
            Outcome.Conflict conflict = conflict(e, changes);
            boolean isFolderMissing =
                    changes.stream()
                            .anyMatch(change ->
                                    change instanceof Change.Create
                                            && change.path().equals(conflict.path()));
            if (!isFolderMissing) {
                return conflict;
            }
        }
        for (Change change : changes) {
            if (change instanceof Change.Create create) {
                curator.createContainers(parentOf(create.path()));
            }
        }
        try {
            return tryOnce(changes);
        } catch (KeeperException.NoNodeException e) {
            return conflict(e, changes);
        }
    }

    private Outcome tryOnce(List<Change> changes) throws Exception {
        var operations = new ArrayList<CuratorOp>(changes.size());
        for (Change change : changes) {
            operations.add(operation(change));
        }
        try {
            var _ = curator.transaction().forOperations(operations);
            return new Outcome.Committed();
        } catch (KeeperException.NodeExistsException | KeeperException.BadVersionException e) {
            return conflict(e, changes);
        }
    }

    private CuratorOp operation(Change change) throws Exception {
        return switch (change) {
            case Change.Create(var path, var data) ->
                    curator.transactionOp().create().forPath(path, checked(path, data));
            case Change.Set(var path, var data, var version) ->
                    curator.transactionOp()
                            .setData()
                            .withVersion(version)
                            .forPath(path, checked(path, data));
            case Change.Delete(var path, var version) ->
                    curator.transactionOp().delete().withVersion(version).forPath(path);
            case Change.Check(var path, var version) ->
                    curator.transactionOp().check().withVersion(version).forPath(path);
        };
    }

    private static byte[] checked(String path, byte[] data) {
        if (data.length > RECORD_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "record %s is %d bytes; at most %d are kept in ZooKeeper"
                            .formatted(path, data.length, RECORD_BYTES_MAX));
        }
        return data;
    }

    private static Outcome.Conflict conflict(KeeperException failure, List<Change> changes) {
        var results = failure.getResults();
        if (results != null) {
            for (int i = 0; i < results.size() && i < changes.size(); i++) {
                if (results.get(i) instanceof org.apache.zookeeper.OpResult.ErrorResult error
                        && error.getErr() != KeeperException.Code.OK.intValue()
                        && error.getErr() != KeeperException.Code.RUNTIMEINCONSISTENCY.intValue()) {
                    return new Outcome.Conflict(changes.get(i).path());
                }
            }
        }
        return new Outcome.Conflict(changes.getFirst().path());
    }

    private static String parentOf(String path) {
        return path.substring(0, Math.max(1, path.lastIndexOf('/')));
    }

    @Override
    public AutoCloseable watch(String root, Consumer<List<Entry>> listener) throws IOException {
        return ask(
                "watch " + root,
                () -> {
                    // The root need not exist: making it would be an empty record at some path.
                    CuratorCache cache =
                            CuratorCache.builder(curator, root)
                                    // The listener keeps what it needs.
                                    .withStorage(CuratorCacheStorage.dataNotCached())
                                    .build();
                    cache.listenable().addListener(new CacheListener(listener));
                    cache.start();
                    return cache::close;
                });
    }

    /// Collects the initial records into one call, then passes changes on one by one. Curator calls
    /// it from one thread at a time.
    private static final class CacheListener implements CuratorCacheListener {
        private final Consumer<List<Entry>> listener;
        private @Nullable List<Entry> initial = new ArrayList<>();

        CacheListener(Consumer<List<Entry>> listener) {
            this.listener = listener;
        }

        @Override
        public synchronized void event(
                Type type, @Nullable ChildData before, @Nullable ChildData after) {
            Entry entry;
            if (after != null) {
                entry = new Entry(after.getPath(), after.getData(), after.getStat().getVersion());
            } else if (before != null) {
                entry = new Entry(before.getPath(), null, before.getStat().getVersion());
            } else {
                return;
            }
            List<Entry> collecting = initial;
            if (collecting != null) {
                collecting.add(entry);
            } else {
                listener.accept(List.of(entry));
            }
        }

        @Override
        public synchronized void initialized() {
            List<Entry> collected = initial;
            initial = null;
            if (collected != null) {
                listener.accept(List.copyOf(collected));
            }
        }
    }

    @Override
    public Announcement announce(String path, byte[] data) throws IOException {
        return ask(
                "announce " + path,
                () -> {
                    curator.createContainers(parentOf(path));
                    try {
                        curator.delete().forPath(path);
                    } catch (KeeperException.NoNodeException e) {
                        // The usual case: no earlier process left one.
                    }
                    var node = new PersistentNode(curator, CreateMode.EPHEMERAL, false, path, data);
                    node.start();
                    if (!node.waitForInitialCreate(10, TimeUnit.SECONDS)) {
                        node.close();
                        throw new IOException("ZooKeeper did not take " + path + " within 10 s");
                    }
                    announced.add(node);
                    return new KeptRecord(path, node);
                });
    }

    private record KeptRecord(String path, PersistentNode node) implements Announcement {
        @Override
        public void replace(byte[] data) throws IOException {
            var _ =
                    ask(
                            "replace " + path,
                            () -> {
                                node.setData(data);
                                return node;
                            });
        }

        @Override
        public void close() throws IOException {
            node.close();
        }
    }

    @Override
    public Seat standForSeat(String path, String candidate) throws IOException {
        return ask(
                "stand for " + path,
                () -> {
                    var latch = new LeaderLatch(curator, path, candidate);
                    latch.start();
                    return new LatchSeat(latch);
                });
    }

    private record LatchSeat(LeaderLatch latch) implements Seat {
        @Override
        public boolean isHeld() {
            return latch.hasLeadership();
        }

        @Override
        public void close() {
            try {
                latch.close();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        }
    }

    @Override
    public void close() {
        // First the announcements: one that outlives its session tries to come back for ever.
        for (PersistentNode node : announced) {
            try {
                node.close();
            } catch (IOException e) {
                log.debug("closing an announcement", e);
            }
        }
        curator.close();
    }

    @FunctionalInterface
    private interface Question<T> {
        T ask() throws Exception;
    }

    /// Curator's calls declare Exception; here it becomes IOException with the question in it.
    private static <T> T ask(String what, Question<T> question) throws IOException {
        try {
            return question.ask();
        } catch (IOException | RuntimeException e) {
            throw e;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted: " + what, e);
        } catch (TimeoutException e) {
            throw new NoAnswerException("ZooKeeper: cannot %s: no answer".formatted(what), e);
        } catch (ExecutionException e) {
            throw failed(what, Objects.requireNonNullElse(e.getCause(), e));
        } catch (Exception e) {
            throw failed(what, e);
        }
    }

    private static IOException failed(String what, Throwable why) {
        String message = "ZooKeeper: cannot %s: %s".formatted(what, why.getMessage());
        boolean isAway =
                why instanceof KeeperException.ConnectionLossException
                        || why instanceof KeeperException.SessionExpiredException
                        || why instanceof KeeperException.OperationTimeoutException;
        return isAway ? new NoAnswerException(message, why) : new IOException(message, why);
    }
}
