package weft.ops.boundaries;

import org.junit.jupiter.api.Test;

import picocli.CommandLine;

import weft.ops.boundaries.SourceTree.Declared;
import weft.ops.boundaries.SourceTree.SourceFile;
import weft.ops.cli.Weft;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Documents that name code, files or commands name what exists.
final class DocsTest {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#\\s]+)(#[^)]*)?\\)");
    private static final Pattern MEMBER =
            Pattern.compile("`([A-Z][A-Za-z0-9]*)\\.([a-z][A-Za-z0-9]*)(?:\\([^`]*\\))?`");

    /// `weft …` in backticks, or at the start of a line of a code block (after a prompt).
    private static final Pattern COMMAND =
            Pattern.compile("(?m)(?:`|^\\s*(?:\\$ )?)(?:ops/)?weft ([a-z][^`\\n]*)");

    private static final Pattern WORD = Pattern.compile("[a-z][a-z0-9-]*");

    /// Types of the JDK and of libraries that documents may name.
    private static final Set<String> OUTSIDERS =
            Set.of(
                    "System",
                    "Thread",
                    "Instant",
                    "Math",
                    "Random",
                    "Files",
                    "FileChannel",
                    "Unsafe");

    @Test
    void everyRelativeLinkLeadsSomewhere() {
        var found = new TreeSet<String>();
        for (Path document : documents()) {
            Matcher link = LINK.matcher(SourceTree.read(document));
            while (link.find()) {
                String target = link.group(1);
                if (!target.matches("[a-z]+:.*")
                        && !Files.exists(document.resolveSibling(target).normalize())) {
                    found.add(nameOf(document) + ": " + target);
                }
            }
        }
        TidyTest.assertNone("dead links", found);
    }

    @Test
    void everyMemberThatADocumentNamesExists() {
        Map<String, Set<String>> members = membersOfTypes();
        var found = new TreeSet<String>();
        for (Path document : documents()) {
            Matcher member = MEMBER.matcher(SourceTree.read(document));
            while (member.find()) {
                String type = member.group(1);
                String name = member.group(2);
                boolean isKnown =
                        OUTSIDERS.contains(type)
                                || (name.equals("java")
                                        ? members.containsKey(type)
                                        : members.getOrDefault(type, Set.of()).contains(name))
                                || name.equals("md");
                if (!isKnown) {
                    found.add(nameOf(document) + ": " + member.group());
                }
            }
        }
        TidyTest.assertNone("members that do not exist", found);
    }

    private static Map<String, Set<String>> membersOfTypes() {
        var members = new HashMap<String, Set<String>>();
        for (SourceFile file : SourceTree.parse()) {
            for (Declared declared : file.declared()) {
                if (declared.kind() == Declared.Kind.TYPE) {
                    members.computeIfAbsent(declared.name(), _ -> new HashSet<>());
                }
                members.computeIfAbsent(declared.owner(), _ -> new HashSet<>())
                        .add(declared.name());
            }
        }
        return members;
    }

    @Test
    void everyCommandThatADocumentNamesExists() {
        var found = new TreeSet<String>();
        for (Path document : documents()) {
            Matcher command = COMMAND.matcher(SourceTree.read(document));
            while (command.find()) {
                String line = command.group(1).split(" #|[|;&<]|…", 2)[0].strip();
                String problem = problemOf(line);
                if (!problem.isEmpty()) {
                    found.add("%s: weft %s: %s".formatted(nameOf(document), line, problem));
                }
            }
        }
        TidyTest.assertNone("commands that do not exist", found);
    }

    private static String problemOf(String line) {
        CommandLine command = Weft.commandLine();
        var words = new ArrayList<>(List.of(line.split("\\s+")));
        while (!words.isEmpty() && !command.getSubcommands().isEmpty()) {
            String word = words.getFirst();
            CommandLine next = command.getSubcommands().get(word);
            if (next == null) {
                boolean isName = WORD.matcher(word).matches();
                return isName
                        ? "'" + command.getCommandName() + "' has no command '" + word + "'"
                        : "";
            }
            words.removeFirst();
            command = next;
        }
        for (String word : words) {
            String option = word.replaceAll("[\\[\\]]", "").split("=", 2)[0];
            if (option.matches("--[a-z][a-z-]*")
                    && !command.getCommandSpec().optionsMap().containsKey(option)) {
                return "no option " + option;
            }
        }
        return "";
    }

    private static List<Path> documents() {
        var documents = new ArrayList<>(SourceTree.files(SourceTree.top().resolve("docs"), ".md"));
        Path readme = SourceTree.top().resolve("README.md");
        if (Files.exists(readme)) {
            documents.add(readme);
        }
        return documents;
    }

    private static String nameOf(Path document) {
        return SourceTree.top().relativize(document).toString();
    }
}
