/// Questions to a host about a VM that runs there: what is true at this moment only, and so is not
/// in the fabric's records.
@NullMarked
package weft.wire.vm;

import org.jspecify.annotations.NullMarked;
