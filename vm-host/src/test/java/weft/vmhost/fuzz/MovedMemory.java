package weft.vmhost.fuzz;

import weft.vmhost.memory.DirtyPages;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The RAM of a machine that goes on before its pages have come, as a driver sees it: who touches
/// one that is absent gets it. The device asks, and must not wait.
public final class MovedMemory {
    private final GuestMemory memory;

    /// Their content, by address.
    private final Map<Long, byte[]> away = new LinkedHashMap<>();

    public MovedMemory(GuestMemory memory) {
        this.memory = memory;
    }

    /// All pages with something in them are elsewhere.
    public void leave() {
        if (memory.absentPages() > 0) {
            return;
        }
        away.clear();
        DirtyPages touched = memory.touchedPages();
        touched.forEach(address -> {
            var content = new byte[GuestMemory.PAGE_BYTES];
            memory.read(address, ByteBuffer.wrap(content));
            away.put(address, content);
        });
        memory.expect(touched, this::wanted);
    }

    private void wanted(long address) {
        boolean waits =
                StackWalker.getInstance()
                        .walk(calls -> calls.anyMatch(it -> it.getMethodName().equals("await")));
        if (waits) {
            throw new AssertionError("the device waits for page 0x%x".formatted(address));
        }
    }

    /// Some come, in their order.
    public void come(int pages) {
        List.copyOf(away.keySet()).stream().limit(pages).forEach(this::deliver);
    }

    public void comeAll() {
        come(Integer.MAX_VALUE);
    }

    private void deliver(long address) {
        byte[] content = away.remove(address);
        if (content != null) {
            memory.deliver(address, ByteBuffer.wrap(content));
        }
    }

    /// Before the driver reads or writes there.
    private void touch(long address, int sizeBytes) {
        if (!away.isEmpty()) {
            deliver(address & -GuestMemory.PAGE_BYTES);
            deliver(address + sizeBytes - 1 & -GuestMemory.PAGE_BYTES);
        }
    }

    public void store(long address, int sizeBytes, long value) {
        touch(address, sizeBytes);
        memory.store(address, sizeBytes, value);
    }

    int load16(long address) {
        touch(address, 2);
        return memory.load16(address);
    }
}
