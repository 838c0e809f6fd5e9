/// The instruction set as data: operations, their encodings and the decoded form. What an
/// instruction does is not said here, but by the interpreter (and by `isa.fp` for IEEE 754).
@NullMarked
package weft.vmhost.isa;

import org.jspecify.annotations.NullMarked;
