/// The baseline compiler: guest code that runs more than once becomes machine code of the host.
@NullMarked
package weft.vmhost.nativecode;

import org.jspecify.annotations.NullMarked;
