/// What configuration should come next: pure functions. Proposing it (a compare-and-set) is the
/// business of the replica and its outbox.
@NullMarked
package weft.storage.reconfigure;

import org.jspecify.annotations.NullMarked;
