package weft.vmhost.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// A version per page: odd while some hart holds instructions decoded from it, even after a write
/// that made them stale. A write to a page without code changes nothing.
final class CodeVersions {
    private static final VarHandle VERSION = MethodHandles.arrayElementVarHandle(int[].class);

    private final int[] versions;

    CodeVersions(long pages) {
        versions = new int[Math.toIntExact(pages)];
    }

    int get(long page) {
        return (int) VERSION.getVolatile(versions, (int) page);
    }

    /// Answers the odd version.
    int noteCode(long page) {
        int version = get(page);
        if ((version & 1) == 0) {
            VERSION.compareAndSet(versions, (int) page, version, version + 1);
            // Whoever won has made it odd; if a write followed at once, the next look finds out.
            return version + 1;
        }
        return version;
    }

    void noteWrite(long page) {
        int version = get(page);
        if ((version & 1) != 0) {
            // Losing means that another writer has done the same.
            VERSION.compareAndSet(versions, (int) page, version, version + 1);
        }
    }
}
