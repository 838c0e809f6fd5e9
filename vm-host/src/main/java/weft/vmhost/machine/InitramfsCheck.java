package weft.vmhost.machine;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPInputStream;

/// Whether a file can be an initramfs, found out before a guest panics over it: a cpio archive
/// (newc), plain or compressed in a way Debian's kernel knows; a plain or gzipped one also for
/// being whole.
final class InitramfsCheck {
    /// Unpacked bytes that are looked at; more cannot be unpacked into a sensible guest either.
    private static final long UNPACKED_BYTES_MAX = 4L << 30;

    private static final int CPIO_HEADER_BYTES = 110;
    private static final HexFormat HEX = HexFormat.of();

    /// First bytes of xz, zstd, lz4 (legacy), bzip2, lzma, lzo.
    private static final List<String> OTHER_COMPRESSIONS =
            List.of("fd377a585a00", "28b52ffd", "02214c18", "425a68", "5d0000", "894c5a4f");

    private InitramfsCheck() {}

    /// @throws BootRefused if the bytes are no initramfs; nothing at all is one
    static void check(byte[] initrd) {
        if (initrd.length == 0) {
            return;
        }
        String start = HEX.formatHex(initrd, 0, Math.min(6, initrd.length));
        if (start.startsWith("1f8b")) {
            checkGzip(initrd);
        } else if (isCpio(initrd, 0)) {
            checkCpio(initrd);
        } else if (OTHER_COMPRESSIONS.stream().noneMatch(start::startsWith)) {
            throw new BootRefused(
                    "initrd is no initramfs: neither a cpio archive (newc) nor gzip, xz, zstd or"
                            + " lz4");
        }
    }

    private static void checkGzip(byte[] initrd) {
        var chunk = new byte[64 << 10];
        long total = 0;
        try (var unpacked = new GZIPInputStream(new ByteArrayInputStream(initrd), chunk.length)) {
            for (int n = unpacked.read(chunk); n >= 0; n = unpacked.read(chunk)) {
                if (total == 0 && n >= 6 && !isCpio(chunk, 0)) {
                    throw new BootRefused("initrd is gzip, but of no cpio archive (newc)");
                }
                total += n;
                if (total > UNPACKED_BYTES_MAX) {
                    throw new BootRefused("initrd unpacks to more than 4 GiB");
                }
            }
        } catch (EOFException e) {
            throw truncated(total + " bytes unpacked, then the file ends");
        } catch (IOException e) {
            throw new BootRefused("initrd is damaged gzip: " + e.getMessage());
        }
    }

    private static boolean isCpio(byte[] bytes, int offset) {
        return bytes.length >= offset + 6
                && bytes[offset] == '0'
                && bytes[offset + 1] == '7'
                && bytes[offset + 2] == '0'
                && bytes[offset + 3] == '7'
                && bytes[offset + 4] == '0'
                && (bytes[offset + 5] == '1' || bytes[offset + 5] == '2');
    }

    /// Walks to the trailer: header 110 B of hex fields, name, padding to 4, content, padding to 4.
    private static void checkCpio(byte[] initrd) {
        long offset = 0;
        while (true) {
            if (offset + CPIO_HEADER_BYTES > initrd.length || !isCpio(initrd, (int) offset)) {
                throw truncated("the archive has no end mark");
            }
            long contentBytes = field(initrd, (int) offset, 54);
            long nameBytes = field(initrd, (int) offset, 94);
            long nameStart = offset + CPIO_HEADER_BYTES;
            if (nameStart + nameBytes > initrd.length) {
                throw truncated("the archive has no end mark");
            }
            var name =
                    new String(
                            initrd,
                            (int) nameStart,
                            (int) Math.max(0, nameBytes - 1),
                            StandardCharsets.UTF_8);
            if (name.equals("TRAILER!!!")) {
                return;
            }
            offset = (nameStart + nameBytes + 3 & -4) + contentBytes + 3 & -4;
        }
    }

    private static long field(byte[] initrd, int header, int at) {
        var digits = new String(initrd, header + at, 8, StandardCharsets.US_ASCII);
        try {
            return HexFormat.fromHexDigits(digits) & 0xffff_ffffL;
        } catch (IllegalArgumentException e) {
            throw new BootRefused("initrd is a damaged cpio archive at byte " + header);
        }
    }

    private static BootRefused truncated(String detail) {
        return new BootRefused("initrd is truncated: " + detail);
    }
}
