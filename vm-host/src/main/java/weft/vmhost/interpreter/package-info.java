/// The interpreter: what every instruction does, written plainly, and once but for the most common.
/// It is the reference that a translator has to agree with. Its inner loop
/// ([weft.vmhost.interpreter.PageLoop]) can be another than the one written here.
@NullMarked
package weft.vmhost.interpreter;

import org.jspecify.annotations.NullMarked;
