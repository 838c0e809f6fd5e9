package weft.storage.store;

import weft.storage.disk.Disk;
import weft.storage.journal.GroupCommit;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Makes a store's data and maps durable, so that the journal before a point is no longer needed.
///
/// ```text
///   1 note the current journal segment
///   2 each group, under its lock: copy what changed; append old prepared entries anew
///   3 force the data files, then the folders
///   4 wait until the copies of step 2 are durable
///   5 one metadata batch, synced: stamps, maps, applied sequences, and where the journal now begins
///   6 only then recycle the segments before it, delete replaced files, give back the space of what
///     left the maps, report installs as done
/// ```
///
/// I/O goes on all the while: step 2 holds one group at a time for as long as copying its maps
/// takes. One checkpoint runs at a time.
final class Checkpoint {
    private final Disk disk;
    private final MetadataStore metadata;
    private final GroupCommit journal;
    private long savedEpoch;

    Checkpoint(Disk disk, MetadataStore metadata, GroupCommit journal) {
        this.disk = disk;
        this.metadata = metadata;
        this.journal = journal;
    }

    /// Saves every group and frees the journal before the current segment.
    synchronized void runFull(Collection<GroupStore> groups) throws IOException {
        long firstEpoch = journal.currentEpoch();
        long dataBytes = journal.dataBytes();
        List<GroupStore.Taken> taken = take(groups, firstEpoch);
        if (taken.isEmpty() && firstEpoch == savedEpoch) {
            return;
        }
        forceFiles(taken);
        journal.flush();
        var batch = new MetadataStore.Batch();
        addTo(batch, taken);
        batch.put(
                MetadataKeys.JOURNAL_START,
                ByteBuffer.allocate(Long.BYTES).putLong(firstEpoch).array());
        metadata.write(batch);
        savedEpoch = firstEpoch;
        journal.recycleBefore(firstEpoch, dataBytes);
        finish(taken);
    }

    /// Saves some groups, whose installs and deletes wait for it; the journal stays as it is.
    synchronized void runPartial(Collection<GroupStore> groups) throws IOException {
        List<GroupStore.Taken> taken = take(groups, 0);
        forceFiles(taken);
        var batch = new MetadataStore.Batch();
        addTo(batch, taken);
        metadata.write(batch);
        finish(taken);
    }

    private static List<GroupStore.Taken> take(Collection<GroupStore> groups, long firstEpoch)
            throws IOException {
        List<GroupStore.Taken> taken = new ArrayList<>();
        for (GroupStore group : groups) {
            group.takeChanges(firstEpoch).ifPresent(taken::add);
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

    private static void addTo(MetadataStore.Batch batch, List<GroupStore.Taken> taken) {
        for (GroupStore.Taken group : taken) {
            group.chunks().addTo(batch);
            batch.put(MetadataKeys.group(group.group().pg()), group.state().encode());
        }
    }

    private static void finish(List<GroupStore.Taken> taken) throws IOException {
        for (GroupStore.Taken group : taken) {
            group.group().saved(group);
        }
    }
}
