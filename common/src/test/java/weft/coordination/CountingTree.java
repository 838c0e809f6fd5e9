package weft.coordination;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/// The coordination in memory, which counts what each of its sessions would ask of a ZooKeeper:
/// requests and bytes of records, as [weft.coordination.zookeeper.ZooKeeperFabricStore] asks them
/// (`CountingTreeTest` compares with a real server). Changes are told to watchers at once, on the
/// thread that makes them.
public final class CountingTree {
    private final NavigableMap<String, Node> nodes = new TreeMap<>();
    private final List<Watch> watches = new CopyOnWriteArrayList<>();

    private record Node(byte[] data, int version) {}

    private record Watch(Session session, String root, Consumer<List<FabricStore.Entry>> told) {
        boolean covers(String path) {
            return path.equals(root) || path.startsWith(root + "/");
        }
    }

    /// What a session asked and was told.
    ///
    /// @param reads requests that an ensemble's nearest server answers
    /// @param writes requests that go through its leader and to every disk
    /// @param events notifications of a watch
    /// @param bytesRead of records and of names
    /// @param bytesWritten of records
    public record Traffic(long reads, long writes, long events, long bytesRead, long bytesWritten) {
        /// What came since.
        public Traffic since(Traffic before) {
            return new Traffic(
                    reads - before.reads,
                    writes - before.writes,
                    events - before.events,
                    bytesRead - before.bytesRead,
                    bytesWritten - before.bytesWritten);
        }

        /// Both.
        public Traffic plus(Traffic other) {
            return new Traffic(
                    reads + other.reads,
                    writes + other.writes,
                    events + other.events,
                    bytesRead + other.bytesRead,
                    bytesWritten + other.bytesWritten);
        }
    }

    /// A new session.
    public Session session() {
        return new Session();
    }

    /// Puts a record there without any session, telling nobody: for what was there before.
    public synchronized void put(String path, byte[] data) {
        nodes.put(path, new Node(data, 0));
    }

    /// How many records there are.
    public synchronized int size() {
        return nodes.size();
    }

    private NavigableMap<String, Node> below(String root) {
        return nodes.subMap(root + "/", true, root + "0", false); // '0' follows '/'.
    }

    private synchronized FabricStore.Outcome change(List<FabricStore.Change> changes) {
        for (FabricStore.Change change : changes) {
            Node now = nodes.get(change.path());
            boolean fits =
                    switch (change) {
                        case FabricStore.Change.Create _ -> now == null;
                        case FabricStore.Change.Set(var _, var _, int version) ->
                                now != null && now.version == version;
                        case FabricStore.Change.Delete(var _, int version) ->
                                now != null && now.version == version;
                        case FabricStore.Change.Check(var _, int version) ->
                                now != null && now.version == version;
                    };
            if (!fits) {
                return new FabricStore.Outcome.Conflict(change.path());
            }
        }
        for (FabricStore.Change change : changes) {
            switch (change) {
                case FabricStore.Change.Create(var path, var data) -> set(path, data, 0);
                case FabricStore.Change.Set(var path, var data, int version) ->
                        set(path, data, version + 1);
                case FabricStore.Change.Delete(var path, var _) -> set(path, null, 0);
                case FabricStore.Change.Check _ -> {}
            }
        }
        return new FabricStore.Outcome.Committed();
    }

    private void set(String path, byte @Nullable [] data, int version) {
        if (data == null) {
            nodes.remove(path);
        } else {
            nodes.put(path, new Node(data, version));
        }
        var entry = new FabricStore.Entry(path, data, version);
        for (Watch watch : watches) {
            if (watch.covers(path)) {
                watch.session.told(entry);
                watch.told.accept(List.of(entry));
            }
        }
    }

    /// One process' session.
    public final class Session implements FabricStore {
        private final List<String> announced = new CopyOnWriteArrayList<>();
        private Traffic traffic = new Traffic(0, 0, 0, 0, 0);

        /// All so far.
        public Traffic traffic() {
            synchronized (CountingTree.this) {
                return traffic;
            }
        }

        private void read(int requests, long bytes) {
            traffic = traffic.plus(new Traffic(requests, 0, 0, bytes, 0));
        }

        private void wrote(long bytes) {
            traffic = traffic.plus(new Traffic(0, 1, 0, 0, bytes));
        }

        /// The cache reads what it is told of; where it is new it looks for children, too.
        private void told(Entry entry) {
            byte[] data = entry.data();
            traffic = traffic.plus(new Traffic(0, 0, 1, 0, 0));
            if (data != null) {
                read(entry.version() == 0 ? 2 : 1, data.length);
            }
        }

        @Override
        public Optional<Versioned> read(String path) {
            synchronized (CountingTree.this) {
                read(1, 0);
                return glance(path);
            }
        }

        @Override
        public Optional<Versioned> glance(String path) {
            synchronized (CountingTree.this) {
                Node node = nodes.get(path);
                read(1, node == null ? 0 : node.data.length);
                return Optional.ofNullable(node).map(it -> new Versioned(it.data, it.version));
            }
        }

        @Override
        public List<String> children(String path) {
            synchronized (CountingTree.this) {
                List<String> names = new ArrayList<>();
                long bytes = 0;
                for (String child : below(path).keySet()) {
                    String name = child.substring(path.length() + 1);
                    if (name.indexOf('/') < 0) {
                        names.add(name);
                        bytes += Integer.BYTES + name.length();
                    }
                }
                read(1, bytes);
                return names;
            }
        }

        @Override
        public Outcome commit(List<Change> changes) {
            synchronized (CountingTree.this) {
                long bytes = 0;
                for (Change change : changes) {
                    switch (change) {
                        case Change.Create(var _, var data) -> bytes += data.length;
                        case Change.Set(var _, var data, var _) -> bytes += data.length;
                        case Change.Delete _, Change.Check _ -> {}
                    }
                }
                wrote(bytes);
                return change(changes);
            }
        }

        @Override
        public AutoCloseable watch(String root, Consumer<List<Entry>> listener) {
            List<Entry> initial = new ArrayList<>();
            synchronized (CountingTree.this) {
                var watch = new Watch(this, root, listener);
                wrote(0); // Setting it; the root is looked at like the rest.
                long bytes = 0;
                Node at = nodes.get(root);
                if (at != null) {
                    initial.add(new Entry(root, at.data, at.version));
                    bytes += at.data.length;
                }
                for (Map.Entry<String, Node> found : below(root).entrySet()) {
                    Node node = found.getValue();
                    initial.add(new Entry(found.getKey(), node.data, node.version));
                    int name = found.getKey().length() - found.getKey().lastIndexOf('/') - 1;
                    bytes += node.data.length + Integer.BYTES + name;
                }
                read(2 * (initial.size() + (at == null ? 1 : 0)), bytes);
                watches.add(watch);
                listener.accept(initial);
                return () -> watches.remove(watch);
            }
        }

        @Override
        public Announcement announce(String path, byte[] data) {
            synchronized (CountingTree.this) {
                read(2, 0);
                wrote(0); // Deletes what an earlier process left.
                wrote(data.length);
                set(path, data, 0);
                announced.add(path);
            }
            return new Announcement() {
                @Override
                public void replace(byte[] newData) {
                    synchronized (CountingTree.this) {
                        wrote(newData.length);
                        set(path, newData, 1);
                    }
                }

                @Override
                public void close() throws IOException {
                    synchronized (CountingTree.this) {
                        wrote(0);
                        set(path, null, 0);
                    }
                }
            };
        }

        /// Nobody else stands.
        @Override
        public Seat standForSeat(String path, String candidate) {
            return new Seat() {
                @Override
                public boolean isHeld() {
                    return true;
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void close() {
            synchronized (CountingTree.this) {
                announced.forEach(path -> set(path, null, 0));
                watches.removeIf(watch -> watch.session == this);
            }
        }
    }
}
