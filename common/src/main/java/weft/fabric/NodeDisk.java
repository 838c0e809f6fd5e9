package weft.fabric;

import org.jspecify.annotations.Nullable;

import java.util.Optional;

/// A disk of a storage node, as the node tells of it: a folder and the store in it.
///
/// @param store null if the folder did not even tell which it is
/// @param incarnation of the store's present life; 0 if it never came to life
/// @param failure why it is not served; empty while it is
/// @param slow served, but it keeps writers waiting: groups do without it where they can
/// @param ended nothing comes from this life any more, as the node says when it is stopped, or who
///   ran its process and saw it end
public record NodeDisk(
        String folder,
        @Nullable StoreId store,
        long incarnation,
        String failure,
        boolean slow,
        boolean ended) {
    /// A disk that is served.
    public static NodeDisk serving(String folder, Member member) {
        return new NodeDisk(folder, member.store(), member.incarnation(), "", false, false);
    }

    /// A disk that never came to life.
    public static NodeDisk refused(String folder, @Nullable StoreId store, String why) {
        return new NodeDisk(folder, store, 0, why, false, false);
    }

    /// The store in its present life, if it is served.
    public Optional<Member> served() {
        return failure.isEmpty() ? life() : Optional.empty();
    }

    /// The store in the life that is over, if it is known to be.
    public Optional<Member> endedLife() {
        return ended ? life() : Optional.empty();
    }

    private Optional<Member> life() {
        StoreId known = store;
        return known == null ? Optional.empty() : Optional.of(new Member(known, incarnation));
    }

    /// The same disk, not served any more.
    public NodeDisk failed(String why) {
        return new NodeDisk(folder, store, incarnation, why, slow, ended);
    }

    /// The same disk, slow or not.
    public NodeDisk withSlow(boolean now) {
        return new NodeDisk(folder, store, incarnation, failure, now, ended);
    }

    /// The same disk, of which nothing comes any more.
    public NodeDisk withEnd() {
        String why = failure.isEmpty() ? "it has ended" : failure;
        return new NodeDisk(folder, store, incarnation, why, slow, true);
    }
}
