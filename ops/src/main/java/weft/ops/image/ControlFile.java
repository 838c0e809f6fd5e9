package weft.ops.image;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Debian's control syntax (Debian Policy, 5.1): stanzas of `Field: value`, separated by empty
/// lines; a line that starts with a blank continues the value; `#` starts a comment line.
final class ControlFile {
    private ControlFile() {}

    /// All stanzas; continuation lines are joined by newlines. What is no field is skipped.
    static List<Map<String, String>> parse(String text) {
        var stanzas = new ArrayList<Map<String, String>>();
        Map<String, String> current = new LinkedHashMap<>();
        String field = "";
        for (String line : text.lines().toList()) {
            if (line.isBlank()) {
                if (!current.isEmpty()) {
                    stanzas.add(current);
                    current = new LinkedHashMap<>();
                }
                field = "";
            } else if (line.startsWith("#")) {
                continue;
            } else if (line.charAt(0) == ' ' || line.charAt(0) == '\t') {
                String continued = line.strip();
                current.computeIfPresent(field, (_, value) -> value + "\n" + continued);
            } else {
                int colon = line.indexOf(':');
                if (colon > 0) {
                    field = line.substring(0, colon);
                    current.put(field, line.substring(colon + 1).strip());
                }
            }
        }
        if (!current.isEmpty()) {
            stanzas.add(current);
        }
        return stanzas;
    }
}
