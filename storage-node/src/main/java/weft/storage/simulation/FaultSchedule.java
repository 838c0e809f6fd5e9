package weft.storage.simulation;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/// One random run: eight seconds of faults, then peace, in which everything must come back and
/// agree. All of it follows from the seed.
public final class FaultSchedule {
    private static final long MILLIS = SimPool.MILLIS;
    private static final long FAULTS_MILLIS = 8_000;
    private static final int AT_ONCE = 4;

    /// Faults, of which some are more frequent.
    private enum Fault {
        CRASH(3),
        STALL(1),
        ONE_WAY_CUT(1),
        ISOLATION(1),
        SESSION_LOSS(1),
        SLOW_DISK(1),
        OTHER_WISHES(1),
        NEW_HOLDER(1),
        NEW_LAYER(2);

        private final int weight;

        Fault(int weight) {
            this.weight = weight;
        }
    }

    /// What a run did.
    ///
    /// @param operations answered
    /// @param faults how many of each kind
    public record Outcome(long operations, Map<String, Integer> faults) {}

    private final SimPool pool;
    private final Map<String, Integer> faults = new TreeMap<>();
    private boolean peace;
    private long token = 1;

    public FaultSchedule(long seed) {
        int chunks = (int) (1 + seed % 3);
        pool = new SimPool(seed, new SimPool.Size(1, 4, 3, seed % 3 == 0 ? 1 : 2, chunks));
        for (StorageCluster group : pool.groups) {
            group.lossRate = seed % 2 == 0 ? 0 : 0.01;
            group.lateRate = seed % 2 == 0 ? 0.001 : 0.01;
        }
    }

    /// Runs it.
    ///
    /// @throws AssertionError if a promise was broken, with the last events
    public Outcome run() {
        pool.client(token).start(AT_ONCE);
        pool.run(500);
        nextFault();
        pool.run(FAULTS_MILLIS);
        peace = true;
        pool.heal();
        pool.nodes().forEach(SimNode::start);
        expect(40_000, pool::isWhole, "never whole again");
        expect(5_000, () -> pool.history.doneCount() > 9, "too little was done");
        pool.clients.forEach(SimClient::stop);
        expect(
                20_000,
                () -> pool.clients.stream().allMatch(SimClient::isIdle),
                "requests without an answer");
        readAll();
        pool.run(1_000);
        pool.checkReplicasAreEqual();
        return new Outcome(pool.history.doneCount(), Map.copyOf(faults));
    }

    private void expect(long millisMax, BooleanSupplier condition, String otherwise) {
        if (!pool.runUntil(millisMax, condition)) {
            throw new AssertionError(otherwise + state());
        }
    }

    private String state() {
        var text = new StringBuilder();
        pool.nodes().forEach(n -> text.append("\n").append(n.id).append(" ").append(n.replica));
        pool.groups.forEach(g -> text.append("\n").append(g.configurations.current()));
        return text + "\n" + pool.world.trace();
    }

    private void readAll() {
        token++;
        SimClient reader = pool.client(token);
        int before = pool.history.doneCount();
        int cells = SimClient.HOT_BLOCKS * 4;
        for (int chunk = 0; chunk < pool.chunks(); chunk++) {
            reader.readOnce(chunk * 4096L, cells);
        }
        expect(
                20_000,
                () -> pool.history.doneCount() >= before + pool.chunks(),
                "final reads without an answer");
    }

    private void nextFault() {
        if (!peace) {
            List<Fault> urn = new ArrayList<>();
            for (Fault kind : Fault.values()) {
                urn.addAll(Collections.nCopies(kind.weight, kind));
            }
            Fault fault = urn.get((int) pool.world.between(0, urn.size() - 1));
            faults.merge(fault.name(), 1, Integer::sum);
            happen(fault);
            pool.world.after(pool.world.between(100 * MILLIS, 1_500 * MILLIS), this::nextFault);
        }
    }

    private void happen(Fault fault) {
        StorageCluster group = pool.groups.get((int) pool.world.between(0, pool.groups.size() - 1));
        int node = (int) pool.world.between(0, group.nodes.size() - 1);
        int other = (int) pool.world.between(0, group.nodes.size() - 1);
        SimNode at = group.nodes.get(node);
        long lasts = pool.world.between(100 * MILLIS, 5_000 * MILLIS);
        switch (fault) {
            case CRASH -> {
                at.crash();
                if (pool.world.chance(0.5)) {
                    // What it has of the layer below is old when it joins again.
                    pool.world.after(lasts - 50 * MILLIS, () -> pool.addLayer(SimPool.VOLUME));
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
                at.disk.slowness = 30;
                pool.world.after(lasts, () -> at.disk.slowness = 1);
            }
            case OTHER_WISHES -> {
                List<SimNode> all = new ArrayList<>(group.nodes);
                Collections.shuffle(all, pool.world.random());
                group.configurations.want(
                        all.subList(0, 3).stream().map(chosen -> chosen.store).toList());
            }
            case NEW_HOLDER -> {
                token++;
                pool.client(token).start(AT_ONCE);
            }
            case NEW_LAYER -> pool.addLayer(SimPool.VOLUME);
        }
    }
}
