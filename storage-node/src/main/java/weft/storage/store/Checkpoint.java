package weft.storage.store;

import weft.storage.disk.Disk;
import weft.storage.journal.GroupCommit;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Makes a store's data and maps durable, so that the journal before a point is no longer needed.
///
/// ```text
///   1 note the current journal segment
///   2 each group, under its lock: copy what changed; append old prepared entries anew
///   3 force the data files, then the folders
///   4 wait until the copies of step 2 are durable
///   5 one metadata batch, synced: stamps, maps, applied sequences, and where the journal now begins;
///     the journal notes that it was written
///   6 only then recycle the segments before it, delete replaced files, give back the space of what
///     left the maps, report installs as done
/// ```
///
/// What is copied is in memory three times: here, in the batch, and in RocksDB's table of what was
/// written last; and after random writes all loaded maps have changed. So steps 2 to 6 are done for
/// a portion of the groups at a time, mostly all. The last says where the journal begins: after a
/// crash before it the journal is read from where it began earlier, and records of groups that were
/// saved have had their effect.
///
/// I/O goes on all the while: step 2 holds one group at a time for as long as copying its maps
/// takes. One checkpoint runs at a time.
final class Checkpoint {
    private final Disk disk;
    private final StoreLife life;
    private final GroupCommit journal;
    private final long portionBytes;
    private long savedEpoch;

    /// @param portionBytes of maps that are enough for a batch
    Checkpoint(Disk disk, StoreLife life, GroupCommit journal, long portionBytes) {
        this.disk = disk;
        this.life = life;
        this.journal = journal;
        this.portionBytes = portionBytes;
    }

    /// Saves every group and frees the journal before the current segment.
    synchronized void runFull(Collection<GroupStore> groups) throws IOException {
        long firstEpoch = journal.currentEpoch();
        long dataBytes = journal.dataBytes();
        var rest = List.copyOf(groups).iterator();
        boolean changed = false;
        boolean isLast;
        do {
            List<GroupStore.Taken> taken = take(rest, firstEpoch);
            isLast = !rest.hasNext();
            changed |= !taken.isEmpty();
            if (!changed && firstEpoch == savedEpoch) {
                return;
            }
            forceFiles(taken);
            journal.flush();
            MetadataStore.Batch batch = batchOf(taken);
            if (isLast) {
                byte[] start = ByteBuffer.allocate(Long.BYTES).putLong(firstEpoch).array();
                batch.put(MetadataKeys.JOURNAL_START, start);
            }
            life.write(batch);
            if (isLast) {
                // The note of it, too: what was needed without it must not be gone before.
                journal.flush();
                savedEpoch = firstEpoch;
                journal.recycleBefore(firstEpoch, dataBytes);
            }
            finish(taken);
        } while (!isLast);
    }

    /// Saves some groups, whose installs and deletes wait for it; the journal stays as it is.
    synchronized void runPartial(Collection<GroupStore> groups) throws IOException {
        for (var rest = List.copyOf(groups).iterator(); rest.hasNext(); ) {
            List<GroupStore.Taken> taken = take(rest, 0);
            forceFiles(taken);
            life.write(batchOf(taken));
            finish(taken);
        }
    }

    /// From the next groups a portion.
    private List<GroupStore.Taken> take(Iterator<GroupStore> groups, long firstEpoch)
            throws IOException {
        List<GroupStore.Taken> taken = new ArrayList<>();
        long bytes = 0;
        while (groups.hasNext() && bytes < portionBytes) {
            Optional<GroupStore.Taken> next = groups.next().takeChanges(firstEpoch);
            if (next.isPresent()) {
                taken.add(next.get());
                bytes += next.get().chunks().mapBytes();
            }
        }
        return taken;
    }

    private void forceFiles(List<GroupStore.Taken> taken) throws IOException {
        Set<String> files = new LinkedHashSet<>();
        Set<String> folders = new LinkedHashSet<>();
        for (GroupStore.Taken group : taken) {
            files.addAll(group.chunks().writtenFiles());
            group.chunks().changedFolder().ifPresent(folders::add);
        }
        disk.forceFiles(files);
        if (!folders.isEmpty()) {
            folders.add(Store.CHUNKS_FOLDER);
        }
        for (String folder : folders) {
            disk.forceFolder(folder);
        }
    }

    private static MetadataStore.Batch batchOf(List<GroupStore.Taken> taken) {
        var batch = new MetadataStore.Batch();
        for (GroupStore.Taken group : taken) {
            group.chunks().addTo(batch);
            batch.put(MetadataKeys.group(group.group().pg()), group.state().encode());
        }
        return batch;
    }

    private static void finish(List<GroupStore.Taken> taken) throws IOException {
        for (GroupStore.Taken group : taken) {
            group.group().saved(group);
        }
    }
}
