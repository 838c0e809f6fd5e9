/// Questions about the state of replicas, asked by people and tests: what a store holds of a group,
/// as checksums, so that replicas can be compared without moving their bytes.
@NullMarked
package weft.wire.audit;

import org.jspecify.annotations.NullMarked;
