/// Guest-physical memory: RAM outside the Java heap, the record of which pages were written and
/// which have yet to come ([weft.vmhost.memory.AbsentPages], [weft.vmhost.memory.PageSource]), and
/// the bus that joins RAM and devices. Host addresses and the unchecked accesses live in
/// [weft.vmhost.memory.HostMemory] alone; nothing here knows a hart or a page table.
@NullMarked
package weft.vmhost.memory;

import org.jspecify.annotations.NullMarked;
