/// What is asked of a process that has volumes open for writing: to go on in a new layer, to say
/// when what belongs to the old one has ended, to know a new size.
@NullMarked
package weft.wire.holder;

import org.jspecify.annotations.NullMarked;
