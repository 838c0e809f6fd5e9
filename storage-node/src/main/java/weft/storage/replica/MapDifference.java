package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// Members of a group have applied the same entries, and yet their maps say different things of a
/// chunk.
///
/// @param chunk empty: of the replicated tables, which have the tokens and the finished requests
/// @param held what each has, in words; the primary is the first
public record MapDifference(
        PlacementGroupId pg, Optional<ChunkKey> chunk, Map<Member, String> held) {
    /// The difference for people: who has what, and who is alone with it.
    ///
    /// Most are not always right: a member that joined has what its primary had then. So nobody is
    /// said to be wrong, and nothing is repaired by a majority.
    public String sentence() {
        Map<String, List<Member>> byContent = new LinkedHashMap<>();
        held.forEach((member, what) ->
                byContent.computeIfAbsent(what, _ -> new ArrayList<>()).add(member));
        String all =
                byContent.entrySet().stream()
                        .map(same -> "%s on %s".formatted(same.getKey(), names(same.getValue())))
                        .collect(Collectors.joining("; "));
        List<Member> most = byContent.values().stream().max(this::bySize).orElse(List.of());
        boolean majority = 2 * most.size() > held.size();
        List<Member> odd = held.keySet().stream().filter(m -> !most.contains(m)).toList();
        return "%s: %s: %s; %s"
                .formatted(
                        pg,
                        chunk.map(key -> "chunk " + key).orElse("tokens"),
                        all,
                        majority
                                ? names(odd) + " against most"
                                : "there is no majority for either");
    }

    private int bySize(List<Member> one, List<Member> other) {
        return Integer.compare(one.size(), other.size());
    }

    private String names(List<Member> members) {
        Member primary = held.keySet().iterator().next();
        return members.stream()
                .map(m -> m.store() + (m.equals(primary) ? " (primary)" : ""))
                .collect(Collectors.joining(", "));
    }
}
