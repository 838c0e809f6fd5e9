package weft.ops.system;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.BuildImageResultCallback;

import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

import weft.ops.cli.Weft;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;

/// A container image of Weft, made on this machine because tests pull none: the JDK that runs the
/// test, the libraries that it is linked with, and the class path of this process. Removed at
/// [#close].
///
/// ```text
///   /jdk  /lib… as here  /weft/0, /weft/1.jar, …: the class path  /data  /tmp
/// ```
final class WeftImage implements AutoCloseable {
    /// What only compiling needs, half of a JDK.
    private static final Set<String> LEFT_OUT = Set.of("jmods", "demo", "man", "include", "legal");

    /// Which native libraries load by name.
    private static final List<String> LOADED_LATE = List.of("libstdc++.so.6", "libgcc_s.so.1");

    private static final String ROOT = "root";

    private final DockerClient docker;
    private final String name = "weft-test:" + UUID.randomUUID();
    private final List<String> classPath = new ArrayList<>();

    private WeftImage(DockerClient docker) {
        this.docker = docker;
    }

    /// @param folder has room for 500 MiB
    static WeftImage make(DockerClient docker, Path folder) throws Exception {
        var image = new WeftImage(docker);
        Path tar = folder.resolve("weft.tar");
        try (var archive =
                new TarArchiveOutputStream(
                        new BufferedOutputStream(Files.newOutputStream(tar), 1 << 16), "UTF-8")) {
            archive.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            archive.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
            image.fill(archive);
        }
        try (InputStream context = Files.newInputStream(tar)) {
            var _ =
                    docker.buildImageCmd(context)
                            .withTags(Set.of(image.name))
                            .exec(new BuildImageResultCallback())
                            .awaitImageId();
        } finally {
            Files.delete(tar);
        }
        return image;
    }

    /// The context of a build: what is under `root` becomes the image.
    private void fill(TarArchiveOutputStream archive) throws Exception {
        byte[] recipe = "FROM scratch\nCOPY root/ /\n".getBytes(UTF_8);
        var described = new TarArchiveEntry("Dockerfile");
        described.setSize(recipe.length);
        archive.putArchiveEntry(described);
        archive.write(recipe);
        archive.closeArchiveEntry();
        Path jdk = Path.of(System.getProperty("java.home"));
        addTree(archive, jdk, ROOT + "/jdk", LEFT_OUT);
        for (Path library : librariesOf(jdk)) {
            add(archive, library, ROOT + library);
        }
        for (String part : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path path = Path.of(part);
            String at = "/weft/" + classPath.size();
            if (Files.isDirectory(path)) {
                addTree(archive, path, ROOT + at, Set.of());
                classPath.add(at);
            } else if (Files.exists(path)) {
                add(archive, path, ROOT + at + ".jar");
                classPath.add(at + ".jar");
            }
        }
        for (String folder : List.of("/data/", "/tmp/")) {
            archive.putArchiveEntry(new TarArchiveEntry(ROOT + folder));
            archive.closeArchiveEntry();
        }
    }

    private static void addTree(
            TarArchiveOutputStream archive, Path top, String at, Set<String> leftOut)
            throws IOException {
        try (Stream<Path> files = Files.walk(top)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path inside = top.relativize(file);
                if (Files.isRegularFile(file) && !leftOut.contains(inside.getName(0).toString())) {
                    add(archive, file, at + "/" + inside);
                }
            }
        }
    }

    /// Also what a link leads to, under the link's name.
    private static void add(TarArchiveOutputStream archive, Path file, String at)
            throws IOException {
        var entry = new TarArchiveEntry(at);
        entry.setSize(Files.size(file));
        entry.setMode(Files.isExecutable(file) ? 0755 : 0644);
        archive.putArchiveEntry(entry);
        Files.copy(file, archive);
        archive.closeArchiveEntry();
    }

    /// The files that the dynamic linker would load.
    private static Set<Path> librariesOf(Path jdk) throws Exception {
        var libraries = new TreeSet<Path>();
        for (String binary :
                List.of("bin/java", "lib/server/libjvm.so", "lib/libnio.so", "lib/libzip.so")) {
            for (String line :
                    NamespaceLab.output(List.of("ldd", jdk.resolve(binary).toString()))) {
                for (String word : line.strip().split("\\s+")) {
                    if (word.startsWith("/") && !word.startsWith(jdk.toString())) {
                        libraries.add(Path.of(word));
                    }
                }
            }
        }
        for (Path library : List.copyOf(libraries)) {
            for (String name : LOADED_LATE) {
                for (Path late :
                        List.of(
                                library.resolveSibling(name),
                                Path.of("/usr" + library.resolveSibling(name)))) {
                    if (Files.exists(late)) {
                        libraries.add(late);
                    }
                }
            }
        }
        return libraries;
    }

    /// A container that runs `weft` with these arguments, not started yet.
    GenericContainer<?> container(String... arguments) {
        var command =
                new ArrayList<>(
                        List.of(
                                "/jdk/bin/java",
                                "-ea",
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-Xmx384m",
                                "-XX:+UseSerialGC",
                                "-Dweft.log.level=INFO",
                                "-cp",
                                String.join(":", classPath),
                                Weft.class.getName()));
        command.addAll(List.of(arguments));
        return new GenericContainer<>(DockerImageName.parse(name))
                .withCommand(command.toArray(String[]::new));
    }

    @Override
    public void close() {
        docker.removeImageCmd(name).withForce(true).exec();
    }
}
