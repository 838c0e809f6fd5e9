package weft.ops.image;

import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Makes the image `debian-micro`: the current Debian 13 kernel for riscv64, as it is, with a small
/// userland of busybox.
public final class DebianMicro {
    /// The image's name.
    public static final String NAME = "debian-micro";

    private static final String SUITE = "trixie";
    private static final String ARCHITECTURE = "riscv64";
    private static final String KERNEL_PACKAGE = "linux-image-" + ARCHITECTURE;
    private static final String BUSYBOX_PACKAGE = "busybox-static";
    private static final Pattern KERNEL_NAME =
            Pattern.compile("linux-image-[0-9][A-Za-z0-9.+~-]*-" + ARCHITECTURE);
    private static final Pattern WANTED =
            Pattern.compile(KERNEL_PACKAGE + "|" + BUSYBOX_PACKAGE + "|" + KERNEL_NAME.pattern());
    private static final Pattern MODULE_PATH =
            Pattern.compile("(?:usr/)?lib/modules/([^/]+)/(kernel/.*\\.ko(?:\\.xz)?)");

    /// Raised when this code makes other files of the same packages.
    private static final int RECIPE = 2;

    private static final int SEED_BYTES = 1 << 20;

    /// The console of the machine's first UART; "quiet" because each line printed at boot costs an
    /// interpreted guest some milliseconds. Two initialisers of the kernel are left out, which
    /// takes the boot from 1.86 G to 1.40 G instructions (QEMU, -icount shift=0): the self-test of
    /// a random source that is not used (0.18 G; the machine gives a seed), and the certificates
    /// that module signatures are checked with (0.28 G; the modules were checked when the image was
    /// made, down from the archive's signature). The kernel therefore counts itself tainted, as
    /// with any module whose signer it does not know.
    private static final String BOOT_ARGUMENTS =
            "console=ttyS0 quiet initcall_blacklist=jent_mod_init,load_system_certificate_list";

    /// Modules that the chosen ones may need, by the kernel's release of the day; read from the
    /// package as far as they exist.
    private static final Set<String> READ_MODULES = readModules();

    private final URI mirror;
    private final Trust trust;
    private final Path stateFolder;
    private final Proxy proxy;

    /// @param mirror of Debian, such as http://mirror.example.org/debian
    /// @param stateFolder downloads and images are cached in its folder `cache`
    public DebianMicro(URI mirror, Trust trust, Path stateFolder, Proxy proxy) {
        this.mirror = mirror;
        this.trust = trust;
        this.stateFolder = stateFolder;
        this.proxy = proxy;
    }

    private static Set<String> readModules() {
        var names = new TreeSet<String>(Initramfs.BOOT_MODULES);
        names.addAll(Initramfs.DEMAND_MODULES);
        names.addAll(
                List.of(
                        "failover",
                        "net_failover",
                        "crc16",
                        "mbcache",
                        "jbd2",
                        "rng_core",
                        "garp",
                        "mrp",
                        "stp",
                        "llc",
                        "fat",
                        "nls_base",
                        "nls_cp437",
                        "nls_ascii",
                        "nls_iso8859_1",
                        "cryptd",
                        "libcrc32c",
                        "crc32c"));
        return names;
    }

    /// The image, from the cache if nothing has changed at the mirror.
    ///
    /// @throws IOException in words fit for people; the cache is then as before
    public ImageFiles pull(Progress progress) throws IOException {
        Path blobs = stateFolder.resolve("cache").resolve("sha256");
        var downloads = new Downloads(blobs, proxy);
        var archive = new DebianArchive(mirror, SUITE, ARCHITECTURE, downloads, progress);
        Map<String, DebianPackage> packages = archive.packages(WANTED, trust.keyring());
        DebianPackage kernel = currentKernel(packages);
        DebianPackage busybox = require(packages, BUSYBOX_PACKAGE);
        var cache = new ImageCache(stateFolder);
        Digest madeFrom = madeFrom(kernel, busybox);
        Optional<ImageFiles> existing = cache.find(NAME, madeFrom);
        if (existing.isPresent()) {
            return existing.get();
        }
        Path kernelFile = archive.fetch(kernel);
        Path busyboxFile = archive.fetch(busybox);
        String description =
                "Debian 13 %s, Linux %s, busybox %s"
                        .formatted(ARCHITECTURE, kernel.version(), busybox.version());
        return cache.put(madeFrom, make(kernelFile, busyboxFile, description, progress));
    }

    private static DebianPackage currentKernel(Map<String, DebianPackage> packages)
            throws IOException {
        Matcher name = KERNEL_NAME.matcher(require(packages, KERNEL_PACKAGE).depends());
        if (!name.find()) {
            throw new IOException(KERNEL_PACKAGE + " does not name a kernel package");
        }
        return require(packages, name.group());
    }

    private static DebianPackage require(Map<String, DebianPackage> packages, String name)
            throws IOException {
        DebianPackage found = packages.get(name);
        if (found == null) {
            throw new IOException(
                    "the mirror's index of %s %s has no package %s"
                            .formatted(SUITE, ARCHITECTURE, name));
        }
        return found;
    }

    /// What the image depends on: if this is the same, so is the image.
    private static Digest madeFrom(DebianPackage kernel, DebianPackage busybox) throws IOException {
        MessageDigest sha256 = Digest.sha256();
        sha256.update(HexFormat.of().parseHex(kernel.digest().hex()));
        sha256.update(HexFormat.of().parseHex(busybox.digest().hex()));
        for (String name :
                List.of(
                        "inittab",
                        "rcS",
                        "rcK",
                        "mount-disk",
                        "dhcp-lease",
                        "profile",
                        "disk-readme")) {
            sha256.update(Initramfs.guestFile(name));
        }
        String choice = RECIPE + "," + READ_MODULES + BOOT_ARGUMENTS + SEED_BYTES;
        sha256.update(choice.getBytes(StandardCharsets.UTF_8));
        return Digest.of(sha256);
    }

    private static ImageCache.Made make(
            Path kernelFile, Path busyboxFile, String description, Progress progress)
            throws IOException {
        Map<String, byte[]> files = DebFile.read(kernelFile, DebianMicro::isWanted, progress);
        byte[] kernel = new byte[0];
        String release = "";
        var modules = new TreeMap<String, byte[]>();
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Matcher module = MODULE_PATH.matcher(file.getKey());
            if (module.matches()) {
                release = module.group(1);
                modules.put(module.group(2), file.getValue());
            } else {
                kernel = file.getValue();
            }
        }
        checkKernel(kernel, kernelFile);
        byte[] busybox =
                DebFile.read(busyboxFile, name -> name.endsWith("bin/busybox"), Progress.NONE)
                        .values()
                        .stream()
                        .findFirst()
                        .orElseThrow(() -> new IOException(busyboxFile + " holds no busybox"));
        byte[] initrd = Initramfs.of(release, busybox, new ModuleTree(modules));
        MessageDigest sha256 = Digest.sha256();
        sha256.update(kernel);
        sha256.update(initrd);
        var stored =
                new ImageCache.Stored(NAME, Digest.of(sha256).hex(), BOOT_ARGUMENTS, description);
        return new ImageCache.Made(stored, kernel, initrd, seed());
    }

    private static boolean isWanted(String path) {
        return path.startsWith("boot/vmlinu")
                || (MODULE_PATH.matcher(path).matches()
                        && READ_MODULES.contains(KernelModule.nameOf(path)));
    }

    /// "Boot image header in RISC-V Linux": magic "RISCV" at 0x30, "RSC\x05" at 0x38.
    private static void checkKernel(byte[] kernel, Path file) throws IOException {
        if (kernel.length < 64
                || !new String(kernel, 0x30, 5, StandardCharsets.ISO_8859_1).equals("RISCV")) {
            throw new IOException(file + " holds no RISC-V kernel image");
        }
    }

    /// The file system that a new disk begins with; its mark names its size in sectors.
    private static byte[] seed() throws IOException {
        String mark = SEED_BYTES / 512 + "\n";
        return Ext2Image.of(
                SEED_BYTES,
                "seed",
                Map.of(
                        ".weft-seed", mark.getBytes(StandardCharsets.US_ASCII),
                        "README", Initramfs.guestFile("disk-readme")));
    }
}
