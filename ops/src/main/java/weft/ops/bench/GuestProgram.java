package weft.ops.bench;

import weft.ops.image.SingleProgramRoot;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// A program of Debian's packages, as a row runs it: again and again, by `program.c`, in a guest
/// whose root holds it.
///
/// @param packages that hold it, without what they need
/// @param command absolute path and arguments, each without line ends
/// @param input what it reads on its standard input
/// @param files of this package's resources, which it finds in /bench
/// @param rate what it says of its own speed, as the first group; empty if it is timed from outside
/// @param isNetworked whether it talks to the host of [BenchNetwork]; then the image's modules must
///   be in its root too
record GuestProgram(
        Set<String> packages,
        List<String> command,
        String input,
        List<String> files,
        Optional<Pattern> rate,
        boolean isNetworked) {
    /// One that is timed from outside; all runs on all machines must print the same.
    static GuestProgram timed(Set<String> packages, String input, List<String> command) {
        return new GuestProgram(packages, command, input, List.of(), Optional.empty(), false);
    }

    /// One that measures itself.
    ///
    /// @param rate a regular expression whose first group is how much it does in a second
    static GuestProgram rated(Set<String> packages, String rate, List<String> command) {
        return new GuestProgram(
                packages, command, "", List.of(), Optional.of(Pattern.compile(rate)), false);
    }

    /// How the root that holds it is called.
    String recipeName() {
        return String.join("-", new TreeSet<>(packages));
    }

    /// The same with files in /bench.
    GuestProgram with(String... resources) {
        return new GuestProgram(packages, command, input, List.of(resources), rate, isNetworked);
    }

    /// The same with a network.
    GuestProgram networked() {
        return new GuestProgram(packages, command, input, files, rate, true);
    }

    /// The guest's whole root: the archive with the program, and one with what runs it behind.
    ///
    /// @param runner the linked `program.c`
    byte[] rootWith(Path archive, byte[] runner) throws IOException {
        Map<String, byte[]> inBench = new TreeMap<>();
        String mode = rate.isPresent() ? "say" : "sum";
        inBench.put("command", text(mode + "\n" + String.join("\n", command) + "\n"));
        inBench.put("input", text(input));
        if (isNetworked) {
            inBench.put("network", text(""));
        }
        for (String name : files) {
            inBench.put(name, resource(name));
        }
        var root = new ByteArrayOutputStream();
        root.write(Files.readAllBytes(archive));
        root.write(SingleProgramRoot.plain(runner, "bench", inBench));
        return root.toByteArray();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = GuestProgram.class.getResourceAsStream("cpu/" + name)) {
            if (in == null) {
                throw new IOException("resource cpu/" + name + " is missing");
            }
            return in.readAllBytes();
        }
    }
}
