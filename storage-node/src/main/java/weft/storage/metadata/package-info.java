/// The maps of a store: what is mapped where, with which checksum, and how far each placement group
/// has come. Never block bytes: those belong to the journal and to chunk files.
///
/// [weft.storage.metadata.MetadataStore] is the seam, keys are in
/// [weft.storage.metadata.MetadataKeys], [weft.storage.metadata.RocksMetadataStore] is the only
/// class that sees RocksDB.
@NullMarked
package weft.storage.metadata;

import org.jspecify.annotations.NullMarked;
