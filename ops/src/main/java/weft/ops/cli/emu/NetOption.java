package weft.ops.cli.emu;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

import weft.fabric.MacAddress;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/// A NIC and what it is plugged into: `--net tap:IFNAME[,mac=ADDRESS]`.
///
/// @param tap the host's interface
/// @param mac the guest's address
record NetOption(String tap, MacAddress mac) {
    private static final String TAP = "tap:";
    private static final String MAC = "mac=";

    /// Of QEMU's and KVM's guests; the last three bytes are ours to choose.
    private static final long PREFIX = 0x52_54_00L << 24;

    static NetOption parse(String text) {
        String[] parts = text.split(",", -1);
        if (!parts[0].startsWith(TAP) || parts[0].length() == TAP.length()) {
            throw new IllegalArgumentException(
                    "'%s': expected tap:IFNAME or tap:IFNAME,mac=ADDRESS".formatted(text));
        }
        String tap = parts[0].substring(TAP.length());
        MacAddress mac = macOf(tap);
        for (int i = 1; i < parts.length; i++) {
            if (!parts[i].startsWith(MAC)) {
                throw new IllegalArgumentException(
                        "'%s' of '%s': expected mac=ADDRESS".formatted(parts[i], text));
            }
            mac = MacAddress.parse(parts[i].substring(MAC.length()));
            if (!mac.isUnicast()) {
                throw new IllegalArgumentException(mac + " is the address of a group");
            }
        }
        return new NetOption(tap, mac);
    }

    /// The same for the same interface in every run, different for the interfaces of a host.
    private static MacAddress macOf(String tap) {
        var sum = new CRC32();
        sum.update(tap.getBytes(StandardCharsets.UTF_8));
        return new MacAddress(PREFIX | sum.getValue() & 0xff_ffff);
    }

    /// For the command line.
    static final class Converter implements ITypeConverter<NetOption> {
        @Override
        public NetOption convert(String text) {
            try {
                return parse(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
