package weft.ops.boundaries;

import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.JavaFormatterOptions.Style;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.TreeSet;

/// The format is the formatter's business: JAVA_HOME=(a JDK 25) mvn spotless:apply repairs it.
final class FormatTest {
    @Test
    void everySourceIsAsTheFormatterLeavesIt() {
        var formatter = new Formatter(JavaFormatterOptions.builder().style(Style.AOSP).build());
        var found = new TreeSet<String>();
        for (Path path : SourceTree.javaPaths()) {
            String name = SourceTree.top().relativize(path).toString();
            String text = SourceTree.read(path);
            try {
                if (!formatter.formatSourceAndFixImports(text).equals(text)) {
                    found.add(name);
                }
            } catch (FormatterException e) {
                found.add(name + ": " + e.getMessage());
            }
        }
        TidyTest.assertNone("not formatted: run JAVA_HOME=(a JDK 25) mvn spotless:apply", found);
    }
}
