package weft.ops.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/// From a mirror to an image, and every way in which a mirror can be bad.
final class DebianMicroTest {
    @TempDir private Path folder = Path.of("set by JUnit");

    private SigningKey key = makeKey();
    private FakeMirror mirror = makeMirror(key);
    private Trust trust = new Trust.AnyMirror();

    private static SigningKey makeKey() {
        try {
            return new SigningKey();
        } catch (org.bouncycastle.openpgp.PGPException e) {
            throw new AssertionError(e);
        }
    }

    private static FakeMirror makeMirror(SigningKey key) {
        try {
            return new FakeMirror(key);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @BeforeEach
    void trustTheKey() throws IOException {
        trust = new Trust.Keyring(key.keyring(folder));
    }

    @AfterEach
    void stop() {
        mirror.close();
    }

    private Path state() {
        return folder.resolve("state");
    }

    private ImageFiles pull() throws IOException {
        return pull(mirror.uri(), state());
    }

    private ImageFiles pull(URI from, Path state) throws IOException {
        return new DebianMicro(from, trust, state, Proxy.NO_PROXY).pull(Progress.NONE);
    }

    /// The pull fails with these words in one line, and the cache is as before.
    private void assertRefused(String... words) throws IOException {
        Set<String> before = cached();
        IOException refusal = assertThrows(IOException.class, this::pull);
        String message = String.valueOf(refusal.getMessage());
        for (String word : words) {
            assertTrue(message.contains(word), message);
        }
        assertEquals(1, message.lines().count(), message);
        assertEquals(before, cached());
    }

    /// All files of the state folder but good downloads: these may stay for the next try.
    private Set<String> cached() throws IOException {
        var found = new TreeSet<String>();
        for (Path file : filesBelow(state())) {
            String name = String.valueOf(file.getFileName());
            if (!name.equals(FakeMirror.hex(Files.readAllBytes(file)))) {
                found.add(file.toString());
            }
        }
        return found;
    }

    private static List<Path> filesBelow(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> walk = Files.walk(folder)) {
            return walk.filter(Files::isRegularFile).toList();
        }
    }

    @Test
    void aCachedFileThatHasChangedIsFetchedAgain() throws IOException {
        ImageFiles good = pull();
        List<Path> downloads = filesBelow(state().resolve("cache/sha256"));
        assertFalse(downloads.isEmpty());
        for (Path file : downloads) {
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length / 2] ^= 1;
            Files.write(file, bytes);
        }
        for (Path file : filesBelow(state().resolve("cache/images"))) {
            Files.delete(file);
        }

        assertEquals(good, pull());
        for (Path file : downloads) {
            assertEquals(
                    String.valueOf(file.getFileName()), FakeMirror.hex(Files.readAllBytes(file)));
        }
    }

    @Test
    void aSignedArchiveBecomesAnImage() throws IOException {
        ImageFiles image = pull();
        assertEquals("debian-micro", image.name());
        assertEquals(Digest.ofFiles(image.kernel(), image.initrd()), image.digest());
        assertEquals(4096, Files.size(image.kernel()));
        String initrd = initrd(image);
        assertTrue(initrd.contains("etc/inittab\0"), "inittab");
        assertTrue(initrd.contains("bin/mount\0"), "a link per applet");
        assertTrue(initrd.contains("a/virtio_net.ko\0"), "boot module");
        assertTrue(initrd.contains("b/ext4.ko\0"), "module on demand");
        assertEquals(List.of(image), new ImageCache(state()).list());
        assertTrue(!initrd.contains("unwanted"), "no other module");
    }

    @Test
    void modulesAreLoadedAfterWhatTheyNeed() throws IOException {
        String initrd = initrd(pull());
        String root = "/lib/modules/6.12.9-riscv64/kernel/a/";
        String bootOrder =
                Stream.of("virtio_mmio", "virtio_blk", "failover", "net_failover", "virtio_net")
                        .map(name -> root + name + ".ko\n")
                        .collect(Collectors.joining());
        assertTrue(initrd.contains(bootOrder), "order at boot");
        // modprobe loads from the right.
        assertTrue(
                initrd.contains(
                        "kernel/b/ext4.ko: kernel/b/crc32c_generic.ko kernel/b/mbcache.ko"
                                + " kernel/b/jbd2.ko\n"),
                "modules.dep");
        assertTrue(initrd.contains("alias fs-ext4 ext4\n"), "the kernel asks for fs-ext4");
    }

    private static String initrd(ImageFiles image) throws IOException {
        byte[] packed = Files.readAllBytes(image.initrd());
        try (var in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void thePackagesOfOneDayGiveTheSameBytesEverywhere() throws IOException {
        ImageFiles here = pull();
        ImageFiles there = pull(mirror.uri(), folder.resolve("elsewhere"));
        assertEquals(here.digest(), there.digest());
        assertArrayEquals(
                Files.readAllBytes(here.rootSeed()), Files.readAllBytes(there.rootSeed()));
    }

    @Test
    void whatIsCachedIsNotFetchedAgain() throws IOException {
        ImageFiles first = pull();
        mirror.asked();
        assertEquals(first, pull());
        assertEquals(List.of(FakeMirror.RELEASE), mirror.asked());
    }

    @Test
    void aFailedPullLeavesAnEarlierImageUsable() throws IOException {
        ImageFiles first = pull();
        mirror.remove(FakeMirror.RELEASE);
        assertRefused("404", "--mirror");
        assertEquals(List.of(first), new ImageCache(state()).list());
    }

    @Test
    void aReleaseChangedAfterSigningIsRefused() throws IOException {
        String release = new String(mirror.file(FakeMirror.RELEASE), StandardCharsets.UTF_8);
        mirror.put(
                FakeMirror.RELEASE,
                release.replace("Origin: Debian", "Origin: Dabian")
                        .getBytes(StandardCharsets.UTF_8));
        assertRefused("signature", "bad");
    }

    @Test
    void aReleaseSignedByAStrangerIsRefused() throws IOException {
        mirror.publish(makeKey(), "trixie");
        assertRefused("not signed by any key");
    }

    @Test
    void aSignatureOverAWeakHashDoesNotCount() throws IOException {
        String release = new String(mirror.file(FakeMirror.RELEASE), StandardCharsets.UTF_8);
        String text = release.replaceFirst("(?s)^.*?\n\n", "").replaceFirst("(?s)-----BEGIN.*", "");
        mirror.put(FakeMirror.RELEASE, key.clearSigned(text, HashAlgorithmTags.SHA1));
        assertRefused("not signed by any key");
    }

    @Test
    void textOutsideTheArmourIsRefused() throws IOException {
        byte[] release = mirror.file(FakeMirror.RELEASE);
        mirror.put(
                FakeMirror.RELEASE,
                concat("Codename: trixie\n".getBytes(StandardCharsets.US_ASCII), release));
        assertRefused("not a clear-signed Release");
        mirror.put(
                FakeMirror.RELEASE,
                concat(release, "SHA256:\n".getBytes(StandardCharsets.US_ASCII)));
        assertRefused("not a clear-signed Release");
    }

    private static byte[] concat(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    @Test
    void withoutCheckingSignaturesDigestsAreStillChecked() throws IOException {
        mirror.publish(makeKey(), "trixie");
        trust = new Trust.AnyMirror();
        mirror.put(FakeMirror.INDEX, FakeMirror.xz(new byte[10]));
        assertThrows(IOException.class, this::pull);
        mirror.publish(makeKey(), "trixie");
        assertEquals("debian-micro", pull().name());
    }

    @Test
    void aSignedReleaseOfAnotherSuiteIsRefused() throws IOException {
        mirror.publish(key, "bookworm");
        assertRefused("not about 'trixie'");
    }

    @Test
    void aMissingKeyringIsNamed() throws IOException {
        trust = new Trust.Keyring(folder.resolve("none.gpg"));
        assertRefused("keyring", "none.gpg", "cannot be read");
    }

    @Test
    void aKeyringThatIsNoneIsRefused() throws IOException {
        trust = new Trust.Keyring(Files.write(folder.resolve("bad.gpg"), new byte[] {1, 2, 3}));
        assertRefused("bad.gpg");
    }

    @Test
    void aPackageWithOtherContentIsRefused() throws IOException {
        byte[] other = mirror.file(FakeMirror.KERNEL_DEB).clone();
        other[other.length / 2] ^= 1;
        mirror.put(FakeMirror.KERNEL_DEB, other);
        assertRefused("wrong content", "linux-image-6.12.9");
    }

    @Test
    void aPackageLongerThanPromisedIsRefused() throws IOException {
        mirror.put(FakeMirror.KERNEL_DEB, concat(mirror.file(FakeMirror.KERNEL_DEB), new byte[9]));
        assertRefused("longer than");
    }

    @Test
    void aDownloadThatBreaksOffIsSaidSo() throws IOException {
        mirror.cut(FakeMirror.KERNEL_DEB, 1000);
        assertRefused("broke off", "try again");
        mirror.cut(FakeMirror.RELEASE, 100);
        assertRefused("broke off", "try again");
    }

    @Test
    void aMissingPackageFileIsSaidSo() throws IOException {
        mirror.remove(FakeMirror.BUSYBOX_DEB);
        assertRefused("does not exist", "404");
    }

    @Test
    void anUnreachableMirrorIsSaidSo() {
        URI uri = mirror.uri();
        mirror.close();
        var refusal = assertThrows(IOException.class, () -> pull(uri, state()));
        assertTrue(
                String.valueOf(refusal.getMessage()).contains("cannot reach"), refusal::toString);
    }

    @Test
    void aPackageThatIsCutShortInsideIsRefused() throws IOException {
        byte[] whole = mirror.file(FakeMirror.KERNEL_DEB);
        mirror.put(FakeMirror.KERNEL_DEB, Arrays.copyOf(whole, whole.length - 200));
        mirror.publish(key, "trixie");
        IOException refusal = assertThrows(IOException.class, this::pull);
        assertTrue(
                String.valueOf(refusal.getMessage()).contains("not a usable Debian package"),
                refusal::toString);
        assertEquals(List.of(), new ImageCache(state()).list());
    }

    @Test
    void aKernelForAnotherMachineIsRefused() throws IOException {
        mirror.put(
                FakeMirror.KERNEL_DEB,
                FakeMirror.deb(java.util.Map.of("boot/vmlinuz-6.12.9", new byte[4096])));
        mirror.publish(key, "trixie");
        IOException refusal = assertThrows(IOException.class, this::pull);
        assertTrue(
                String.valueOf(refusal.getMessage()).contains("no RISC-V kernel"),
                refusal::toString);
        assertEquals(List.of(), new ImageCache(state()).list());
    }
}
