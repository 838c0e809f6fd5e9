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

    /// Unplugs; frames that are still in the switch for this port are dropped.
    @Override
    void close();

    /// The device's side of the cable.
    @FunctionalInterface
    interface Receiver {
        /// Called on the switch's loop; must not block and must copy what it keeps.
        void receive(byte[] frame, int offset, int lengthBytes);
    }
}
