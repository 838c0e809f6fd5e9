package weft.storage.replica;

import org.jspecify.annotations.Nullable;

import weft.fabric.Configuration;
import weft.runtime.Owned;

/// What a watch, a read and a proposal tell of a group crosses on its way to the replica. The
/// versions of configurations put that in order, but for what is wanted, which control changes
/// within one: of that the record's own versions tell.
@Owned("the replica's loop")
public final class RecordOrder {
    private @Nullable Configuration newest;
    private int newestRecord;

    /// What is told, or what is known of its version from a later record.
    ///
    /// @param recordVersion grows with each write of the record
    public Configuration newer(Configuration told, int recordVersion) {
        Configuration known = newest;
        if (known != null && known.version() == told.version() && newestRecord > recordVersion) {
            return known;
        }
        if (known == null || told.version() >= known.version()) {
            newest = told;
            newestRecord = recordVersion;
        }
        return told;
    }

    /// The same of how a proposal ended.
    public Proposal newer(Proposal told, int recordVersion) {
        return switch (told) {
            case Proposal.Won won -> new Proposal.Won(newer(won.now(), recordVersion));
            case Proposal.Lost lost -> new Proposal.Lost(newer(lost.now(), recordVersion));
            case Proposal.Unknown unknown -> unknown;
        };
    }
}
