/// Random programs, run by our engines and by QEMU as an independent oracle; afterwards registers,
/// flags, trap logs and memory must be equal.
///
/// `RandomProgram` makes the text of one program, `ProgramImage` puts many of them with a trap
/// handler and page tables into one picture of RAM, `QemuMachine` and `HartMachine` run such a
/// picture until it powers off, and `ImageDifference` says in words where two pictures differ.
///
/// `CheckedInterpreterTest` runs them once more with every access to host memory checked.
@NullMarked
package weft.vmhost.differential;

import org.jspecify.annotations.NullMarked;
