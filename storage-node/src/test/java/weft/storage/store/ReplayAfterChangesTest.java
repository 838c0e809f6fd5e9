package weft.storage.store;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.util.List;
import java.util.Random;

/// What a replay of the journal reads is what was there when it was applied first, also if it went
/// out of the maps since. Single stories of what [StoreCrashPropertyTest] found or might.
class ReplayAfterChangesTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;

    /// A chunk file of an earlier life is swept at the first checkpoint, which makes it anew if it
    /// was deleted meanwhile; what is written to it afterwards needs its entry in the folder.
    @Test
    void aFileThatASweepMadeAnewIsThereAfterACrash() throws Exception {
        var random = new Random(4);
        for (int seed = 0; seed < 20; seed++) {
            var lives = new SimStore(random);
            Mutation.Write write =
                    SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(seed, BLOCK));
            Store store = lives.open();
            lives.commit(SimStore.entry(1, write));
            store.checkpoint();
            lives.crash();
            store = lives.open();
            lives.commit(SimStore.entry(2, new Mutation.Discard(SimStore.BASE_ONLY, 0, 0, BLOCK)));
            store.checkpoint();
            lives.commit(SimStore.entry(3, write));
            store.checkpoint();
            lives.crash();
            lives.open();
            var model = new GroupModel();
            model.apply(SimStore.entry(3, write));
            lives.assertReads(model, SimStore.BASE_ONLY, 0, 0, 1);
        }
    }

    /// A clone does without its base, and another clone's blocks go there: a replay completes what
    /// the first one wrote before from what the base had then.
    @Test
    void whatIsMergedIntoALayerIsNotReadByAReplayOfWhatCameBefore() throws Exception {
        var random = new Random(4);
        for (int seed = 0; seed < 20; seed++) {
            var lives = new SimStore(random);
            var model = new GroupModel();
            List<Entry> entries =
                    List.of(
                            SimStore.entry(
                                    1,
                                    SimStore.write(
                                            SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, BLOCK))),
                            SimStore.entry(
                                    2,
                                    SimStore.write(
                                            List.of(SimStore.OTHER),
                                            0,
                                            0,
                                            SimStore.bytes(2, BLOCK))),
                            SimStore.entry(
                                    3,
                                    SimStore.write(
                                            SimStore.CLONE_ON_BASE, 0, 7, SimStore.bytes(3, 9))),
                            SimStore.entry(
                                    4,
                                    new Mutation.CopyDown(
                                            SimStore.OTHER, SimStore.BASE, 0, 0, BLOCK)));
            Store store = lives.open();
            for (Entry entry : entries) {
                lives.commit(entry);
                model.apply(entry);
                if (entry.sequence() == 2) {
                    store.checkpoint();
                }
            }
            lives.crash();
            store = lives.open();
            for (Entry entry : store.recovered(SimStore.PG).prepared()) {
                lives.group().apply(entry);
            }
            lives.assertReads(model, SimStore.BASE_ONLY, 0, 0, 1);
            lives.assertReads(model, List.of(SimStore.CLONE), 0, 0, 1);
        }
    }

    /// Between taking the maps and saving them a file may lose its last block: the saved map names
    /// it still, and a replay reads it.
    @Test
    void whatIsTrimmedDuringACheckpointStaysForAReplay() throws Exception {
        var random = new Random(5);
        for (int life = 0; life < 20; life++) {
            var lives = new SimStore(random);
            var model = new GroupModel();
            Entry base =
                    SimStore.entry(
                            1, SimStore.write(SimStore.BASE_ONLY, 0, 0, SimStore.bytes(1, BLOCK)));
            Entry other =
                    SimStore.entry(
                            2,
                            SimStore.write(
                                    List.of(SimStore.OTHER), 0, 0, SimStore.bytes(2, BLOCK)));
            Entry merge =
                    SimStore.entry(
                            3, new Mutation.CopyDown(SimStore.OTHER, SimStore.BASE, 0, 0, BLOCK));
            Entry partial =
                    SimStore.entry(
                            4, SimStore.write(SimStore.CLONE_ON_BASE, 0, 7, SimStore.bytes(3, 9)));
            Entry trim = SimStore.entry(5, new Mutation.Trim(SimStore.BASE_ONLY, 0, 0, BLOCK));
            List.of(base, other, merge, partial, trim).forEach(model::apply);
            Store store = lives.open();
            lives.commit(base);
            store.checkpoint();
            lives.commit(other);
            lives.commit(merge);
            lives.metadata.beforeNextWrite(() -> {
                lives.commit(partial);
                lives.commit(trim);
            });
            store.checkpoint();
            lives.crash();
            store = lives.open();
            for (Entry entry : store.recovered(SimStore.PG).prepared()) {
                lives.group().apply(entry);
            }
            lives.assertReads(model, List.of(SimStore.CLONE), 0, 0, 1);
            lives.assertReads(model, SimStore.BASE_ONLY, 0, 0, 1);
        }
    }
}
