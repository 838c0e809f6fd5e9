package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.ops.pool.LayerMerge.Intent;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// Whose turn it is to change sealed layers: one process at a time in the fabric. A turn's number
/// is the version of the intent's record, so each turn has a higher one than those before, and
/// placement groups refuse what comes late of these ([weft.volume.PoolClient#layerCopier]).
final class MaintenanceTurn {
    private MaintenanceTurn() {}

    /// A turn for what may be left half done at any time.
    ///
    /// @return its number; empty if layers are being merged, which goes first, or if another was
    ///   faster
    static OptionalLong take(FabricRecords records) throws IOException {
        Optional<Found<Intent>> found = records.find(FabricPaths.MERGE, Intent.class);
        if (found.isPresent()) {
            return found.get().noun().isNone()
                    ? goOn(records, found.get())
                            .map(mine -> OptionalLong.of(mine.version()))
                            .orElseGet(OptionalLong::empty)
                    : OptionalLong.empty();
        }
        Change creation = FabricRecords.creation(FabricPaths.MERGE, Intent.NONE);
        return records.store().commit(List.of(creation)) instanceof Outcome.Committed
                ? OptionalLong.of(0)
                : OptionalLong.empty();
    }

    /// A turn of one's own with the intent that was found; empty if another was faster.
    static Optional<Found<Intent>> goOn(FabricRecords records, Found<Intent> found)
            throws IOException {
        Change same = FabricRecords.replacement(FabricPaths.MERGE, found.noun(), found.version());
        return records.store().commit(List.of(same)) instanceof Outcome.Committed
                ? Optional.of(new Found<>(found.noun(), found.version() + 1))
                : Optional.empty();
    }
}
