package weft.storage.simulation;

import weft.fabric.Member;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.storage.replica.MapDifference;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/// One random run: some seconds of faults, then peace, in which everything must come back and
/// agree. All of it follows from the seed.
public final class FaultSchedule {
    private static final long MILLIS = SimPool.MILLIS;
    private static final long LONG_MILLIS = 8_000;
    private static final long SHORT_MILLIS = 2_500;

    /// The longest that a fault lasts.
    private static final long FAULT_MILLIS_MAX = 5_000;

    private static final VolumeId SECOND = new VolumeId(8);
    private static final VolumeId THIRD = new VolumeId(9);
    private static final long CLONES_FROM = 100;
    private static final int CLONES_MAX = 2;
    private static final int STORES_ONE_IN = 4;
    private static final long LIES_MILLIS_MAX = 40_000;

    private static final long LEISURE = 4;

    /// Faults, of which some are more frequent.
    private enum Fault {
        CRASH(3),
        STALL(1),
        ONE_WAY_CUT(1),
        ISOLATION(1),
        SESSION_LOSS(1),
        SLOW_DISK(1),
        FULL_DISK(1),
        OTHER_WISHES(1),
        NEW_HOLDER(1),
        SHARER(2),
        LEAVER(1),
        CLIENT_DEATH(1),
        CUT(4);

        private final int weight;

        Fault(int weight) {
            this.weight = weight;
        }

        /// Whether members may be lost by it.
        boolean harmsNodes() {
            return switch (this) {
                // Who has a slow disk leaves the configuration.
                case CRASH, STALL, ONE_WAY_CUT, ISOLATION, SESSION_LOSS, SLOW_DISK, OTHER_WISHES ->
                        true;
                case FULL_DISK, NEW_HOLDER, SHARER, LEAVER, CLIENT_DEATH, CUT -> false;
            };
        }
    }

    /// What a run did.
    ///
    /// @param operations answered
    /// @param faults how many of each kind
    /// @param lentShare of writes, the part whose memory was used again after them
    public record Outcome(long operations, Map<String, Integer> faults, double lentShare) {}

    private final SimPool pool;
    private final Map<String, Integer> faults = new TreeMap<>();
    private final long faultsMillis;
    private boolean peace;
    private final List<VolumeId> volumes = new ArrayList<>();
    private final DiskLies lies;
    private final List<SimProcess> cutters = new ArrayList<>();
    private int clones;

    /// Every third run has one volume in one group; the others have three volumes of two or three
    /// processes, in one or two groups.
    public FaultSchedule(long seed) {
        int chunks = (int) (1 + seed % 3);
        int groups = seed % 4 == 1 ? 2 : 1;
        var size = new SimPool.Size(groups, 4, 3, seed % 5 == 0 ? 1 : 2, chunks);
        pool = new SimPool(seed, size, disksOf(seed));
        lies = new DiskLies(pool, () -> count("DISK_LIE"));
        faultsMillis = seed % 4 < 2 && !isOnStores() ? LONG_MILLIS : SHORT_MILLIS;
        volumes.add(SimPool.VOLUME);
        if (seed % 3 != 0) {
            volumes.addAll(List.of(SECOND, THIRD));
        }
        for (StorageCluster group : pool.groups) {
            group.lossRate = seed % 2 == 0 ? 0 : 0.01;
            group.lateRate = seed % 2 == 0 ? 0.001 : 0.01;
        }
    }

    /// Every fourth schedule, by a stream of its own, is played on production stores.
    private static SimDisk.Kind disksOf(long seed) {
        int lot = new Random(seed * 0xD1B54A32D192ED03L).nextInt(STORES_ONE_IN);
        return lot == 0 ? SimDisk.Kind.STORE : SimDisk.Kind.MODEL;
    }

    /// Runs it.
    ///
    /// @throws AssertionError if a promise was broken, with the last events
    public Outcome run() {
        SimClient first = holder(SimPool.VOLUME);
        if (volumes.contains(SECOND)) {
            // One process has two of them, perhaps.
            var process = pool.world.chance(0.5) ? first.process : pool.process();
            pool.client(process, SECOND, 1).start(atOnce());
            holder(THIRD);
        }
        List<SimComparison> comparisons =
                pool.groups.stream()
                        .map(group -> new SimComparison(pool, group, this::differs))
                        .toList();
        comparisons.forEach(SimComparison::start);
        if (isOnStores()) {
            pool.nodes().forEach(node -> new SimScrub(pool, node).start());
        }
        pool.run(500);
        nextFault();
        pool.run(faultsMillis);
        if (isOnStores()) {
            playLies();
        }
        peace = true;
        pool.heal();
        pool.nodes().forEach(SimNode::start);
        expect(40_000, pool::isWhole, "never whole again");
        volumes.forEach(this::holder);
        int done = pool.history.doneCount();
        // Whoever stands still when peace comes wakes up by itself.
        long limitMillis = FAULT_MILLIS_MAX + 5_000;
        expect(limitMillis, () -> pool.history.doneCount() > done + 9, "nobody is served");
        pool.clients.forEach(SimClient::stop);
        expect(
                20_000,
                () -> pool.clients.stream().allMatch(SimClient::isIdle),
                "requests without an answer");
        // Or they would take volumes away from those who read now.
        cutters.forEach(SimProcess::end);
        List<Integer> rounds = comparisons.stream().map(each -> each.rounds).toList();
        readAll();
        pool.snapshots.checkUnchanged();
        expect(20_000, pool.snapshots::isIdle, "a snapshot without an answer");
        pool.run(1_000);
        pool.checkReplicasAreEqual();
        for (int i = 0; i < comparisons.size(); i++) {
            SimComparison each = comparisons.get(i);
            int before = rounds.get(i);
            expect(10_000, () -> each.rounds > before + 1, "replicas are not compared");
        }
        pool.groups.forEach(group -> {
            count("DISK_REPLACED", group.replacedDisks);
            count("BLOCK_REPAIRED", group.nodes.stream().mapToInt(node -> node.repairs).sum());
        });
        double lentShare =
                pool.groups.stream()
                        .mapToDouble(group -> group.memory().lentShare())
                        .average()
                        .orElseThrow();
        return new Outcome(pool.history.doneCount(), Map.copyOf(faults), lentShare);
    }

    private void playLies() {
        pool.heal();
        pool.nodes().forEach(SimNode::start);
        // Most of that time they wait for what was lost to be copied.
        pool.leisure = LEISURE;
        lies.start((int) pool.world.between(0, 2));
        expect(LIES_MILLIS_MAX, () -> !lies.isUnderWay(), "what disks did is not made good");
        pool.leisure = 1;
    }

    private void expect(long millisMax, BooleanSupplier condition, String otherwise) {
        if (!pool.runUntil(millisMax, condition)) {
            throw new AssertionError(otherwise + state());
        }
    }

    /// A block that lost the part that a write left as it was has a wrong checksum by intent.
    private void differs(MapDifference difference) {
        if (lies.isUnderWay()) {
            return;
        }
        throw new AssertionError(difference.sentence() + state());
    }

    private String state() {
        var text = new StringBuilder();
        pool.nodes().forEach(n -> text.append("\n").append(n.id).append(" ").append(n.replica));
        pool.groups.forEach(g -> text.append("\n").append(g.configurations.current()));
        return text + "\n" + pool.world.trace();
    }

    private boolean isOnStores() {
        return pool.disks == SimDisk.Kind.STORE;
    }

    private int atOnce() {
        return volumes.size() > 1 ? 2 : 4;
    }

    /// A new process claims the volume and works on it.
    private SimClient holder(VolumeId volume) {
        SimClient client = pool.client(volume, pool.records.volume(volume).token() + 1);
        client.start(atOnce());
        return client;
    }

    /// A new process works on the volume, perhaps together with others.
    private SimClient sharer(VolumeId volume) {
        SimClient client = pool.sharer(volume);
        client.start(atOnce());
        return client;
    }

    /// One of those who hold the volume together is made to go, and lives on.
    private void leave(VolumeId volume) {
        SimRecords.Held held = pool.records.volume(volume);
        if (held.sharers().size() < 2) {
            return;
        }
        int chosen = (int) pool.world.between(0, held.sharers().size() - 1);
        pool.leave(volume, held.sharers().get(chosen).process());
    }

    private void readAll() {
        int before = pool.history.doneCount();
        for (VolumeId volume : volumes) {
            SimClient reader = pool.client(volume, pool.records.volume(volume).token() + 1);
            for (int chunk = 0; chunk < pool.chunks(); chunk++) {
                reader.readOnce(SimClient.firstHotCell(chunk), SimClient.hotCells(chunk));
            }
        }
        int all = volumes.size() * pool.chunks();
        expect(
                20_000,
                () -> pool.history.doneCount() >= before + all,
                "final reads without an answer");
    }

    /// Over some of the volumes; its process may die before it is done.
    private void cut() {
        if (peace) {
            return;
        }
        List<VolumeId> some = new ArrayList<>(volumes);
        Collections.shuffle(some, pool.world.random());
        int count = (int) pool.world.between(1, some.size());
        SimProcess cutter = pool.process();
        cutters.add(cutter);
        new SimCut(pool, cutter, List.copyOf(some.subList(0, count)), this::sealed).start();
        if (pool.world.chance(0.15)) {
            pool.world.after(pool.world.between(0, 30 * MILLIS), cutter::die);
        }
        if (pool.world.chance(0.1)) {
            pool.world.after(
                    pool.world.between(0, 30 * MILLIS), () -> clientDeath(some.getFirst()));
        }
        if (pool.world.chance(0.1)) {
            StorageCluster group = pool.groups.getFirst();
            SimNode primary = group.nodes.get(group.primary());
            pool.world.after(
                    pool.world.between(0, 30 * MILLIS),
                    () -> {
                        if (!peace && !lies.isUnderWay()) {
                            primary.crash();
                        }
                    });
            pool.world.after(pool.world.between(100 * MILLIS, 3_000 * MILLIS), primary::start);
        }
    }

    private void sealed(List<Volume> snapshots) {
        count("SEALED");
        pool.snapshots.sealed(
                snapshots,
                cut -> {
                    if (clones < CLONES_MAX && !peace && pool.world.chance(0.2)) {
                        clones++;
                        clone(cut.getFirst());
                    }
                });
    }

    private void clone(SimSnapshots.Taken taken) {
        var id = new VolumeId(CLONES_FROM + clones);
        Volume record = pool.records.clone(taken.snapshot(), id);
        pool.world.tell("%s is a clone: %s".formatted(id, record.layers()));
        pool.history.begin(id, taken.cells());
        volumes.add(id);
        holder(id);
    }

    private void clientDeath(VolumeId volume) {
        List<SimRecords.Sharer> sharers = pool.records.volume(volume).sharers();
        if (peace || sharers.isEmpty() || sharers.getLast().process().isDead()) {
            return;
        }
        SimProcess process = sharers.getLast().process();
        process.die();
        pool.world.after(
                pool.world.between(10 * MILLIS, 2_000 * MILLIS),
                () -> {
                    for (VolumeId held : volumes) {
                        SimRecords.Held now = pool.records.volume(held);
                        if (!peace && now.isHeldBy(process)) {
                            var _ = now.exported() ? sharer(held) : holder(held);
                        }
                    }
                });
    }

    private void count(String what) {
        count(what, 1);
    }

    private void count(String what, int times) {
        if (times > 0) {
            faults.merge(what, times, Integer::sum);
        }
    }

    private void nextFault() {
        if (!peace) {
            List<Fault> urn = new ArrayList<>();
            for (Fault kind : Fault.values()) {
                urn.addAll(Collections.nCopies(kind.weight, kind));
            }
            Fault fault = urn.get((int) pool.world.between(0, urn.size() - 1));
            count(fault.name());
            happen(fault);
            pool.world.after(pool.world.between(100, faultsMillis / 6) * MILLIS, this::nextFault);
        }
    }

    private void happen(Fault fault) {
        if (lies.isUnderWay() && fault.harmsNodes()) {
            return;
        }
        StorageCluster group = pool.groups.get((int) pool.world.between(0, pool.groups.size() - 1));
        int node = (int) pool.world.between(0, group.nodes.size() - 1);
        int other = (int) pool.world.between(0, group.nodes.size() - 1);
        SimNode at = group.nodes.get(node);
        long lasts = pool.world.between(100 * MILLIS, FAULT_MILLIS_MAX * MILLIS);
        switch (fault) {
            case CRASH -> {
                Member life = at.self;
                if (isOnStores() && pool.world.chance(0.5)) {
                    at.crashSoon();
                } else {
                    at.crash();
                    if (lasts % 3 == 0) {
                        group.reportEnd(life);
                    }
                }
                if (pool.world.chance(0.5)) {
                    // What it has of the layer below is old when it joins again.
                    pool.world.after(lasts - 50 * MILLIS, this::cut);
                }
                pool.world.after(lasts, at::start);
            }
            case STALL -> {
                pool.world.tell(at.id + " stands still for " + lasts / MILLIS + " ms");
                at.freeze(lasts);
            }
            case ONE_WAY_CUT -> {
                pool.world.tell(at.id + " cut from node" + other);
                group.cut(node, other);
                pool.world.after(lasts, () -> group.mend(node, other));
            }
            case ISOLATION -> {
                pool.world.tell(at.id + " isolated");
                group.isolate(node);
                pool.world.after(lasts, () -> group.rejoin(node));
            }
            case SESSION_LOSS -> {
                pool.world.tell(at.id + " cut from coordination");
                group.configurations.setCut(at.store, true);
                pool.world.after(lasts, () -> group.configurations.setCut(at.store, false));
            }
            case SLOW_DISK -> {
                at.disk.setSlowness(lasts % 2 == 0 ? 30 : 500);
                pool.world.after(lasts, () -> at.disk.setSlowness(1));
            }
            case FULL_DISK -> {
                pool.world.tell(at.id + " is full");
                at.setFull(true);
                pool.world.after(lasts, () -> at.setFull(false));
            }
            case OTHER_WISHES -> {
                List<SimNode> all = new ArrayList<>(group.nodes);
                Collections.shuffle(all, pool.world.random());
                group.configurations.want(
                        all.subList(0, 3).stream().map(chosen -> chosen.store).toList());
            }
            case NEW_HOLDER -> holder(anyVolume());
            case SHARER -> sharer(anyVolume());
            case LEAVER -> leave(anyVolume());
            case CLIENT_DEATH -> clientDeath(anyVolume());
            case CUT -> cut();
        }
    }

    private VolumeId anyVolume() {
        return volumes.get((int) pool.world.between(0, volumes.size() - 1));
    }
}
