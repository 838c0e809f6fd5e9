package weft.ops.admin;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.FailureDomain;
import weft.fabric.NodePresence;
import weft.fabric.PoolStore;
import weft.fabric.PoolStore.State;
import weft.fabric.StoreId;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/// The pool's stores as operators see them: what is to become of them is written here, control and
/// the stores carry it out.
public final class NodeAdmin {
    /// The fewest characters of a store's id that name it.
    public static final int PREFIX_MIN = 4;

    private static final int SHORT_ID = 8;

    private final FabricRecords records;

    public NodeAdmin(FabricRecords records) {
        this.records = records;
    }

    /// All stores that ever were, by node.
    public List<PoolStore> stores() throws IOException {
        List<PoolStore> found = new ArrayList<>();
        for (String name : records.store().children(FabricPaths.STORES)) {
            records.find(FabricPaths.STORES + "/" + name, PoolStore.class)
                    .ifPresent(store -> found.add(store.noun()));
        }
        found.sort(Comparator.comparing(PoolStore::node).thenComparing(PoolStore::folder));
        return found;
    }

    /// The stores that somebody names: those of a node, or the one whose id begins so.
    ///
    /// @throws Refusal if there is none
    public List<PoolStore> named(String typed) throws IOException {
        List<PoolStore> all = stores();
        List<PoolStore> ofNode =
                all.stream()
                        .filter(store -> store.node().name().equals(typed))
                        .filter(store -> !isReplaced(store, all))
                        .toList();
        if (!ofNode.isEmpty()) {
            return ofNode;
        }
        List<PoolStore> byId =
                typed.length() < PREFIX_MIN
                        ? List.of()
                        : all.stream()
                                .filter(store -> store.store().uuid().toString().startsWith(typed))
                                .toList();
        if (byId.size() > 1) {
            throw Refusal.badRequest(
                    "'%s' begins the ids of %d stores: give more of it", typed, byId.size());
        }
        if (byId.isEmpty()) {
            Set<String> nodes = new TreeSet<>();
            all.forEach(store -> nodes.add(store.node().name()));
            throw Refusal.state(
                    "there is no storage node '%s'%s", typed, Names.suggestion(typed, nodes));
        }
        return byId;
    }

    /// Whether its disk was lost, and its node has another store in its place.
    private static boolean isReplaced(PoolStore store, List<PoolStore> all) {
        return store.state() == State.REMOVED
                && all.stream()
                        .anyMatch(other ->
                                other.state() != State.REMOVED
                                        && other.node().equals(store.node())
                                        && other.folder().equals(store.folder()));
    }

    /// Whether a live node serves the store.
    public static boolean isLive(FabricImage image, StoreId store) {
        return image.presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                .anyMatch(presence -> presence.serves(store));
    }

    /// How many placement groups the store has a copy of, or is to have one of.
    public static long groupsOf(List<Configuration> groups, StoreId store) {
        return groups.stream()
                .filter(group -> group.hasStore(store) || group.wanted().contains(store))
                .count();
    }

    /// Has their copies made elsewhere. Those that are draining or removed already stay so.
    ///
    /// @return the stores as they are now
    public List<PoolStore> drain(FabricImage image, List<PoolStore> leaving) throws IOException {
        requireEnough(image, leaving);
        return change(
                leaving,
                store -> store.state() == State.IN ? store.withState(State.DRAINING) : store);
    }

    private void requireEnough(FabricImage image, List<PoolStore> leaving) throws IOException {
        Set<StoreId> ids = new TreeSet<>();
        leaving.forEach(store -> ids.add(store.store()));
        List<PoolStore> able =
                stores().stream()
                        .filter(store -> store.state() == State.IN)
                        .filter(store -> isLive(image, store.store()))
                        .toList();
        List<PoolStore> staying =
                able.stream().filter(store -> !ids.contains(store.store())).toList();
        int replicas = image.cluster().map(cluster -> cluster.replicas()).orElse(1);
        if (staying.size() < replicas) {
            throw Refusal.state(
                    "%s cannot be drained: %d live stores would be left for %d copies; start"
                            + " another storage node first",
                    describe(leaving), staying.size(), replicas);
        }
        long hosts = hosts(staying);
        if (hosts < Math.min(replicas, hosts(able))) {
            throw Refusal.state(
                    "%s cannot be drained: the stores of %d hosts would be left for %d copies, and"
                        + " copies of a group would share one; start another storage node first",
                    describe(leaving), hosts, replicas);
        }
    }

    private static long hosts(List<PoolStore> stores) {
        return stores.stream().map(PoolStore::domain).distinct().count();
    }

    /// `node 'node1'`, or `store 5fb20298 of node 'node1'` if that has others.
    private String describe(List<PoolStore> stores) throws IOException {
        PoolStore first = stores.getFirst();
        return isWholeNode(stores)
                ? "node '%s'".formatted(first.node())
                : "store %s of node '%s'".formatted(shortId(first), first.node());
    }

    private boolean isWholeNode(List<PoolStore> stores) throws IOException {
        return stores.size() == named(stores.getFirst().node().name()).size();
    }

    /// How a command names them.
    private String typed(List<PoolStore> stores) throws IOException {
        return isWholeNode(stores) ? stores.getFirst().node().name() : shortId(stores.getFirst());
    }

    /// Takes stores back that were drained or removed, or calls a drain off.
    public List<PoolStore> add(List<PoolStore> stores) throws IOException {
        return change(
                stores, store -> store.state() == State.IN ? store : store.withState(State.IN));
    }

    /// Lets stores go at once whose disks are lost for good: their copies are made elsewhere, and
    /// their folders may be those of new stores.
    public List<PoolStore> removeLost(FabricImage image, List<PoolStore> stores)
            throws IOException {
        for (PoolStore store : stores) {
            if (isLive(image, store.store())) {
                throw Refusal.state(
                        "store %s is not lost: node '%s' serves it; weft node drain %s",
                        shortId(store), store.node(), shortId(store));
            }
        }
        return change(
                stores,
                store -> store.state() == State.REMOVED ? store : store.withState(State.REMOVED));
    }

    /// Lets drained stores go for good, also if they come back.
    public List<PoolStore> remove(FabricImage image, List<PoolStore> stores) throws IOException {
        List<Configuration> groups = PoolHealth.groups(records);
        for (PoolStore store : stores) {
            long left = groupsOf(groups, store.store());
            boolean live = isLive(image, store.store());
            if (store.state() == State.IN && live) {
                throw Refusal.state(
                        "%s is in use: weft node drain %s", describe(stores), typed(stores));
            }
            if (left > 0) {
                throw Refusal.state(
                        "%s still has %d placement groups: %s",
                        describe(stores),
                        left,
                        store.state() == State.DRAINING
                                ? "it is being drained; see weft node list"
                                : "wait until they are copied elsewhere, or make it so at once:"
                                        + " weft node drain "
                                        + typed(stores));
            }
        }
        return change(
                stores,
                store -> store.state() == State.REMOVED ? store : store.withState(State.REMOVED));
    }

    /// Says how much they are to carry.
    ///
    /// @param weight relative to others; by default a disk's size in TiB
    public List<PoolStore> reweight(List<PoolStore> stores, double weight) throws IOException {
        if (!(weight >= PoolStore.WEIGHT_MIN && weight <= PoolStore.WEIGHT_MAX)) {
            throw Refusal.badRequest(
                    "weight %s is not in %s..%.0f; to take a node out: weft node drain",
                    weight, PoolStore.WEIGHT_MIN, PoolStore.WEIGHT_MAX);
        }
        return change(stores, store -> store.weight() == weight ? store : store.withWeight(weight));
    }

    /// Says where they stand, all stores of a node; what is empty stays as it is.
    public List<PoolStore> stand(
            List<PoolStore> stores,
            Optional<String> zone,
            Optional<String> rack,
            Optional<String> host)
            throws IOException {
        if (!isWholeNode(stores)) {
            throw Refusal.badRequest(
                    "the stores of a node stand where it stands: weft node domain %s",
                    stores.getFirst().node());
        }
        UnaryOperator<PoolStore> moved =
                store -> {
                    var was = store.domain();
                    var is =
                            new FailureDomain(
                                    zone.orElse(was.zone()),
                                    rack.orElse(was.rack()),
                                    host.orElse(was.host()));
                    return is.equals(was) ? store : store.withDomain(is);
                };
        try {
            List<PoolStore> legal = stores.stream().map(moved).toList();
            assert legal.size() == stores.size();
        } catch (IllegalArgumentException e) {
            throw Refusal.badRequest("%s", String.valueOf(e.getMessage()));
        }
        return change(stores, moved);
    }

    private List<PoolStore> change(List<PoolStore> stores, UnaryOperator<PoolStore> change)
            throws IOException {
        List<PoolStore> changed = new ArrayList<>();
        for (PoolStore store : stores) {
            records.update(FabricPaths.store(store.store()), PoolStore.class, change)
                    .ifPresent(changed::add);
        }
        return changed;
    }

    /// Whether a store is there.
    public enum Life {
        SERVED,
        /// Served, but its disk keeps writers waiting: groups do without it where they can.
        SLOW,
        /// Its node is alive and tells that its disk is not.
        FAILED,
        /// Nobody tells of it.
        DOWN;

        /// How the store is.
        public static Life of(FabricImage image, PoolStore store) {
            if (isLive(image, store.store())) {
                return SlowDisk.all(image).stream().anyMatch(slow -> slow.isOf(store))
                        ? SLOW
                        : SERVED;
            }
            return DiskFailure.all(image).stream().anyMatch(failure -> failure.isOf(store))
                    ? FAILED
                    : DOWN;
        }
    }

    /// What a person is told of a store: `in`, `draining`, `drained`, `removed`, and why nobody
    /// serves it.
    public static String describe(PoolStore store, Life life, long groups) {
        String state =
                store.state() == State.DRAINING && groups == 0
                        ? "drained"
                        : store.state().name().toLowerCase(Locale.ROOT);
        return switch (life) {
            case SERVED -> state;
            case SLOW -> state + " (slow)";
            case FAILED -> state + " (failed)";
            case DOWN -> state + " (down)";
        };
    }

    /// The beginning of its id, as tables show it and commands take it.
    public static String shortId(PoolStore store) {
        return store.store().uuid().toString().substring(0, SHORT_ID);
    }
}
