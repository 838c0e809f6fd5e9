package weft.vmhost.virtio.input;

import org.jspecify.annotations.Nullable;

import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.Virtqueue;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// The power button: an input device whose one key is KEY_POWER. [#press] asks the guest to switch
/// itself off; whether it does is its own affair (in Linux, systemd-logind's or acpid's). Chosen
/// because Debian's kernel for riscv64 has no driver for keys on GPIO lines (CONFIG_KEYBOARD_GPIO),
/// but this one.
///
/// Queue 0 takes events to the guest, one in a buffer; queue 1 brings the guest's (LEDs), which
/// nobody here looks at. The configuration space is a window: the driver writes what it wants to
/// see to its first two bytes.
public final class VirtioPowerButton implements VirtioDevice {
    private static final int EVENTS = 0;
    private static final int QUEUE_SIZE = 64;

    /// What `select` may ask for (virtio 1.2, 5.8.4); all else is empty here.
    private static final int SELECT_NAME = 0x01;

    private static final int SELECT_IDS = 0x03;
    private static final int SELECT_EVENT_BITS = 0x11;

    /// Linux, input-event-codes.h.
    private static final int EV_KEY = 1;

    private static final int KEY_POWER = 116;

    /// Down, report, up, report: type 2 · code 2 · value 4, each.
    private static final long[] PRESS = {
        1L << 32 | KEY_POWER << 16 | EV_KEY, 0, KEY_POWER << 16 | EV_KEY, 0
    };

    private static final byte[] NAME = "Power Button".getBytes(StandardCharsets.US_ASCII);

    /// bustype 2 (BUS_VIRTUAL) · vendor 2 · product 2 · version 2.
    private static final byte[] IDS = {6, 0, 0, 0, 0, 0, 1, 0};

    private static final byte[] KEYS = keys();
    private static final byte[] NOTHING = {};

    private final ByteBuffer event = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    private @Nullable VirtioMmio transport;
    private @Nullable DescriptorChain chain;
    private int select;
    private int subselect;

    /// Events of a press that the guest has not been told yet.
    private int pending;

    private static byte[] keys() {
        var bits = new byte[KEY_POWER / 8 + 1];
        bits[KEY_POWER / 8] = 1 << KEY_POWER % 8;
        return bits;
    }

    /// Presses and releases the button; while the guest has no room for the press before, that is
    /// the same press. Any thread.
    ///
    /// @return whether a driver is there to hear of it
    public boolean press() {
        VirtioMmio transport = transport();
        synchronized (transport) {
            boolean heard = transport.isRunning();
            if (heard && pending == 0) {
                pending = PRESS.length;
                transport.serveLater(EVENTS);
            }
            return heard;
        }
    }

    @Override
    public int deviceId() {
        return 18;
    }

    @Override
    public long features() {
        return 0;
    }

    @Override
    public int queueCount() {
        return 2;
    }

    @Override
    public int queueSizeMax() {
        return QUEUE_SIZE;
    }

    @Override
    public boolean mayBeMissing() {
        return true;
    }

    @Override
    public void connect(VirtioMmio transport) {
        this.transport = transport;
        chain = transport.queue(EVENTS).newChain();
    }

    /// 0 select 1 · 1 subsel 1 · 2 size 1 · 3 reserved 5 · 8 what was selected, 128 at most.
    @Override
    public int configByte(int offset) {
        byte[] selected = selected();
        return switch (offset) {
            case 0 -> select;
            case 1 -> subselect;
            case 2 -> selected.length;
            default -> offset >= 8 && offset < 8 + selected.length ? selected[offset - 8] : 0;
        };
    }

    private byte[] selected() {
        return switch (select) {
            case SELECT_NAME -> subselect == 0 ? NAME : NOTHING;
            case SELECT_IDS -> subselect == 0 ? IDS : NOTHING;
            case SELECT_EVENT_BITS -> subselect == EV_KEY ? KEYS : NOTHING;
            default -> NOTHING;
        };
    }

    @Override
    public void storeConfig(int offset, int sizeBytes, long value) {
        if (offset == 0) {
            select = (int) value & 0xff;
        }
        if (offset == 1 || offset == 0 && sizeBytes > 1) {
            subselect = (int) (offset == 1 ? value : value >>> 8) & 0xff;
        }
    }

    @Override
    public void start(long features) {}

    @Override
    public void serve(int queueIndex) {
        if (chain == null) {
            throw new IllegalStateException("not connected");
        }
        Virtqueue queue = transport().queue(queueIndex);
        while ((queueIndex != EVENTS || pending > 0) && queue.next(chain)) {
            if (queueIndex == EVENTS) {
                event.clear().putLong(PRESS[PRESS.length - pending]).flip();
                // A buffer too small for an event costs the driver the event.
                chain.write(event);
                pending--;
            }
            queue.complete(chain.head(), queueIndex == EVENTS ? chain.writtenBytes() : 0);
        }
        transport().signal(queue);
    }

    @Override
    public void reset() {
        select = 0;
        subselect = 0;
        pending = 0;
    }

    @Override
    public boolean isIdle() {
        return true;
    }

    @Override
    public void capture(DataOutput out) throws IOException {
        out.writeByte(select);
        out.writeByte(subselect);
        out.writeByte(pending);
    }

    @Override
    public void restore(int version, DataInput in) throws IOException {
        select = in.readUnsignedByte();
        subselect = in.readUnsignedByte();
        pending = in.readUnsignedByte();
        if (pending > PRESS.length) {
            throw new IOException("a press of the power button has no " + pending + " events");
        }
    }

    @Override
    public void resume() {
        if (pending > 0) {
            transport().serveLater(EVENTS);
        }
    }

    private VirtioMmio transport() {
        if (transport == null) {
            throw new IllegalStateException("not connected");
        }
        return transport;
    }
}
