/// The architectural state of a hardware thread: registers, CSRs, privilege, traps, interrupts, its
/// thread and its sleep. Which engine executes its instructions it does not know.
@NullMarked
package weft.vmhost.hart;

import org.jspecify.annotations.NullMarked;
