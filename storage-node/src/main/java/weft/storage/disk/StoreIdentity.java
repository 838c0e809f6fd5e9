package weft.storage.disk;

import java.util.UUID;

/// Whose file this is. Part of every file of a store, so that a disk that was plugged into the
/// wrong cluster, or a file copied between stores, is refused by name.
///
/// @param cluster the fabric the store belongs to
/// @param store the store itself, for ever
public record StoreIdentity(UUID cluster, UUID store) {}
