package weft.ops.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;

/// The guest's first root: busybox, the guest files of this package's resources, and modules. The
/// few that virtio needs are loaded at boot and lie there uncompressed; the others wait,
/// compressed, for `modprobe`, which the kernel also calls by itself (`mount -t ext4`).
final class Initramfs {
    /// Loaded at boot, in this order, after what they need.
    static final List<String> BOOT_MODULES = List.of("virtio_mmio", "virtio_blk", "virtio_net");

    /// What no kernel has built in, and no image can do without.
    private static final String NEEDED_MODULE = "ext4";

    /// Loaded on demand.
    static final List<String> DEMAND_MODULES =
            List.of(
                    NEEDED_MODULE,
                    "crc32c_generic",
                    "virtio_rng",
                    "virtio_balloon",
                    "virtio_input",
                    "evdev",
                    "af_packet",
                    "8021q",
                    "loop",
                    "vfat");

    private static final List<String> FOLDERS =
            List.of("bin", "dev", "disk", "etc", "lib", "mnt", "proc", "run", "sys", "tmp", "var");

    private Initramfs() {}

    /// A guest file of this package.
    static byte[] guestFile(String name) throws IOException {
        try (InputStream in = Initramfs.class.getResourceAsStream("guest/" + name)) {
            if (in == null) {
                throw new IOException("resource guest/" + name + " is missing");
            }
            return in.readAllBytes();
        }
    }

    /// The archive, compressed for the kernel.
    ///
    /// @param release of the kernel, as `uname -r` says it
    static byte[] of(String release, byte[] busybox, ModuleTree modules) throws IOException {
        var bytes = new ByteArrayOutputStream(1 << 22);
        // Java's gzip header carries no time: the same files give the same bytes.
        try (var cpio = new CpioWriter(new GZIPOutputStream(bytes, 1 << 16))) {
            for (String folder : FOLDERS) {
                cpio.directory(folder, 0755);
            }
            // The kernel opens /dev/console for init before devtmpfs is there.
            cpio.characterDevice("dev/console", 0600, 5, 1);
            cpio.characterDevice("dev/null", 0666, 1, 3);
            cpio.file("bin/busybox", 0755, busybox);
            for (String applet : BusyboxApplets.of(busybox)) {
                // It lists itself; a link would take the file's place.
                if (!applet.equals("busybox")) {
                    cpio.link("bin/" + applet, "busybox");
                }
            }
            cpio.link("sbin", "bin");
            cpio.link("init", "bin/busybox");
            for (String program : List.of("mount-disk", "dhcp-lease")) {
                cpio.file("bin/" + program, 0755, guestFile(program));
            }
            for (String script : List.of("rcS", "rcK")) {
                cpio.file("etc/" + script, 0755, guestFile(script));
            }
            for (String file : List.of("inittab", "profile")) {
                cpio.file("etc/" + file, 0644, guestFile(file));
            }
            cpio.file("etc/acpid.conf", 0644, text("PWRF /bin/poweroff\n"));
            cpio.file("etc/passwd", 0644, text("root::0:0:root:/:/bin/sh\n"));
            cpio.file("etc/group", 0644, text("root:x:0:\n"));
            cpio.link("etc/mtab", "../proc/mounts");
            addModules(cpio, "lib/modules/" + release, modules);
        }
        return bytes.toByteArray();
    }

    private static void addModules(CpioWriter cpio, String folder, ModuleTree modules)
            throws IOException {
        Set<String> present =
                modules.all().stream().map(KernelModule::name).collect(Collectors.toSet());
        var wanted = new TreeSet<String>(BOOT_MODULES);
        for (String name : DEMAND_MODULES) {
            if (present.contains(name) || name.equals(NEEDED_MODULE)) {
                wanted.add(name);
            }
        }
        Map<String, byte[]> files = new TreeMap<>();
        var dependencies = new StringBuilder();
        var aliases = new StringBuilder();
        for (KernelModule module : modules.loadOrder(wanted)) {
            files.put(module.path(), module.content());
            dependencies.append(dependencyLine(module, modules));
            for (String alias : module.aliases()) {
                aliases.append("alias %s %s\n".formatted(alias, module.name()));
            }
        }
        files.put("modules.dep", text(dependencies.toString()));
        files.put("modules.alias", text(aliases.toString()));
        putFiles(cpio, folder, files);
        String bootList =
                modules.loadOrder(BOOT_MODULES).stream()
                        .map(module -> "/" + folder + "/" + module.path() + "\n")
                        .collect(Collectors.joining());
        cpio.file("etc/modules.boot", 0644, text(bootList));
    }

    private static void putFiles(CpioWriter cpio, String folder, Map<String, byte[]> files)
            throws IOException {
        var folders = new TreeSet<String>();
        folders.add("lib/modules");
        folders.add(folder);
        for (String path : files.keySet()) {
            for (int i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) {
                folders.add(folder + "/" + path.substring(0, i));
            }
        }
        for (String name : folders) {
            cpio.directory(name, 0755);
        }
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            cpio.file(folder + "/" + file.getKey(), 0644, file.getValue());
        }
    }

    /// `path: needed…` with the nearest first: modprobe loads from the right.
    private static String dependencyLine(KernelModule module, ModuleTree modules)
            throws IOException {
        List<KernelModule> order = modules.loadOrder(List.of(module.name()));
        var line = new StringBuilder(module.path()).append(':');
        for (KernelModule needed : order.subList(0, order.size() - 1).reversed()) {
            line.append(' ').append(needed.path());
        }
        return line.append('\n').toString();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
