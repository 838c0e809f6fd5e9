package weft.fabric;

import java.util.regex.Pattern;

/// The rule for every name a person gives: volumes, networks, VMs, images, nodes.
public final class FabricName {
    /// The longest name; with prefixes and suffixes it still fits a DNS label.
    public static final int LENGTH_MAX = 40;

    private static final Pattern LEGAL = Pattern.compile("[a-z][a-z0-9-]*[a-z0-9]|[a-z]");

    private FabricName() {}

    /// The name itself, if it is legal.
    ///
    /// @param noun what is named, for the error: "volume", "VM"
    /// @throws IllegalArgumentException with a message fit for people
    public static String check(String noun, String name) {
        if (name.length() > LENGTH_MAX || !LEGAL.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "%s name '%s' is not usable: 1 to %d lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen"
                            .formatted(
                                    noun,
                                    name.length() > 80 ? name.substring(0, 80) + "…" : name,
                                    LENGTH_MAX));
        }
        return name;
    }
}
