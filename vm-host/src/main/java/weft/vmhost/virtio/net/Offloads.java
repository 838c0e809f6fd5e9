package weft.vmhost.virtio.net;

/// What one end of a cable may leave to the other in a packet: checksums, and the cutting of TCP
/// super-frames (virtio 1.2, 5.1.3).
///
/// @param checksum a checksum may be partial
/// @param tcp4 super-frames of TCP over IPv4
/// @param tcp6 the same over IPv6
/// @param ecn super-frames may have congestion marks
record Offloads(boolean checksum, boolean tcp4, boolean tcp6, boolean ecn) {
    static final Offloads NONE = new Offloads(false, false, false, false);

    private static final long DEVICE_CHECKSUM = 1;
    private static final long DRIVER_CHECKSUM = 1L << 1;
    private static final long DRIVER_TCP4 = 1L << 7;
    private static final long DRIVER_TCP6 = 1L << 8;
    private static final long DRIVER_ECN = 1L << 9;
    private static final long DEVICE_TCP4 = 1L << 11;
    private static final long DEVICE_TCP6 = 1L << 12;
    private static final long DEVICE_ECN = 1L << 13;

    /// The features that offer all of it, in both directions.
    static final long FEATURES =
            DEVICE_CHECKSUM
                    | DEVICE_TCP4
                    | DEVICE_TCP6
                    | DEVICE_ECN
                    | DRIVER_CHECKSUM
                    | DRIVER_TCP4
                    | DRIVER_TCP6
                    | DRIVER_ECN;

    /// What the driver leaves to us, by the features it has taken.
    static Offloads ofDevice(long features) {
        return of(features, DEVICE_CHECKSUM, DEVICE_TCP4, DEVICE_TCP6, DEVICE_ECN);
    }

    /// What we may leave to the driver.
    static Offloads ofDriver(long features) {
        return of(features, DRIVER_CHECKSUM, DRIVER_TCP4, DRIVER_TCP6, DRIVER_ECN);
    }

    /// A feature without the one it builds on (5.1.3.1) is as good as not taken: a legacy driver
    /// cannot be refused.
    private static Offloads of(long features, long checksum, long tcp4, long tcp6, long ecn) {
        boolean sums = (features & checksum) != 0;
        boolean cuts4 = sums && (features & tcp4) != 0;
        boolean cuts6 = sums && (features & tcp6) != 0;
        return new Offloads(sums, cuts4, cuts6, (cuts4 || cuts6) && (features & ecn) != 0);
    }

    /// Whether every feature comes with the one it builds on.
    static boolean isComplete(long features) {
        return ofDevice(features).features(DEVICE_CHECKSUM, DEVICE_TCP4, DEVICE_TCP6, DEVICE_ECN)
                        + ofDriver(features)
                                .features(DRIVER_CHECKSUM, DRIVER_TCP4, DRIVER_TCP6, DRIVER_ECN)
                == (features & FEATURES);
    }

    private long features(long checksumBit, long tcp4Bit, long tcp6Bit, long ecnBit) {
        return (checksum ? checksumBit : 0)
                | (tcp4 ? tcp4Bit : 0)
                | (tcp6 ? tcp6Bit : 0)
                | (ecn ? ecnBit : 0);
    }
}
