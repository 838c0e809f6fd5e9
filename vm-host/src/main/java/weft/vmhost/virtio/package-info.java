/// Virtio 1.2 over MMIO: the transport, the split virtqueue, and a package for each kind of device.
///
/// The guest is hostile. Every address, index and length that it wrote is checked where it is read,
/// in Virtqueue and DescriptorChain; what passes is a chain of ranges inside RAM, of bounded
/// number, the readable ones before the writable ones. Whatever breaks the rules sets NEEDS_RESET
/// and harms nobody else.
///
/// Threads: harts reach the registers, the device loop works on the queues; the transport's monitor
/// guards both. A hart never waits for a disk or a switch: a notification is posted to the loop.
///
/// Reading order: VirtioMmio, Virtqueue, DescriptorChain, VirtioDevice, then `block`, `net`, `rng`,
/// `console`, `balloon`.
@NullMarked
package weft.vmhost.virtio;

import org.jspecify.annotations.NullMarked;
