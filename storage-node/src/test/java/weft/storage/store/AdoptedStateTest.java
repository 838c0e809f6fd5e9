package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicatedTables;
import weft.wire.storage.Entry;

import java.io.IOException;
import java.util.Random;

class AdoptedStateTest {
    /// From `Adopted` on the records before it are void, applied or not.
    @Test
    void whatWasAppliedBeforeAnAdoptionSurvivesOnceItIsSettled() throws IOException {
        var sim = new SimStore(new Random(1));
        sim.open();
        byte[] bytes = SimStore.bytes(7, 2 * ChunkKey.BLOCK_BYTES);
        Entry entry = SimStore.entry(1, SimStore.write(SimStore.BASE_ONLY, 0, 0, bytes));
        sim.commit(entry);
        sim.group()
                .append(
                        2,
                        new JournalRecord.Adopted(
                                SimStore.PG, 1, 1, new ReplicatedTables().encode()));
        sim.group().append(3, new JournalRecord.VersionTaken(SimStore.PG, 1, true));
        sim.store().flush();
        sim.group().settle(4);
        assertTrue(sim.done.contains(4L));
        sim.disk.crashAt(sim.disk.operations());
        sim.crash();
        RecoveredState found = sim.open().recovered(SimStore.PG);
        assertEquals(1, found.appliedSequence());
        assertTrue(found.inSync());
        var model = new GroupModel();
        model.apply(entry);
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
    }
}
