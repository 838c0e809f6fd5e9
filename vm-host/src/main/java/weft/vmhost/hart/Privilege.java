package weft.vmhost.hart;

/// The privilege modes, with their encoding in xPP fields.
public enum Privilege {
    USER(0),
    SUPERVISOR(1),
    MACHINE(3);

    private final int level;

    Privilege(int level) {
        this.level = level;
    }

    public int level() {
        return level;
    }

    /// The mode of an encoding that is known to be legal.
    public static Privilege of(int level) {
        return switch (level) {
            case 0 -> USER;
            case 1 -> SUPERVISOR;
            case 3 -> MACHINE;
            default -> throw new IllegalArgumentException("privilege level " + level);
        };
    }
}
