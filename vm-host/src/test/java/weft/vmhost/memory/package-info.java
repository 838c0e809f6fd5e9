/// Guest memory and the bus under addresses a guest might choose.
@NullMarked
package weft.vmhost.memory;

import org.jspecify.annotations.NullMarked;
