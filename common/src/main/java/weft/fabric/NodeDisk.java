package weft.fabric;

import org.jspecify.annotations.Nullable;

import java.util.Optional;

/// A disk of a storage node, as the node tells of it: a folder and the store in it.
///
/// @param store null if the folder did not even tell which it is
/// @param incarnation of the store's present life; 0 if it never came to life
/// @param failure why it is not served; empty while it is
public record NodeDisk(String folder, @Nullable StoreId store, long incarnation, String failure) {
    /// A disk that is served.
    public static NodeDisk serving(String folder, Member member) {
        return new NodeDisk(folder, member.store(), member.incarnation(), "");
    }

    /// The store in its present life, if it is served.
    public Optional<Member> served() {
        StoreId known = store;
        return known == null || !failure.isEmpty()
                ? Optional.empty()
                : Optional.of(new Member(known, incarnation));
    }

    /// The same disk, not served any more.
    public NodeDisk failed(String why) {
        return new NodeDisk(folder, store, incarnation, why);
    }
}
