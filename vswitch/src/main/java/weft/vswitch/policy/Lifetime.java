package weft.vswitch.policy;

/// How long a connection in some state is remembered after its last packet. TCP's times are Open
/// vSwitch's, the others Linux's. In the order in which a full table lets go of them.
enum Lifetime {
    /// Nobody has answered the first packet of UDP.
    UDP_UNANSWERED(30, true),
    /// Of a TCP connection not both sides have agreed on.
    TCP_OPENING(30, true),
    /// ICMP queries, answered or not.
    ICMP(30, true),
    /// A TCP connection that was reset, or whose ends were both acknowledged.
    TCP_CLOSED(30, true),
    /// Both sides of TCP said that they have sent all.
    TCP_LAST_ACK(45, true),
    /// Protocols that the firewall does not know: addresses only.
    OTHER(600, false),
    UDP_ANSWERED(120, false),
    /// One side of TCP has sent all, the other still sends.
    TCP_HALF_CLOSED(900, false),
    TCP_ESTABLISHED(86_400, false);

    /// A connection's place in the order of its lifetime is moved when it is seen again, but not
    /// more often than this: an established one costs no list operation per packet.
    static final long GRAIN_NANOS = 1_000_000_000L;

    final long nanos;

    /// Whether a new connection may take its place when the table is full.
    final boolean isDispensable;

    Lifetime(int seconds, boolean isDispensable) {
        nanos = seconds * 1_000_000_000L;
        this.isDispensable = isDispensable;
    }
}
