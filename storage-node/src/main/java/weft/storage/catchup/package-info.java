/// Bringing a store up to date by comparing chunks: only what changed travels, while new writes
/// flow.
@NullMarked
package weft.storage.catchup;

import org.jspecify.annotations.NullMarked;
