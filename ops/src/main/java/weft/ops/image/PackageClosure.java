package weft.ops.image;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// Which packages a few packages need, all the way down (Debian Policy, 7.1): of alternatives the
/// first that the archive has. Versions are not compared, since one suite is consistent in itself.
/// The index is told in rounds, as it is large: [#unknown()] says what must be looked up next.
final class PackageClosure {
    private final Set<String> leftOut;
    private final Map<String, DebianPackage> chosen = new TreeMap<>();
    private final Set<String> missing = new HashSet<>();
    private final Set<Need> open = new HashSet<>();

    /// One of these must be there.
    ///
    /// @param by who says so, for errors
    private record Need(String by, List<String> alternatives) {}

    /// @param leftOut names that are taken for present, with all that they need
    PackageClosure(Set<String> names, Set<String> leftOut) {
        this.leftOut = Set.copyOf(leftOut);
        names.forEach(name -> open.add(new Need("the recipe", List.of(name))));
    }

    /// Names that must be looked up before anything more can be said; none if all is known.
    Set<String> unknown() {
        var names = new TreeSet<String>();
        open.forEach(need -> names.addAll(need.alternatives()));
        names.removeAll(missing);
        return names;
    }

    /// What the archive has of the names that were asked for.
    ///
    /// @throws IOException if it has none of the alternatives of something needed
    void learn(Set<String> asked, Map<String, DebianPackage> found) throws IOException {
        asked.stream().filter(name -> !found.containsKey(name)).forEach(missing::add);
        Set<Need> answered = Set.copyOf(open);
        open.clear();
        for (Need need : answered) {
            String name =
                    need.alternatives().stream()
                            .filter(one -> !missing.contains(one))
                            .findFirst()
                            .orElseThrow(() -> lacking(need));
            DebianPackage one = found.get(name);
            if (one != null && chosen.put(name, one) == null) {
                addNeeds(one);
            }
        }
        open.removeIf(this::isMet);
    }

    private void addNeeds(DebianPackage one) {
        for (String group : one.depends().split(",")) {
            List<String> alternatives =
                    Arrays.stream(group.split("\\|")).map(PackageClosure::nameIn).toList();
            if (!alternatives.equals(List.of(""))) {
                open.add(new Need(one.name(), alternatives));
            }
        }
    }

    /// `name:any (>= 1) [riscv64] <!nocheck>` without all but the name.
    private static String nameIn(String relation) {
        return relation.strip().replaceFirst("[:\\s(\\[<].*$", "");
    }

    private boolean isMet(Need need) {
        return need.alternatives().stream()
                .anyMatch(name -> chosen.containsKey(name) || leftOut.contains(name));
    }

    private static IOException lacking(Need need) {
        return new IOException(
                "the mirror's index has no package %s, which %s needs"
                        .formatted(String.join(" or ", need.alternatives()), need.by()));
    }

    /// The packages, by name; all of them once nothing is unknown.
    Map<String, DebianPackage> chosen() {
        return new TreeMap<>(chosen);
    }
}
