/// Address translation: page-table entries, the walk through them, and the software TLB that
/// remembers its outcome. Knows guest memory, but no hart and no instruction.
@NullMarked
package weft.vmhost.mmu;

import org.jspecify.annotations.NullMarked;
