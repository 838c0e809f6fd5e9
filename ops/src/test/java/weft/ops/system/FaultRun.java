package weft.ops.system;

import com.fasterxml.jackson.databind.ObjectMapper;

import weft.fabric.NodeId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.ExportAdmin;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;
import weft.volume.ReplicaComparison;

import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/// Does harm to a pool in an order that comes from a seed, while a checker of our own writes one
/// volume and fio another; runs on the last machine of a lab. Nothing may be lost, and the pool
/// must be whole again before the next fault.
///
/// Arguments: the lab's prefix · folder · seed · times of each fault · kinds, with commas · whether
/// always the node suffers that is the primary of most groups. The last node offers the volume that
/// fio writes, and is left alone: NBD clients have one server.
final class FaultRun {
    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final long CHECKED_BYTES = 64L << 20;
    private static final long FIO_BYTES = 16L << 20;
    private static final int VICTIMS = FaultyFabric.NODES - 1;

    private final FaultyFabric fabric;
    private final Random random;
    private final boolean isBusiest;
    private final FaultTable table = new FaultTable();

    private FaultRun(FaultyFabric fabric, long seed, boolean isBusiest) {
        this.fabric = fabric;
        this.isBusiest = isBusiest;
        random = new Random(seed);
    }

    public static void main(String[] arguments) throws Exception {
        var lab = NamespaceLab.joined(arguments[0], FaultyFabric.MACHINES);
        Path folder = Path.of(arguments[1]);
        long seed = Long.parseLong(arguments[2]);
        int times = Integer.parseInt(arguments[3]);
        List<FaultKind> kinds = Stream.of(arguments[4].split(",")).map(FaultKind::valueOf).toList();
        int exitCode = 1;
        try (FaultyFabric fabric = FaultyFabric.start(lab, folder)) {
            try {
                var run = new FaultRun(fabric, seed, Boolean.parseBoolean(arguments[5]));
                run.run(times, kinds, folder, seed);
                exitCode = 0;
            } catch (Exception | AssertionError e) {
                System.out.println("FAILED with -Dweft.seed=" + seed);
                e.printStackTrace(System.out);
                System.out.println(fabric.lastWords());
            }
        }
        System.exit(exitCode);
    }

    private record Planned(FaultKind kind, int node) {}

    private List<Planned> plan(int times, List<FaultKind> kinds) {
        List<Planned> plan = new ArrayList<>();
        for (FaultKind kind : kinds) {
            for (int i = 0; i < times; i++) {
                plan.add(new Planned(kind, 1 + random.nextInt(VICTIMS)));
            }
        }
        Collections.shuffle(plan, random);
        return plan;
    }

    private void run(int times, List<FaultKind> kinds, Path folder, long seed) throws Exception {
        FabricSession session = fabric.session();
        var volumes = new VolumeAdmin(session.records());
        Volume checked =
                volumes.create(session.image(), "checked", CHECKED_BYTES, Volume.Access.READ_WRITE);
        var _ = volumes.create(session.image(), "fio", FIO_BYTES, Volume.Access.READ_WRITE);
        Await.until("the volume", () -> session.image().volumes().containsKey("fio"));
        String uri =
                new ExportAdmin(session.records())
                        .export(
                                session.image(),
                                "fio",
                                List.of(new NodeId("node" + FaultyFabric.NODES)),
                                Volume.Access.READ_WRITE)
                        .uris()
                        .getFirst();
        Await.until("the export", () -> isOffered(uri));
        try (var pool = new PoolSession(session.records().store(), session::image);
                var open = pool.client().open(pool.client().claim(checked, "fault run"));
                var checker = new VolumeChecker(open, 4, 2, seed);
                var fio = new FioVerifier(uri, folder, seed)) {
            fio.begin();
            for (Planned next : plan(times, kinds)) {
                suffer(next, checker, fio);
            }
            fio.pause();
            checker.finish();
            requireEqualCopies(pool.client().replicaComparison());
            System.out.printf(
                    "seed %d: %d writes and %d reads checked, %d blocks refused, %d rounds of fio,"
                            + " no mismatch%n%s%n%s%n",
                    seed,
                    checker.writes(),
                    checker.reads(),
                    checker.refusals(),
                    fio.rounds(),
                    table.text(),
                    new ObjectMapper().writeValueAsString(table.json()));
        }
    }

    /// A node that was away for a moment may be missed only after all groups were whole again.
    private static void requireEqualCopies(ReplicaComparison comparison) throws Exception {
        Await.until(
                "all copies are there",
                PATIENCE,
                () -> {
                    ReplicaComparison.Result result = comparison.compare();
                    return result.fullGroups() == result.groups();
                });
        ReplicaComparison.Result result = comparison.compareAtRest(PATIENCE);
        if (!result.differences().isEmpty() || result.fullGroups() < result.groups()) {
            throw new AssertionError("replicas differ: " + result);
        }
    }

    private static boolean isOffered(String uri) throws InterruptedException {
        try {
            NamespaceLab.run(List.of("nbdinfo", "--size", uri));
            return true;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    private void suffer(Planned next, VolumeChecker checker, FioVerifier fio) throws Exception {
        if (next.kind().takesSpace()) {
            fio.pause();
        }
        checker.awaitWrites(1 + random.nextInt(300), PATIENCE);
        checker.mark();
        int node = isBusiest ? fabric.busiest(VICTIMS) : next.node();
        LocalTime began = LocalTime.now().truncatedTo(ChronoUnit.MILLIS);
        long startNanos = System.nanoTime();
        next.kind().befall(fabric, node, checker);
        checker.awaitWrites(50, PATIENCE);
        fabric.awaitWhole();
        checker.awaitWrites(50, PATIENCE);
        checker.awaitNoRefusal(300, PATIENCE);
        VolumeChecker.Pause pause = checker.pause();
        table.add(next.kind(), pause);
        System.out.printf(
                "%s %-10s node%d: no write ended for %.2f s, the slowest took %.2f s, healed"
                        + " after %.1f s%n",
                began,
                next.kind(),
                node,
                pause.gapNanos() / 1e9,
                pause.slowestNanos() / 1e9,
                (System.nanoTime() - startNanos) / 1e9);
        if (next.kind().takesSpace()) {
            fio.begin();
        }
    }
}
