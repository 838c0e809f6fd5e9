package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import weft.coordination.FabricPaths;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ModelVolume.Range;
import weft.ops.pool.Flattening;
import weft.ops.pool.PoolSession;
import weft.ops.pool.Rollback;
import weft.ops.pool.VolumeResizer;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/// One random life of some volumes: what is done to the pool is done to arrays of bytes, too, and
/// what the pool reads must be what they have.
///
/// All choices come from the seed and from the arrays, so a seed makes the same requests again. Two
/// holders take volumes from each other.
final class RandomVolumes {
    private static final int BLOCK = ModelVolume.BLOCK;
    private static final int CHUNK = ModelVolume.CHUNK;
    private static final int VOLUMES_MAX = 8;
    private static final int SNAPSHOTS_MAX = 10;
    private static final int SIZE_BLOCKS_MAX = 3 * CHUNK / BLOCK;
    private static final int ANSWER_SECONDS = 30;

    /// A chain has 32 at most; a cut that was void and tried again takes more than one.
    private static final int LAYERS_LEFT_MIN = 10;

    private final LoopbackFabric fabric;
    private final PoolSession pool;
    private final List<HolderProcess> holders;
    private final VolumeAdmin admin;
    private final Random random;
    private final String prefix;
    private final List<ModelVolume> volumes = new ArrayList<>();
    private final List<String> said = new ArrayList<>();
    private int numbers;

    RandomVolumes(LoopbackFabric fabric, PoolSession pool, List<HolderProcess> holders, long seed) {
        this.fabric = fabric;
        this.pool = pool;
        this.holders = holders;
        admin = new VolumeAdmin(fabric.session().records());
        random = new Random(seed);
        prefix = "s" + seed + "-";
    }

    /// The last things done, for a failure.
    String lastWords() {
        return String.join("\n  ", said.subList(Math.max(0, said.size() - 60), said.size()));
    }

    void run(int operations) throws Exception {
        for (int i = 0; i < operations; i++) {
            if (volumes.isEmpty()) {
                create();
            }
            step();
        }
        compareAll();
    }

    private void step() throws Exception {
        int dice = random.nextInt(100);
        if (dice < 4) {
            create();
        } else if (dice < 34) {
            write(holdable());
        } else if (dice < 42) {
            zero(holdable());
        } else if (dice < 52) {
            discard(holdable());
        } else if (dice < 64) {
            read(any());
        } else if (dice < 74) {
            snapshot();
        } else if (dice < 80) {
            cloneSomething();
        } else if (dice < 85) {
            rollback();
        } else if (dice < 88) {
            rename(holdable());
        } else if (dice < 90) {
            grow(holdable());
        } else if (dice < 92) {
            shrink(holdable());
        } else if (dice < 93) {
            flatten(holdable());
        } else if (dice < 96) {
            delete(any());
        } else if (dice < 98) {
            takeAway(holdable());
        } else if (dice < 99) {
            letGo(holdable());
        } else {
            compare(any());
        }
    }

    private void say(String format, Object... arguments) {
        said.add(format.formatted(arguments));
    }

    // What is chosen.

    private List<ModelVolume> writable() {
        return volumes.stream().filter(volume -> !volume.isSnapshot()).toList();
    }

    private List<ModelVolume> snapshots() {
        return volumes.stream().filter(ModelVolume::isSnapshot).toList();
    }

    private ModelVolume oneOf(List<ModelVolume> some) {
        return some.get(random.nextInt(some.size()));
    }

    private ModelVolume any() {
        return oneOf(volumes);
    }

    private ModelVolume holdable() {
        return oneOf(writable());
    }

    private int sizeBytes() {
        return (1 + random.nextInt(SIZE_BLOCKS_MAX)) * BLOCK;
    }

    /// Mostly some blocks or less, now and then several chunks; aligned or not; borders of chunks
    /// are favoured.
    private Range range(ModelVolume volume) {
        int size = volume.bytes.length;
        int grain = List.of(1, 512, BLOCK, BLOCK).get(random.nextInt(4));
        int length =
                switch (random.nextInt(10)) {
                    case 0 -> 1 + random.nextInt(5 << 20);
                    case 1, 2, 3 -> 1 + random.nextInt(256 << 10);
                    default -> 1 + random.nextInt(4 * BLOCK);
                };
        int near = random.nextInt(1 + size / CHUNK) * CHUNK + random.nextInt(16 * BLOCK);
        int middle = random.nextBoolean() ? near : random.nextInt(size);
        int start = Math.clamp(middle - random.nextInt(length), 0, size - 1) / grain * grain;
        int end = Math.min(size, start + (length + grain - 1) / grain * grain);
        return new Range(start, end);
    }

    private byte[] content(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private String name() {
        return prefix + "v" + ++numbers;
    }

    // Reading and writing.

    private RemoteVolume held(ModelVolume volume) throws Exception {
        RemoteVolume open = volume.open;
        return open != null ? open : hold(volume, holders.get(random.nextInt(holders.size())));
    }

    private RemoteVolume hold(ModelVolume volume, HolderProcess holder) throws Exception {
        RemoteVolume open = holder.open(volume.name);
        assertEquals(volume.bytes.length, open.sizeBytes(), volume.name);
        volume.open = open;
        return open;
    }

    private static void await(CompletableFuture<Void> operation) throws Exception {
        operation.get(ANSWER_SECONDS, TimeUnit.SECONDS);
    }

    private void write(ModelVolume volume) throws Exception {
        Range range = range(volume);
        say("write %s %s", volume, range);
        byte[] bytes = content(range.length());
        await(held(volume).write(range.start(), ByteBuffer.wrap(bytes)));
        volume.put(range.start(), bytes);
    }

    private void zero(ModelVolume volume) throws Exception {
        Range range = range(volume);
        say("zero %s %s", volume, range);
        await(held(volume).writeZeroes(range.start(), range.length()));
        volume.clear(range);
    }

    private void discard(ModelVolume volume) throws Exception {
        Range range = range(volume);
        say("discard %s %s", volume, range);
        await(held(volume).discard(range.start(), range.length()));
        volume.clear(range.wholeBlocks());
    }

    private void read(ModelVolume volume) throws Exception {
        Range range = range(volume);
        RemoteVolume open = volume.open;
        if (open != null && random.nextInt(4) > 0) {
            volume.check(range, read(open, range), "its holder reads");
        } else {
            try (BlockVolume other = pool.client().openReadOnly(record(volume.name))) {
                volume.check(range, read(other, range), "somebody reads");
            }
        }
    }

    private static byte[] read(BlockVolume volume, Range range) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate(range.length());
        await(volume.read(range.start(), bytes));
        return bytes.array();
    }

    /// The new holder has what the old one wrote, and the old one is refused.
    private void takeAway(ModelVolume volume) throws Exception {
        RemoteVolume old = held(volume);
        say("take %s away", volume);
        var _ = hold(volume, holders.get(random.nextInt(holders.size())));
        Range range = range(volume);
        var late = old.write(range.start(), ByteBuffer.wrap(content(range.length())));
        var refused = assertThrows(ExecutionException.class, () -> await(late));
        assertTrue(
                refused.getCause() instanceof VolumeException e
                        && e.reason() == VolumeException.Reason.FENCED,
                () -> "a late write of " + volume + ": " + refused);
        old.close();
    }

    private void letGo(ModelVolume volume) {
        RemoteVolume open = volume.open;
        if (open != null) {
            say("let go of %s", volume);
            open.close();
            volume.open = null;
        }
    }

    // What operators do.

    private Volume record(String name) throws Exception {
        return fabric.session()
                .records()
                .find(FabricPaths.volume(name), Volume.class)
                .orElseThrow()
                .noun();
    }

    private FabricImage image() {
        return fabric.session().image();
    }

    /// Commands go by the picture, which comes a moment after the records.
    private void awaitPicture(String name) throws Exception {
        Await.until(name, () -> record(name).equals(image().volumes().get(name)));
    }

    private void awaitGone(String name) throws Exception {
        Await.until(name + " is gone", () -> !image().volumes().containsKey(name));
    }

    private void create() throws Exception {
        if (writable().size() < VOLUMES_MAX) {
            ModelVolume made = ModelVolume.empty(name(), sizeBytes());
            say("create %s of %d", made, made.bytes.length);
            var _ = admin.create(image(), made.name, made.bytes.length, Volume.Access.READ_WRITE);
            volumes.add(made);
            awaitPicture(made.name);
        }
    }

    private boolean mayHaveOneLayerMore(ModelVolume volume) throws Exception {
        return record(volume.name).layers().size() <= Volume.LAYERS_MAX - LAYERS_LEFT_MIN;
    }

    /// One volume or two at one instant; at rest, or while they are written.
    private void snapshot() throws Exception {
        List<ModelVolume> chosen = new ArrayList<>(List.of(holdable()));
        ModelVolume second = holdable();
        if (random.nextInt(3) == 0 && !chosen.contains(second)) {
            chosen.add(second);
        }
        for (ModelVolume volume : chosen) {
            if (!mayHaveOneLayerMore(volume) || snapshots().size() >= SNAPSHOTS_MAX) {
                return;
            }
        }
        String suffix = "c" + ++numbers;
        say("snapshot %s as %s", chosen, suffix);
        List<CutUnderWrites.Write> writes = writesDuring(chosen);
        var cut = new CutUnderWrites(fabric.session(), pool, chosen, writes);
        for (ModelVolume snapshot : cut.take(suffix)) {
            volumes.add(snapshot);
            awaitPicture(snapshot.name);
        }
        for (ModelVolume volume : chosen) {
            awaitPicture(volume.name);
        }
    }

    private List<CutUnderWrites.Write> writesDuring(List<ModelVolume> chosen) throws Exception {
        var writes = new ArrayList<CutUnderWrites.Write>();
        int count = random.nextBoolean() ? 0 : random.nextInt(8);
        for (int i = 0; i < count; i++) {
            ModelVolume volume = oneOf(chosen);
            Range range = range(volume);
            var write =
                    new CutUnderWrites.Write(
                            volume, range, content(range.length()), random.nextBoolean());
            if (writes.stream().noneMatch(w -> w.volume() == volume && w.range().touches(range))) {
                var _ = held(volume);
                writes.add(write);
                say("  %s write %s", write.isBefore() ? "before," : "meanwhile,", range);
            }
        }
        return writes;
    }

    private void cloneSomething() throws Exception {
        if (snapshots().isEmpty() || writable().size() >= VOLUMES_MAX) {
            return;
        }
        ModelVolume origin = oneOf(snapshots());
        if (!mayHaveOneLayerMore(origin)) {
            return;
        }
        int blocks = origin.bytes.length / BLOCK;
        int more = random.nextBoolean() ? 0 : random.nextInt(SIZE_BLOCKS_MAX + 1 - blocks);
        ModelVolume made = origin.cloned(name(), (blocks + more) * BLOCK);
        say("clone %s as %s of %d", origin, made, made.bytes.length);
        var _ = admin.clone(image(), origin.name, made.name, made.bytes.length);
        volumes.add(made);
        awaitPicture(made.name);
    }

    private void rollback() throws Exception {
        if (snapshots().isEmpty()) {
            return;
        }
        ModelVolume to = oneOf(snapshots());
        ModelVolume volume = writable().stream().filter(to::isSnapshotOf).findFirst().orElseThrow();
        letGo(volume);
        say("rollback %s", to);
        var _ = new Rollback(pool, fabric.session().records(), fabric.session()::image).to(to.name);
        volume.bytes = to.bytes.clone();
        awaitPicture(volume.name);
    }

    private void rename(ModelVolume volume) throws Exception {
        letGo(volume);
        String old = volume.name;
        String now = name();
        say("rename %s to %s", old, now);
        var _ = admin.rename(fabric.session()::image, old, now);
        for (ModelVolume snapshot : snapshots()) {
            if (snapshot.isSnapshotOf(volume)) {
                String name = now + snapshot.name.substring(old.length());
                awaitGone(snapshot.name);
                snapshot.name = name;
                awaitPicture(name);
            }
        }
        volume.name = now;
        awaitGone(old);
        awaitPicture(now);
    }

    private void grow(ModelVolume volume) throws Exception {
        int size = volume.bytes.length;
        int more = random.nextInt(SIZE_BLOCKS_MAX + 1 - size / BLOCK) * BLOCK;
        say("grow %s from %d by %d", volume, size, more);
        var resizer = new VolumeResizer(pool, fabric.session().records(), fabric.session()::image);
        assertTrue(resizer.grow(volume.name, size + more).isTold(), volume.name);
        volume.resize(size + more);
        RemoteVolume open = volume.open;
        if (open != null) {
            assertEquals(size + more, open.sizeBytes());
        }
        awaitPicture(volume.name);
    }

    private void shrink(ModelVolume volume) throws Exception {
        int blocks = volume.bytes.length / BLOCK;
        if (blocks == 1 || !mayHaveOneLayerMore(volume)) {
            return;
        }
        int size = (1 + random.nextInt(blocks - 1)) * BLOCK;
        say("shrink %s from %d to %d", volume, volume.bytes.length, size);
        var resizer = new VolumeResizer(pool, fabric.session().records(), fabric.session()::image);
        assertTrue(resizer.shrink(volume.name, size, false).isTold(), volume.name);
        volume.resize(size);
        RemoteVolume open = volume.open;
        if (open != null) {
            assertEquals(size, open.sizeBytes());
        }
        awaitPicture(volume.name);
    }

    /// Others go on meanwhile, mostly.
    private void flatten(ModelVolume volume) throws Exception {
        if (!mayHaveOneLayerMore(volume)) {
            return;
        }
        say("flatten %s", volume);
        Volume begun =
                new Flattening(pool, fabric.session().records(), fabric.session()::image)
                        .begin(volume.name);
        if (random.nextInt(3) == 0) {
            Await.until("flattened", () -> record(volume.name).flattening() == null);
            assertEquals(begun.flattening(), record(volume.name).layers().getLast());
            say("  it is done");
        }
        awaitPicture(volume.name);
    }

    private void delete(ModelVolume volume) throws Exception {
        letGo(volume);
        say("delete %s", volume);
        if (volumes.stream().anyMatch(other -> other.keeps(volume))) {
            assertThrows(
                    Refusal.class,
                    () -> admin.delete(fabric.session()::image, volume.name),
                    volume.name);
            return;
        }
        admin.delete(fabric.session()::image, volume.name);
        volumes.remove(volume);
        awaitGone(volume.name);
    }

    // What there must be.

    private void compare(ModelVolume volume) throws Exception {
        say("compare %s", volume);
        var all = new Range(0, volume.bytes.length);
        Volume record = record(volume.name);
        assertEquals(volume.bytes.length, record.sizeBytes(), volume.name);
        assertEquals(
                volume.isSnapshot() ? Volume.Access.READ_ONLY : Volume.Access.READ_WRITE,
                record.access(),
                volume.name);
        try (BlockVolume open = pool.client().openReadOnly(record)) {
            volume.check(all, read(open, all), "all of it");
            volume.checkMap(open.map(0, all.length()).get(ANSWER_SECONDS, TimeUnit.SECONDS));
        }
    }

    private void compareAll() throws Exception {
        var names = new TreeSet<String>();
        for (ModelVolume volume : volumes) {
            names.add(volume.name);
            compare(volume);
        }
        var recorded = new TreeSet<>(image().volumes().keySet());
        recorded.removeIf(name -> !name.startsWith(prefix));
        assertEquals(names, recorded);
    }

    /// Lets go of all, and deletes it.
    void deleteAll() throws Exception {
        volumes.forEach(this::letGo);
        Collections.reverse(volumes);
        while (!volumes.isEmpty()) {
            ModelVolume free =
                    volumes.stream()
                            .filter(one -> volumes.stream().noneMatch(other -> other.keeps(one)))
                            .findFirst()
                            .orElseThrow();
            delete(free);
        }
    }
}
