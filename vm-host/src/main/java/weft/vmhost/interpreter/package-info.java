/// The interpreter: what every instruction does, written once and plainly. It is the reference that
/// a translator has to agree with.
@NullMarked
package weft.vmhost.interpreter;

import org.jspecify.annotations.NullMarked;
