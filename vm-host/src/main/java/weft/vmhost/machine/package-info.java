/// The whole computer: what it is made of (MachineSpec), where things are (MemoryLayout), how a
/// kernel or a bare-metal program finds its way (KernelLoader, ElfProgram, DeviceTree, Sbi), and
/// the machine itself, which can be started, paused at an instruction boundary, reset and switched
/// off.
///
/// Reading order: MachineSpec, MemoryLayout, Machine, PowerState, KernelLoader, ElfProgram,
/// DeviceTree, Sbi, GuestTime.
@NullMarked
package weft.vmhost.machine;

import org.jspecify.annotations.NullMarked;
