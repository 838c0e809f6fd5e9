/// The append-only journal of a store: the durability point of every write.
@NullMarked
package weft.storage.journal;

import org.jspecify.annotations.NullMarked;
