/// The VM host: runs VMs in the RISC-V machine, moves them between hosts.
@NullMarked
package weft.vmhost;

import org.jspecify.annotations.NullMarked;
