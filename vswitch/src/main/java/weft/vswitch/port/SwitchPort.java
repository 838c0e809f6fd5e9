package weft.vswitch.port;

/// One end of a virtual cable: the switch's side, as the device that plugs in sees it.
///
/// Both directions are safe for one calling thread each. A frame is an Ethernet frame without
/// preamble and FCS, 14 to [#FRAME_BYTES_MAX] bytes.
public interface SwitchPort extends AutoCloseable {
    /// The largest frame: a 64 KiB super-frame and a tag. Longer ones are dropped and counted.
    int FRAME_BYTES_MAX = 65_536 + 18;

    /// Hands a frame to the switch, which copies it before returning. A full ring drops and counts.
    void transmit(byte[] frame, int offset, int lengthBytes);

    /// Hands a packet to the switch with what the device leaves to others, in the
    /// [weft.vswitch.packet.OffloadHeader] before it: a super-frame, or a partial checksum. The
    /// switch copies both before returning. A full ring drops and counts.
    ///
    /// @param offset where the Ethernet header begins; the 12 bytes before it are the header
    void transmitPacket(byte[] packet, int offset, int lengthBytes);

    /// Unplugs; frames that are still in the switch for this port are dropped.
    @Override
    void close();

    /// The device's side of the cable.
    @FunctionalInterface
    interface Receiver {
        /// Takes a complete frame. Called on the switch's loop; must not block and must copy what
        /// it keeps. The 12 bytes before the frame, where there are so many, are the receiver's.
        void receive(byte[] frame, int offset, int lengthBytes);
    }

    /// A device that can do for itself what a packet's sender has left to others.
    interface OffloadReceiver extends Receiver {
        /// Whether it can now.
        ///
        /// @param type of super-frame ([weft.vswitch.packet.OffloadHeader]); 0 is a partial
        ///   checksum only
        boolean takes(int type);

        /// Takes a packet that the device can take, with the header before it. Called like
        /// [#receive].
        void receivePacket(byte[] packet, int offset, int lengthBytes);
    }
}
