/// The software switch. Front door: `VSwitch`; the design is the list of stages in `pipeline`.
@NullMarked
package weft.vswitch;

import org.jspecify.annotations.NullMarked;
