package weft.wire.storage;

/// What a chain of layers says of a block. Codes are their order: append only.
public enum BlockState {
    /// No layer maps it: it reads as zeroes and takes no space.
    UNMAPPED,
    /// Mapped as zeroes: it takes no space, and hides what is below.
    ZERO,
    /// It has bytes.
    DATA;

    private static final BlockState[] ALL = values();

    /// Its code.
    public byte code() {
        return (byte) ordinal();
    }

    /// What the code stands for; bytes that a later release may have made are taken for data.
    public static BlockState of(byte code) {
        return code >= 0 && code < ALL.length ? ALL[code] : DATA;
    }
}
