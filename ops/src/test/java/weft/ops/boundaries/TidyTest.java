package weft.ops.boundaries;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import weft.ops.boundaries.SourceTree.Declared;
import weft.ops.boundaries.SourceTree.SourceFile;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// The measurable part of docs/style.md.
final class TidyTest {
    private static final int FILE_LINES_MAX = 500;
    private static final int METHOD_LINES_MAX = 70;

    /// Tables: long because what they list is long, not because they do much. One line each, with
    /// the table they hold.
    private static final Set<String> TABLE_FILES = Set.of();

    /// Methods that are one table, as `Type.method`: a `switch` with one line per instruction,
    /// register or message, whose parts read worse in several places.
    private static final Set<String> TABLE_METHODS = Set.of("PageRun.run");

    private static final Pattern BANNED_NAME =
            Pattern.compile(".*(Manager|Helper|Utils?|Handler|Processor|Impl|Data|Info|Base)");

    /// A place of one machine. Put together here so that this file does not find itself.
    private static final Pattern MACHINE_PATH =
            Pattern.compile("[\"'`( =]/(wo" + "rk|ro" + "ot|ho" + "me|Us" + "ers)/");

    private static final Pattern UNFINISHED =
            Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X)\\b");

    /// A test that lets time pass hopes that something has happened meanwhile.
    private static final Pattern SLEEP =
            Pattern.compile("\\bThread\\.sl" + "eep\\(|\\bPause\\.millis\\(|\\.park" + "Nanos\\(");

    /// The one place where tests wait without an event, bounded and for a condition.
    private static final String WAITING_FIXTURE = "common/src/test/java/weft/fixtures/Await.java";

    private static final List<SourceFile> FILES = SourceTree.parse();

    @Test
    void aFileFitsInAReadersHead() {
        var found = new TreeSet<String>();
        for (SourceFile file : FILES) {
            if (file.lines() > FILE_LINES_MAX
                    && !TABLE_FILES.contains(file.path().getFileName().toString())) {
                found.add("%s: %d lines".formatted(file.name(), file.lines()));
            }
        }
        assertNone("files over " + FILE_LINES_MAX + " lines: split at a seam of the domain", found);
    }

    @Test
    void aMethodFitsOnAScreen() {
        var found = new TreeSet<String>();
        for (SourceFile file : FILES) {
            for (Declared method : file.declared()) {
                if (method.kind() == Declared.Kind.METHOD
                        && method.lines() > METHOD_LINES_MAX
                        && !TABLE_METHODS.contains(method.owner() + "." + method.name())) {
                    found.add(
                            "%s:%d %s: %d lines"
                                    .formatted(
                                            file.name(),
                                            method.firstLine(),
                                            method.name(),
                                            method.lines()));
                }
            }
        }
        assertNone("methods over " + METHOD_LINES_MAX + " lines", found);
    }

    @Test
    void aTypeIsNamedForItsSubject() {
        var found = new TreeSet<String>();
        for (SourceFile file : FILES) {
            for (Declared type : file.declared()) {
                if (type.kind() == Declared.Kind.TYPE
                        && BANNED_NAME.matcher(type.name()).matches()) {
                    found.add(file.name() + ": " + type.name());
                }
            }
        }
        assertNone("names that say nothing (docs/style.md, rule 3)", found);
    }

    @Test
    void everyPackageSaysWhatLivesThereAndIsNullMarked() {
        var signs = new TreeSet<String>();
        var packages = new TreeSet<String>();
        for (SourceFile file : FILES) {
            String packageName =
                    file.name().replaceFirst(".*/java/", "").replaceFirst("/[^/]*$", "");
            packages.add(packageName);
            if (file.path().endsWith("package-info.java")
                    && file.text().contains("@NullMarked")
                    && file.text().stripLeading().startsWith("///")) {
                signs.add(packageName);
            }
        }
        packages.removeAll(signs);
        assertNone("packages without a package-info.java with prose and @NullMarked", packages);
    }

    @Test
    void nothingIsLeftForLater() {
        assertNone("unfinished places", matches(UNFINISHED));
    }

    @Test
    void nothingNamesAPlaceOfOneMachine() {
        assertNone("paths of one machine", matches(MACHINE_PATH));
    }

    @Test
    void aTestAwaitsAConditionAndNeverJustSleeps() {
        var found = matches(SLEEP);
        found.removeIf(place -> !place.contains("/src/test/") || place.startsWith(WAITING_FIXTURE));
        assertNone("sleeps in tests: use weft.fixtures.Await", found);
    }

    private static TreeSet<String> matches(Pattern pattern) {
        var found = new TreeSet<String>();
        for (Path path : textFiles()) {
            int number = 0;
            for (String line : SourceTree.read(path).lines().toList()) {
                number++;
                if (pattern.matcher(line).find()) {
                    found.add(
                            SourceTree.top().relativize(path) + ":" + number + " " + line.strip());
                }
            }
        }
        return found;
    }

    private static List<Path> textFiles() {
        var files = new ArrayList<>(SourceTree.javaPaths());
        Path top = SourceTree.top();
        files.addAll(SourceTree.files(top.resolve("docs"), ".md"));
        for (String module : SourceTree.MODULES) {
            files.add(top.resolve(module).resolve("pom.xml"));
            for (String suffix : List.of(".xml", ".sh", ".script", ".txt")) {
                files.addAll(SourceTree.files(top.resolve(module).resolve("src"), suffix));
            }
        }
        for (String name : List.of("README.md", "pom.xml", "ops/weft", "ops/test", ".ci/run")) {
            if (Files.exists(top.resolve(name))) {
                files.add(top.resolve(name));
            }
        }
        return files;
    }

    static void assertNone(String what, Set<String> found) {
        assertEquals("", String.join("\n", found), what);
    }
}
