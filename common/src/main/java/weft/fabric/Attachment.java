package weft.fabric;

import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.stream.Collectors;

/// Who may write a volume: a persistent record, raised by compare-and-set with each new holder and
/// each start of a VM. Losing a session takes nothing away; only a new claim does.
///
/// Processes that export one volume hold it together: whoever comes, and each cut, raises the token
/// for all of them, and those who were there go on by the new one ([Sharer]). One that is left of
/// several, by a token that was raised since it came, still holds the volume in that way.
///
/// @param holder in words: `vm web1 @ host1`, `nbd @ node2`
/// @param token the fencing token: storage nodes refuse requests with a lower one than they have
///   seen
/// @param sharers the processes that hold it; none for a command, which answers no questions
public record Attachment(VolumeId volume, String holder, long token, List<Sharer> sharers) {
    /// A process as its presence names it.
    public record Process(NodePresence.Role role, NodeId node) {
        @Override
        public String toString() {
            return role.lowerCase() + " " + node;
        }
    }

    /// A process that holds the volume.
    ///
    /// @param since the token by which it came: the same node, started again, is another one
    public record Sharer(Process process, long since) {}

    private static final String NOBODY = "nobody";

    public Attachment {
        // Records of earlier releases name none.
        sharers = sharers == null ? List.of() : List.copyOf(sharers);
    }

    /// Says that whoever held the volume by a lower token is fenced, and that nobody has come
    /// since.
    public static Attachment nobody(VolumeId volume, long token) {
        return new Attachment(volume, NOBODY, token);
    }

    /// Of one process, which came by the token.
    public Attachment(VolumeId volume, String holder, long token, Process process) {
        this(volume, holder, token, List.of(new Sharer(process, token)));
    }

    /// Of a command.
    public Attachment(VolumeId volume, String holder, long token) {
        this(volume, holder, token, List.of());
    }

    /// Whether it is a [#nobody].
    public boolean isNobody() {
        return sharers.isEmpty() && holder.equals(NOBODY);
    }

    /// Whether a command holds the volume.
    public boolean isOfCommand() {
        return sharers.isEmpty() && !isNobody();
    }

    /// Whether processes hold the volume that may not know the token yet, and are not asked.
    public boolean isShared() {
        return !sharers.isEmpty() && process() == null;
    }

    /// Whether nodes that export the volume hold it: when they are refused they look whether they
    /// still do, and go on by the newest token.
    public boolean isOfExporters() {
        return !sharers.isEmpty()
                && sharers.stream()
                        .allMatch(sharer -> sharer.process().role() == NodePresence.Role.STORAGE);
    }

    /// The process that holds the volume alone, has the token, and answers for it while it is open;
    /// null if there is none.
    public @Nullable Process process() {
        return sharers.size() == 1 && sharers.getFirst().since() == token
                ? sharers.getFirst().process()
                : null;
    }

    /// Sessions that began by a lower token are over for good.
    public long sessionsFrom() {
        return sharers.stream().mapToLong(Sharer::since).min().orElse(token);
    }

    /// Of nodes that export a volume.
    ///
    /// @param sharers with the newest token
    public static Attachment exported(VolumeId volume, long token, List<Sharer> sharers) {
        String nodes =
                sharers.stream()
                        .map(sharer -> sharer.process().node().name())
                        .sorted()
                        .collect(Collectors.joining(", "));
        return new Attachment(volume, "nbd @ " + nodes, token, sharers);
    }

    /// When one of those who export the volume has gone: it is refused, and the others are until
    /// they have seen it.
    public Attachment without(Process process) {
        List<Sharer> others =
                sharers.stream().filter(sharer -> !sharer.process().equals(process)).toList();
        return others.isEmpty() ? nobody(volume, token + 1) : exported(volume, token + 1, others);
    }

    /// For the same processes, which are refused until they have seen it.
    public Attachment raised() {
        return new Attachment(volume, holder, token + 1, sharers);
    }
}
