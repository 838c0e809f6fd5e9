package weft.ops.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// Finds the commands that a busybox binary contains without running it: its table `applet_names`
/// is one run of NUL-terminated names in order, from `[` to an empty name.
final class BusyboxApplets {
    private static final byte[] TABLE_START = "[\0[[\0".getBytes(StandardCharsets.US_ASCII);
    private static final Pattern NAME = Pattern.compile("[a-z0-9_.\\[-]{1,32}");
    private static final int APPLETS_MAX = 1000;

    private BusyboxApplets() {}

    /// The names, in order.
    ///
    /// @throws IOException if the file holds no such table
    static List<String> of(byte[] busybox) throws IOException {
        for (int at = 0; at + TABLE_START.length < busybox.length; at++) {
            if (startsTable(busybox, at)) {
                List<String> names = names(busybox, at);
                if (names.contains("sh") && names.contains("mount") && names.contains("init")) {
                    return names;
                }
            }
        }
        throw new IOException("busybox-static holds no table of applets: is it busybox?");
    }

    private static boolean startsTable(byte[] busybox, int at) {
        for (int i = 0; i < TABLE_START.length; i++) {
            if (busybox[at + i] != TABLE_START[i]) {
                return false;
            }
        }
        return true;
    }

    private static List<String> names(byte[] busybox, int start) {
        var names = new ArrayList<String>();
        int at = start;
        while (names.size() < APPLETS_MAX) {
            int end = at;
            while (end < busybox.length && busybox[end] != 0) {
                end++;
            }
            String name = new String(busybox, at, end - at, StandardCharsets.ISO_8859_1);
            boolean isNext =
                    NAME.matcher(name).matches()
                            && !name.startsWith(".")
                            && (names.isEmpty() || names.getLast().compareTo(name) < 0);
            if (!isNext) {
                break;
            }
            names.add(name);
            at = end + 1;
        }
        return names;
    }
}
