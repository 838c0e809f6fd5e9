package weft.fabric;

import org.jspecify.annotations.Nullable;

/// Who may write a volume: a persistent record, raised by compare-and-set with each new holder and
/// each start of a VM. Losing a session takes nothing away; only a new claim does.
///
/// @param holder in words: `vm web1 @ host1`, `nbd @ node2`
/// @param token the fencing token: storage nodes refuse requests with a lower one than they have
///   seen
/// @param process that holds it and answers questions about it; null for a command, which answers
///   none
public record Attachment(VolumeId volume, String holder, long token, @Nullable Process process) {
    /// A process as its presence names it.
    public record Process(NodePresence.Role role, NodeId node) {
        @Override
        public String toString() {
            return role.lowerCase() + " " + node;
        }
    }

    private static final String NOBODY = "nobody";

    /// Says that whoever held the volume by a lower token is fenced, and that nobody has come
    /// since.
    public static Attachment nobody(VolumeId volume, long token) {
        return new Attachment(volume, NOBODY, token, null);
    }

    /// Whether it is a [#nobody].
    public boolean isNobody() {
        return process == null && holder.equals(NOBODY);
    }

    /// Of a command.
    public Attachment(VolumeId volume, String holder, long token) {
        this(volume, holder, token, null);
    }
}
