/// The whole computer: what it is made of (MachineSpec), where things are (MemoryLayout), how a
/// kernel finds its way (KernelLoader, DeviceTree, Sbi), and the machine itself, which can be
/// started, paused at an instruction boundary, reset and switched off.
///
/// Reading order: MachineSpec, MemoryLayout, Machine, PowerState, KernelLoader, DeviceTree, Sbi,
/// GuestTime.
@NullMarked
package weft.vmhost.machine;

import org.jspecify.annotations.NullMarked;
