package weft.transport;

import weft.wire.MalformedMessage;

/// What a process is on a connection. Codes are released: never reuse one.
public enum Role {
    /// A storage node.
    STORAGE(1),
    /// A client of the pool only: a tool, an import.
    CLIENT(2),
    /// A VM host.
    HOST(3),
    /// A control process.
    CONTROL(4),
    /// A software switch that runs alone.
    SWITCH(5);

    private final int code;

    Role(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }

    static Role of(int code) throws MalformedMessage {
        for (Role role : values()) {
            if (role.code == code) {
                return role;
            }
        }
        throw new MalformedMessage("role " + code + " is not known");
    }
}
