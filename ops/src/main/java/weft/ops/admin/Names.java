package weft.ops.admin;

import weft.fabric.FabricName;

import java.util.Collection;
import java.util.Comparator;

/// Names that people type: the rule for new ones, and what they may have meant by unknown ones.
final class Names {
    private static final int DISTANCE_MAX = 2;

    private Names() {}

    static void check(String noun, String name) {
        try {
            FabricName.check(noun, name);
        } catch (IllegalArgumentException e) {
            throw Refusal.badRequest("%s", String.valueOf(e.getMessage()));
        }
    }

    /// `; did you mean 'web1'?`, or a list if there are few, or nothing.
    static String suggestion(String typed, Collection<String> known) {
        if (known.isEmpty()) {
            return "; there are none yet";
        }
        return known.stream()
                .min(Comparator.comparingInt(name -> distance(typed, name)))
                .filter(name -> distance(typed, name) <= DISTANCE_MAX)
                .map(name -> "; did you mean '" + name + "'?")
                .orElse(
                        known.size() <= 8
                                ? "; there are: "
                                        + String.join(", ", known.stream().sorted().toList())
                                : "");
    }

    /// Levenshtein's distance.
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
