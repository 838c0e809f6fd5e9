/// The hart with its interpreter, one hazard in a file: small assembled programs on a bare hart.
@NullMarked
package weft.vmhost.interpreter;

import org.jspecify.annotations.NullMarked;
