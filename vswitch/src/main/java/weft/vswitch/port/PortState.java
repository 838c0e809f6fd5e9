package weft.vswitch.port;

/// What a port does.
public enum PortState {
    /// It sends and receives.
    OPEN,
    /// It waits for a VM that is to arrive, or has left.
    STANDBY,
    /// Its MAC is bound to another host.
    STALE,
    /// Its network does not exist.
    NO_NETWORK
}
