/// The virtual disk as its users see it: [weft.volume.BlockVolume], and the pool's client behind
/// it.
@NullMarked
package weft.volume;

import org.jspecify.annotations.NullMarked;
