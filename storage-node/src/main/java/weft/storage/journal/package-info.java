/// The append-only journal of a store: the durability point of every write. Layouts are drawn in
/// docs/protocols/journal-format.md.
///
/// ```text
///   any loop ── append ──► GroupCommit ── a group ──► Journal ──► current segment
///                             │ │ journal thread
///                             │ └─ large writes' bytes ──► DataWriters ──► chunk files
///                             └─ durable ──► any loop
///   start: JournalRecovery ── records ──► visitor
/// ```
///
/// Reading order: JournalRecord (what), GroupCommit (the door), DataWriters, RecordGroup and
/// JournalSegment (the layouts), Journal (segments and their recycling), JournalRecovery. Knows
/// bytes and segments, nothing of replicas or chunks.
@NullMarked
package weft.storage.journal;

import org.jspecify.annotations.NullMarked;
