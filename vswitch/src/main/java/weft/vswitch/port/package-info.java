/// What plugs into the switch: the only package of this module, beside the front door, that other
/// modules use.
@NullMarked
package weft.vswitch.port;

import org.jspecify.annotations.NullMarked;
