package weft.vmhost.virtio;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.List;

/// The registers through which a driver places its queues, of either form.
///
/// ```
/// both    030 select · 034 size max (r) · 038 size
/// legacy  028 guest page bytes · 03c alignment of the used ring · 040 page number, 0 lets go
/// modern  044 ready · 080 090 0a0 low and 084 094 0a4 high halves: descriptors, available, used
/// ```
///
/// Guarded by the transport's monitor.
final class QueueRegisters {
    /// Bounds of what a legacy driver may name its page size and alignment.
    private static final int PAGE_BYTES_MIN = 256;

    private static final int PAGE_BYTES_MAX = 1 << 16;

    private final VirtioForm form;
    private final List<Virtqueue> queues;
    private int selected;
    private int pageBytes;
    private int alignmentBytes;

    QueueRegisters(VirtioForm form, List<Virtqueue> queues) {
        this.form = form;
        this.queues = queues;
        reset();
    }

    void reset() {
        selected = 0;
        pageBytes = 4096;
        alignmentBytes = 4096;
    }

    int load(int offset) {
        if (selected >= queues.size()) {
            return 0;
        }
        Virtqueue queue = queues.get(selected);
        return switch (offset) {
            case 0x034 -> queue.sizeMax();
            case 0x040 -> form == VirtioForm.LEGACY ? queue.pageNumber(pageBytes) : 0;
            case 0x044 -> form == VirtioForm.MODERN && queue.isReady() ? 1 : 0;
            default -> 0;
        };
    }

    /// @throws VirtioBreach if a queue cannot lie where the driver puts it
    void store(int offset, int value) {
        if (offset == 0x030) {
            selected = value & 0xffff;
        } else if (offset == 0x028) {
            pageBytes = value;
        } else if (selected < queues.size()) {
            Virtqueue queue = queues.get(selected);
            if (offset == 0x038) {
                queue.setSize(value);
            } else if (form == VirtioForm.LEGACY) {
                storeLegacy(queue, offset, value);
            } else {
                storeModern(queue, offset, value);
            }
        }
    }

    private void storeLegacy(Virtqueue queue, int offset, int value) {
        if (offset == 0x03c) {
            alignmentBytes = value;
        } else if (offset == 0x040 && value == 0) {
            queue.letGo();
        } else if (offset == 0x040) {
            if (!isPageSize(pageBytes) || !isPageSize(alignmentBytes)) {
                throw new VirtioBreach(
                        "guest page of %d bytes, alignment %d"
                                .formatted(pageBytes, alignmentBytes));
            }
            queue.place((value & 0xffff_ffffL) * pageBytes, alignmentBytes);
        }
    }

    private static boolean isPageSize(int bytes) {
        return Integer.bitCount(bytes) == 1 && bytes >= PAGE_BYTES_MIN && bytes <= PAGE_BYTES_MAX;
    }

    private static void storeModern(Virtqueue queue, int offset, int value) {
        switch (offset) {
            case 0x044 -> {
                if ((value & 1) != 0) {
                    queue.enable();
                } else {
                    queue.disable();
                }
            }
            case 0x080 -> queue.setAddressHalf(0, false, value);
            case 0x084 -> queue.setAddressHalf(0, true, value);
            case 0x090 -> queue.setAddressHalf(1, false, value);
            case 0x094 -> queue.setAddressHalf(1, true, value);
            case 0x0a0 -> queue.setAddressHalf(2, false, value);
            case 0x0a4 -> queue.setAddressHalf(2, true, value);
            default -> {}
        }
    }

    void capture(DataOutput out) throws IOException {
        out.writeInt(selected);
        out.writeInt(pageBytes);
        out.writeInt(alignmentBytes);
    }

    /// @param version 1 knew nothing of the legacy form
    void restore(int version, DataInput in) throws IOException {
        selected = in.readInt() & 0xffff;
        if (version > 1) {
            pageBytes = in.readInt();
            alignmentBytes = in.readInt();
        }
    }
}
