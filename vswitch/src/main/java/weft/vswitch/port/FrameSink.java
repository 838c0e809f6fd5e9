package weft.vswitch.port;

/// Sees frames as they pass, for tests, demos and people: a capture.
@FunctionalInterface
public interface FrameSink {
    /// Which way a frame was going.
    enum Direction {
        FROM_PORT,
        TO_PORT,
        FROM_TUNNEL,
        TO_TUNNEL
    }

    /// What is captured.
    sealed interface Scope {
        /// Everything of one network, at every port and tunnel.
        record OfNetwork(String network) implements Scope {}

        /// What one port sends (also what is then dropped) and receives.
        record OfPort(String port) implements Scope {}
    }

    /// Called on the switch's loop: must not block and must copy what it keeps.
    ///
    /// @param where the port's id, or the address of the VTEP
    void frame(Direction direction, String where, byte[] bytes, int offset, int lengthBytes);
}
