package weft.ops.image;

import org.tukaani.xz.XZInputStream;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A kernel module: its file and what its `.modinfo` section says it needs.
///
/// @param name as the kernel counts it, with underscores: virtio_rng
/// @param path below the kernel's module folder, without compression suffix: kernel/fs/ext4/ext4.ko
/// @param content the ELF file, not compressed
/// @param needs names of modules that must be loaded before
/// @param softNeeds names or aliases of what should be loaded before, if it exists
/// @param aliases other names that modprobe, and the kernel through it, knows the module by
record KernelModule(
        String name,
        String path,
        byte[] content,
        List<String> needs,
        List<String> softNeeds,
        List<String> aliases) {
    private static final int BYTES_MAX = 64 << 20;
    private static final int XZ_MEMORY_KIB_MAX = 128 << 10;
    private static final int MACHINE_RISCV = 243;
    private static final int ELF64_HEADER_BYTES = 64;
    private static final int ELF64_SECTION_BYTES = 64;

    /// The module's name from the path of its file.
    static String nameOf(String path) {
        String file = path.substring(path.lastIndexOf('/') + 1);
        return file.replaceFirst("\\.ko(\\.xz)?$", "").replace('-', '_');
    }

    /// Reads a module file as the kernel's package holds it, `.ko.xz` or `.ko`.
    static KernelModule parse(String path, byte[] file) throws IOException {
        byte[] elf = file;
        if (path.endsWith(".xz")) {
            try (var in = new XZInputStream(new ByteArrayInputStream(file), XZ_MEMORY_KIB_MAX)) {
                elf = in.readNBytes(BYTES_MAX);
            }
        }
        var needs = new ArrayList<String>();
        var softNeeds = new ArrayList<String>();
        var aliases = new ArrayList<String>();
        for (String line : modinfo(elf, path)) {
            if (line.startsWith("depends=")) {
                addNames(needs, line.substring(8).split(","));
            } else if (line.startsWith("softdep=pre:")) {
                addNames(
                        softNeeds,
                        line.substring(12).replaceFirst("post:.*", "").strip().split(" +"));
            } else if (line.startsWith("alias=")) {
                aliases.add(line.substring(6));
            }
        }
        return new KernelModule(
                nameOf(path),
                path.replaceFirst("\\.xz$", ""),
                elf,
                List.copyOf(needs),
                List.copyOf(softNeeds),
                List.copyOf(aliases));
    }

    private static void addNames(List<String> needs, String[] names) {
        for (String name : names) {
            String normal = name.strip().replace('-', '_');
            if (!normal.isEmpty()) {
                needs.add(normal);
            }
        }
    }

    /// The NUL-terminated `key=value` strings of the section (ELF-64 object file format 1.5, §3).
    private static List<String> modinfo(byte[] elf, String path) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        if (elf.length < ELF64_HEADER_BYTES || in.getInt(0) != 0x464c457f || elf[4] != 2) {
            throw new IOException(path + " is not a 64-bit ELF file");
        }
        if (in.getShort(18) != MACHINE_RISCV) {
            throw new IOException(path + " is for another machine than riscv64");
        }
        try {
            int sections = Math.toIntExact(in.getLong(40));
            int count = in.getShort(60) & 0xffff;
            int names =
                    Math.toIntExact(in.getLong(sections + (in.getShort(62) & 0xffff) * 64 + 24));
            for (int i = 0; i < count; i++) {
                int header = sections + i * ELF64_SECTION_BYTES;
                String name = stringAt(elf, names + in.getInt(header));
                if (name.equals(".modinfo")) {
                    int offset = Math.toIntExact(in.getLong(header + 24));
                    int length = Math.toIntExact(in.getLong(header + 32));
                    String all = new String(elf, offset, length, StandardCharsets.ISO_8859_1);
                    return List.of(all.split("\0+"));
                }
            }
        } catch (IndexOutOfBoundsException | ArithmeticException e) {
            throw new IOException(path + " is a damaged ELF file", e);
        }
        throw new IOException(path + " has no .modinfo section: not a kernel module");
    }

    private static String stringAt(byte[] elf, int offset) {
        int end = offset;
        while (elf[end] != 0) {
            end++;
        }
        return new String(elf, offset, end - offset, StandardCharsets.ISO_8859_1);
    }
}
