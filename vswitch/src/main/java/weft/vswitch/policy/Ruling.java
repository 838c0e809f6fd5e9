package weft.vswitch.policy;

/// What a port's firewall says of a packet.
public enum Ruling {
    /// It may pass.
    PASS,
    /// It begins, or belongs to, what no rule lets the VM begin.
    DENIED_OUT,
    /// It begins, or belongs to, what no rule lets others begin with the VM.
    DENIED_IN,
    /// It begins nothing, and belongs to nothing that has begun: unknown, or out of its window.
    NO_CONNECTION,
    /// It might begin a connection, but the port has as many as it can, all of them in use.
    CONNECTIONS_FULL,
    /// A later fragment of a packet whose first was not seen.
    FRAGMENT_UNKNOWN,
    /// Headers that break off or contradict themselves.
    MALFORMED
}
