package weft.vmhost.virtio.net;

import weft.vmhost.virtio.DescriptorChain;

/// What a NIC is plugged into. Packets carry their header, so that an end that understands it need
/// not complete checksums and cut super-frames.
///
/// Called with the transport's monitor held: must not block. Not to be implemented outside of this
/// package.
interface Cable {
    /// A packet that the guest sends.
    ///
    /// @param frame stands behind the header
    /// @param lengthBytes what is left in it, at least an Ethernet header
    /// @return false if it was dropped
    boolean transmit(PacketHeader header, DescriptorChain frame, int lengthBytes);

    /// What may be left to the guest in packets from now on.
    default void agree(Offloads taken) {}

    /// The guest has offered buffers, or runs again.
    default void room() {}
}
