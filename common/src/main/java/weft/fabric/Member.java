package weft.fabric;

/// A store in one of its lives: what a configuration names.
///
/// @param incarnation grows at each start of the store, so that a restarted store is not taken for
///   the one that stopped
public record Member(StoreId store, long incarnation) {
    @Override
    public String toString() {
        return store + "#" + incarnation;
    }
}
