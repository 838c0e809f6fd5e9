package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.disk.IdentityFile;
import weft.storage.disk.StoreIdentity;
import weft.storage.journal.JournalSettings;
import weft.storage.store.Store;
import weft.storage.store.StoreSettings;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.UUID;

/// What a production store lies on, over all its lives, and what happens to it: power that fails,
/// space that runs out, and lies.
///
/// A medium lies if it does something else than it says: a write with a wrong bit, to another place
/// or to none, or a force after which nothing is durable. From then on it is *doubtful*, until
/// whoever made it lie has seen that everything is good again ([DiskLies] says when). RocksDB, of
/// which [FaultyMetadata] is a model, is not lied to.
final class StoreMedium {
    private static final UUID CLUSTER = new UUID(7, 7);

    /// Small segments and few maps and files in memory, so that all of that is used up; writes of
    /// two blocks already have places. The journal has room for all that a joiner gets while it
    /// copies: it keeps that until it is in sync.
    private static final StoreSettings SETTINGS =
            new StoreSettings(
                    new JournalSettings(192 << 10, 64 << 10, 160 << 10, 8 << 20, 128 << 20),
                    Long.MAX_VALUE,
                    4 << 20,
                    512 << 10,
                    10_000,
                    1 << 16,
                    8,
                    2 * ChunkKey.BLOCK_BYTES);

    private static final long FREE_BYTES = 1L << 40;

    private final SimWorld world;
    private FaultyDisk files;
    private FaultyMetadata maps;
    private boolean isDoubtful;
    private long incarnation;

    /// The last life that may have forgotten something that it had said was durable.
    private long doubtfulLife;

    StoreMedium(SimWorld world, StoreId id) {
        this.world = world;
        files = new FaultyDisk(world.random());
        maps = new FaultyMetadata(files, world.random());
        identify(id);
    }

    private void identify(StoreId id) {
        try {
            IdentityFile.write(files, new StoreIdentity(CLUSTER, id.uuid()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Store open() throws IOException {
        var opened = new Store(files, maps, CLUSTER, SETTINGS);
        incarnation = opened.member().incarnation();
        return opened;
    }

    /// The process is killed, and what it wrote is kept by the machine; or power fails, perhaps in
    /// the midst of what is written.
    ///
    /// @param store that is open; null if none is
    void crash(@Nullable Store store) {
        if (isDoubtful) {
            doubtfulLife = incarnation;
        }
        if (!files.isCrashed() && !isDoubtful && world.chance(0.25)) {
            files = files.afterKill();
        } else {
            if (store != null && !files.isCrashed() && world.chance(0.6)) {
                failInTheMidst(store);
            }
            files = files.afterCrash();
        }
        maps = maps.afterCrash(files);
    }

    private void failInTheMidst(Store store) {
        // A write of the journal is one change, a checkpoint many.
        failSoon(world.chance(0.5) ? 2 : 15);
        try {
            if (world.chance(0.5)) {
                store.flush();
            } else {
                store.checkpoint();
            }
        } catch (IOException e) {
            assert files.isCrashed();
        }
    }

    /// Power fails in the midst of one of the next changes.
    void failSoon(long changesMax) {
        files.crashAt(files.operations() + world.between(0, changesMax));
    }

    /// It does not, if it has not yet.
    void failNotSoon() {
        if (!files.isCrashed()) {
            files.crashAt(Long.MAX_VALUE);
        }
    }

    boolean isOut() {
        return files.isCrashed();
    }

    /// Others fill it, but for what committed writes and the journal may need, and a little.
    ///
    /// @param store that is open; null if none is
    void fill(@Nullable Store store) throws IOException {
        files.leaveBytes(SETTINGS.reserveBytes() + SETTINGS.journal().liveBytesMax());
        if (store != null) {
            store.askSpace();
            long little = world.between(0, 64 << 10);
            files.leaveBytes(files.freeBytes() - Math.max(0, store.freeBytes() - little));
        }
    }

    /// They give it back.
    void empty() {
        files.leaveBytes(FREE_BYTES);
    }

    /// It does this to the next write to that folder.
    void spoilNextWrite(String folder, FaultyDisk.Mishap what) {
        isDoubtful = true;
        files.spoilNextWrite(folder, what);
    }

    void spoilNothing() {
        files.spoilNothing();
    }

    boolean isToSpoil() {
        return files.isToSpoil();
    }

    /// It says of that folder's files that they are durable, and they are not.
    void lieAbout(String folder) {
        isDoubtful = true;
        files.lieAbout(folder);
    }

    boolean isDoubtful() {
        return isDoubtful;
    }

    /// All that it did wrong is made good.
    void isGoodAgain() {
        isDoubtful = false;
    }

    /// Whether what that member said was durable may be gone.
    boolean mayHaveForgotten(Member member) {
        return member.incarnation() <= doubtfulLife;
    }

    /// Another one in its place, empty.
    void replace(StoreId id) {
        files = new FaultyDisk(world.random());
        maps = new FaultyMetadata(files, world.random());
        doubtfulLife = 0;
        isDoubtful = false;
        identify(id);
    }
}
