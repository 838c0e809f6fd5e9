/// A store: one disk of a node, as a folder.
///
/// ```text
///   <folder>/lock  identity            who it is, one process at a time
///            journal/00000000.seg …    durability           weft.storage.journal
///            chunks/<group>/…          blocks               weft.storage.chunk
///            metadata/                 maps (RocksDB)       weft.storage.metadata
///
///   replica's loop ── append ──► GroupCommit ── durable ──► replica's loop
///                                         └─ large writes ──► chunk files (direct)
///                  ── apply, read ──► ChunkStore (page cache)
///   checkpoint thread: begin write-back, bit by bit; then
///                      copy maps → force files → save maps → recycle the journal
/// ```
///
/// Threads: a replica's loop calls its [weft.storage.store.GroupStore]; the journal thread and its
/// data writers write; the checkpoint thread copies what changed under a group's lock and does the
/// slow part without it. Reading order: Store, GroupStore, OpenEntries, WriteBack, Checkpoint,
/// StoreRecovery, SpaceBudget.
@NullMarked
package weft.storage.store;

import org.jspecify.annotations.NullMarked;
