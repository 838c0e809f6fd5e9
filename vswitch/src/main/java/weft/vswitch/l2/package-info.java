/// Tables keyed by MAC addresses, owned by the switch's loop. They know neither ports nor tunnels.
@NullMarked
package weft.vswitch.l2;

import org.jspecify.annotations.NullMarked;
