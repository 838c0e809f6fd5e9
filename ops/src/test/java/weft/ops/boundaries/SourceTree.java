package weft.ops.boundaries;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreeScanner;
import com.sun.source.util.Trees;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/// The checkout as the tests of this package see it: its files, and what is declared in them.
final class SourceTree {
    static final List<String> MODULES =
            List.of("common", "storage-node", "vswitch", "vm-host", "ops");

    /// A `.java` file, parsed.
    record SourceFile(Path path, String text, List<Declared> declared) {
        /// The path below the top of the checkout.
        String name() {
            return top().relativize(path).toString();
        }

        boolean isMain() {
            return name().contains("/src/main/");
        }

        int lines() {
            return (int) text.lines().count();
        }
    }

    /// A type, method or field of a file; `members` of a type are its methods, fields and types.
    record Declared(Kind kind, String owner, String name, int firstLine, int lines) {
        enum Kind {
            TYPE,
            METHOD,
            FIELD
        }
    }

    private SourceTree() {}

    /// The top folder of the checkout.
    static Path top() {
        Path folder = Path.of("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("common"))
                || !Files.isDirectory(folder.resolve("ops"))) {
            Path parent = parentOf(folder);
            if (parent == null) {
                throw new IllegalStateException("not inside a checkout: " + Path.of(""));
            }
            folder = parent;
        }
        return folder;
    }

    private static @Nullable Path parentOf(Path folder) {
        return folder.getParent();
    }

    /// All our `.java` files, generated ones excepted.
    static List<Path> javaPaths() {
        var paths = new ArrayList<Path>();
        for (String module : MODULES) {
            paths.addAll(files(top().resolve(module).resolve("src"), ".java"));
        }
        return paths;
    }

    /// Files below the folder whose names end so, in order; none if there is no such folder.
    static List<Path> files(Path folder, String suffix) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> walk = Files.walk(folder)) {
            return walk.filter(Files::isRegularFile)
                    .filter(path -> path.toString().endsWith(suffix))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String read(Path path) {
        try {
            return Files.readString(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Parses all our files (no symbols are resolved, so it is quick).
    static List<SourceFile> parse() {
        var compiler = ToolProvider.getSystemJavaCompiler();
        var files = new ArrayList<SourceFile>();
        var objects = new ArrayList<StringSource>();
        for (Path path : javaPaths()) {
            objects.add(new StringSource(path.toUri(), read(path)));
        }
        var task =
                (JavacTask)
                        compiler.getTask(null, null, _ -> {}, List.of("-proc:none"), null, objects);
        SourcePositions positions = Trees.instance(task).getSourcePositions();
        try {
            for (CompilationUnitTree unit : task.parse()) {
                var scanner = new Scanner(unit, positions);
                scanner.scan(unit, "");
                URI uri = unit.getSourceFile().toUri();
                Path path = Path.of(uri);
                files.add(new SourceFile(path, read(path), List.copyOf(scanner.found)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return files;
    }

    /// A file whose text is already read; `Path.of(toUri())` is the file.
    private static final class StringSource extends SimpleJavaFileObject {
        private final String text;

        StringSource(URI uri, String text) {
            super(uri, Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    private static final class Scanner extends TreeScanner<@Nullable Void, String> {
        private final CompilationUnitTree unit;
        private final SourcePositions positions;
        private final List<Declared> found = new ArrayList<>();

        Scanner(CompilationUnitTree unit, SourcePositions positions) {
            this.unit = unit;
            this.positions = positions;
        }

        @Override
        public @Nullable Void visitClass(ClassTree type, String owner) {
            String name = type.getSimpleName().toString();
            if (!name.isEmpty()) {
                add(Declared.Kind.TYPE, owner, name, type);
            }
            return super.visitClass(type, name.isEmpty() ? owner : name);
        }

        @Override
        public @Nullable Void visitMethod(MethodTree method, String owner) {
            add(Declared.Kind.METHOD, owner, method.getName().toString(), method);
            return super.visitMethod(method, owner);
        }

        @Override
        public @Nullable Void visitVariable(VariableTree variable, String owner) {
            add(Declared.Kind.FIELD, owner, variable.getName().toString(), variable);
            return super.visitVariable(variable, owner);
        }

        private void add(Declared.Kind kind, String owner, String name, Tree tree) {
            long start = positions.getStartPosition(unit, tree);
            long end = positions.getEndPosition(unit, tree);
            if (start < 0 || end < 0) {
                return;
            }
            int first = (int) unit.getLineMap().getLineNumber(start);
            int last = (int) unit.getLineMap().getLineNumber(end);
            found.add(new Declared(kind, owner, name, first, last - first + 1));
        }
    }
}
