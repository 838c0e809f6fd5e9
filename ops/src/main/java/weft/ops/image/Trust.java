package weft.ops.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// Whose word is taken for what a mirror serves.
public sealed interface Trust {
    /// Where Debian's own package `debian-archive-keyring` puts the keys.
    Path DEBIAN_KEYRING = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");

    /// Only what a key of this file signed.
    record Keyring(Path file) implements Trust {}

    /// Whatever the mirror says; the digests in it are still checked.
    record AnyMirror() implements Trust {}

    /// Debian's keyring if this machine has it.
    static Optional<Trust> ofThisMachine() {
        return Files.isReadable(DEBIAN_KEYRING)
                ? Optional.of(new Keyring(DEBIAN_KEYRING))
                : Optional.empty();
    }

    /// The file of keys to check with, or empty.
    ///
    /// @throws IOException if it is not there
    default Optional<Path> keyring() throws IOException {
        return switch (this) {
            case Keyring(Path file) -> {
                if (!Files.isReadable(file)) {
                    throw new IOException("keyring " + file + " cannot be read");
                }
                yield Optional.of(file);
            }
            case AnyMirror _ -> Optional.empty();
        };
    }
}
