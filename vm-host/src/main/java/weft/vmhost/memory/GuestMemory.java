package weft.vmhost.memory;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongConsumer;

/// A guest's RAM, outside the Java heap; pages the guest never touched cost the host nothing.
///
/// Devices use the checked accessors by guest-physical address: a wrong address is a [GuestFault],
/// never a host crash. They are sequentially consistent when aligned, as the rings of virtio need.
/// Harts go through their TLB, which asks [#hostPage] once per page and announces the first store
/// to a page by [#noteWrite].
///
/// Three bits per page: *touched* (ever written; what migration and snapshots have to send at all),
/// *dirty* (written since the last [#drainDirty], kept only while tracking) and *code* (a hart
/// holds decoded instructions of it, see [#noteCode]).
///
/// Pages may be *absent*: their content is still elsewhere ([#expect]). Harts look before they put
/// a page into their TLB, virtqueues before they take a request, and both come back when the page
/// is here. Any other access by the methods of this class waits for it.
public final class GuestMemory implements AutoCloseable {
    public static final int PAGE_SHIFT = 12;
    public static final int PAGE_BYTES = 1 << PAGE_SHIFT;

    /// 1 TiB: far above what a host gives one guest; bitmaps stay below 3 × 32 MiB.
    public static final long SIZE_BYTES_MAX = 1L << 40;

    private static final Cleaner CLEANER = Cleaner.create();

    private final long baseAddress;
    private final long sizeBytes;
    private final long hostAddress;
    private final MemorySegment segment;
    private final PageBits touched;
    private final PageBits dirty;
    private final CodeVersions codeVersions;
    private final List<WriteTagHolder> writeTagHolders = new CopyOnWriteArrayList<>();
    private volatile boolean tracking;
    private volatile @Nullable AbsentPages absent;

    /// @param baseAddress guest-physical address of the first byte, page-aligned
    /// @param sizeBytes a positive multiple of the page size
    public GuestMemory(long baseAddress, long sizeBytes) {
        if (baseAddress < 0 || baseAddress % PAGE_BYTES != 0) {
            throw new IllegalArgumentException("RAM base 0x%x".formatted(baseAddress));
        }
        if (sizeBytes <= 0 || sizeBytes % PAGE_BYTES != 0 || sizeBytes > SIZE_BYTES_MAX) {
            throw new IllegalArgumentException("RAM size " + sizeBytes);
        }
        this.baseAddress = baseAddress;
        this.sizeBytes = sizeBytes;
        hostAddress = AnonymousMapping.map(sizeBytes);
        segment = AnonymousMapping.segment(hostAddress, sizeBytes);
        long pages = sizeBytes >>> PAGE_SHIFT;
        touched = new PageBits(pages);
        dirty = new PageBits(pages);
        codeVersions = new CodeVersions(pages);
        long mapped = hostAddress;
        CLEANER.register(this, () -> AnonymousMapping.unmap(mapped, sizeBytes));
    }

    public long baseAddress() {
        return baseAddress;
    }

    public long sizeBytes() {
        return sizeBytes;
    }

    /// Whether the whole range lies in RAM.
    public boolean contains(long address, long lengthBytes) {
        long offset = address - baseAddress;
        return offset >= 0
                && lengthBytes >= 0
                && lengthBytes <= sizeBytes
                && offset <= sizeBytes - lengthBytes;
    }

    public int load8(long address) {
        return (int) load(address, 1);
    }

    public int load16(long address) {
        return (int) load(address, 2);
    }

    public int load32(long address) {
        return (int) load(address, 4);
    }

    public long load64(long address) {
        return load(address, 8);
    }

    /// Little-endian load of 1, 2, 4 or 8 bytes, zero-extended.
    public long load(long address, int sizeBytes) {
        long host = host(address, sizeBytes);
        if ((address & sizeBytes - 1) == 0) {
            return HostMemory.getVolatile(host, sizeBytes);
        }
        long value = 0;
        for (int i = sizeBytes - 1; i >= 0; i--) {
            value = value << 8 | HostMemory.getByte(host + i) & 0xFF;
        }
        return value;
    }

    public void store8(long address, int value) {
        store(address, 1, value);
    }

    public void store16(long address, int value) {
        store(address, 2, value);
    }

    public void store32(long address, int value) {
        store(address, 4, value);
    }

    public void store64(long address, long value) {
        store(address, 8, value);
    }

    /// Little-endian store of the low 1, 2, 4 or 8 bytes.
    public void store(long address, int sizeBytes, long value) {
        long host = host(address, sizeBytes);
        if ((address & sizeBytes - 1) == 0) {
            HostMemory.putVolatile(host, sizeBytes, value);
        } else {
            for (int i = 0; i < sizeBytes; i++) {
                HostMemory.putByte(host + i, (byte) (value >>> 8 * i));
            }
        }
        noteWrites(address, sizeBytes);
    }

    /// Replaces an aligned 64-bit value if it still is the expected one.
    public boolean compareAndSet64(long address, long expected, long value) {
        long host = host(address, 8);
        assert (address & 7) == 0;
        boolean replaced = HostMemory.compareAndSetLong(host, expected, value);
        noteWrites(address, 8);
        return replaced;
    }

    /// Copies guest memory to the buffer's remaining bytes.
    public void read(long address, ByteBuffer to) {
        int length = to.remaining();
        host(address, length);
        MemorySegment.ofBuffer(to).copyFrom(segment.asSlice(address - baseAddress, length));
        to.position(to.limit());
    }

    /// Copies the buffer's remaining bytes to guest memory.
    public void write(long address, ByteBuffer from) {
        int length = from.remaining();
        host(address, length);
        segment.asSlice(address - baseAddress, length).copyFrom(MemorySegment.ofBuffer(from));
        from.position(from.limit());
        noteWrites(address, length);
    }

    /// Copies guest memory to a part of `to`. Allocates nothing.
    public void read(long address, MemorySegment to, long offset, long lengthBytes) {
        host(address, lengthBytes);
        MemorySegment.copy(segment, address - baseAddress, to, offset, lengthBytes);
    }

    /// Copies a part of `from` to guest memory. Allocates nothing.
    public void write(long address, MemorySegment from, long offset, long lengthBytes) {
        host(address, lengthBytes);
        MemorySegment.copy(from, offset, segment, address - baseAddress, lengthBytes);
        noteWrites(address, lengthBytes);
    }

    /// The range's host address, for a system call while this memory is open. What it writes is to
    /// be noted afterwards by [#noteWrites].
    public long hostRange(long address, long lengthBytes) {
        return host(address, lengthBytes);
    }

    /// Gives one page back to the host; it reads as zero until it is written again.
    public void discardPage(long address) {
        assert (address & PAGE_BYTES - 1) == 0;
        if (deliverZero(address)) {
            return;
        }
        long host = host(address, PAGE_BYTES);
        AnonymousMapping.discard(host, PAGE_BYTES);
        // Stays touched: a hart may still hold the right to write it without a word.
        noteWrite(address);
    }

    /// All pages of the RAM.
    public DirtyPages allPages() {
        long pages = sizeBytes >>> PAGE_SHIFT;
        var words = new long[(int) (pages + 63 >>> 6)];
        Arrays.fill(words, -1);
        if ((pages & 63) != 0) {
            words[words.length - 1] = (1L << pages) - 1;
        }
        return new DirtyPages(baseAddress, words);
    }

    /// These pages are absent from now on, what they hold is given up. No hart runs, none has any
    /// of them in its TLB, and no device works.
    ///
    /// @param pages of a memory of the same place and size
    public synchronized void expect(DirtyPages pages, PageSource source) {
        if (!pages.isOf(baseAddress, sizeBytes >>> PAGE_SHIFT)) {
            throw new IllegalArgumentException("pages of another RAM");
        }
        if (absent != null) {
            throw new IllegalStateException("pages are expected already");
        }
        if (pages.isEmpty()) {
            return;
        }
        pages.forEach(page -> {
            noteWrite(page);
            AnonymousMapping.discard(hostPage(page), PAGE_BYTES);
        });
        absent = new AbsentPages(pages.bits(), pages.count(), baseAddress, source);
    }

    /// The content of an absent page. Any thread, also several at once for the same page.
    ///
    /// @param address of its first byte
    /// @param content 4096 bytes, left as they are
    /// @return false if the page was here already: what it holds may be newer, and stays
    public boolean deliver(long address, ByteBuffer content) {
        if (content.remaining() != PAGE_BYTES) {
            throw new IllegalArgumentException("a page of " + content.remaining() + " bytes");
        }
        MemorySegment bytes = MemorySegment.ofBuffer(content);
        long offset = pageOffset(address);
        return install(offset, _ -> segment.asSlice(offset, PAGE_BYTES).copyFrom(bytes));
    }

    /// The same for a page of zeros.
    public boolean deliverZero(long address) {
        return install(pageOffset(address), _ -> {});
    }

    private long pageOffset(long address) {
        if ((address & PAGE_BYTES - 1) != 0 || !contains(address, PAGE_BYTES)) {
            throw new GuestFault(address, PAGE_BYTES);
        }
        return address - baseAddress;
    }

    private boolean install(long offset, LongConsumer fill) {
        AbsentPages pages = absent;
        if (pages == null || !pages.install(offset >>> PAGE_SHIFT, fill)) {
            return false;
        }
        if (pages.count() == 0) {
            expectNoMore(pages);
        }
        return true;
    }

    private synchronized void expectNoMore(AbsentPages pages) {
        if (absent == pages) {
            absent = null;
        }
    }

    /// How many pages are absent.
    public long absentPages() {
        AbsentPages pages = absent;
        return pages == null ? 0 : pages.count();
    }

    /// Nothing more will come: absent pages are zero from now on, and accesses that wait for one
    /// are a [GuestFault].
    public void forgetAbsentPages() {
        AbsentPages pages = absent;
        if (pages != null) {
            pages.forget();
            expectNoMore(pages);
        }
    }

    /// Whether the whole range is here, as far as it is RAM.
    public boolean isPresent(long address, long lengthBytes) {
        AbsentPages pages = absent;
        return pages == null
                || lengthBytes == 0
                || !contains(address, lengthBytes)
                || pages.arePresent(pageOf(address), pageOf(address + lengthBytes - 1));
    }

    /// Asks for the absent pages of a range of RAM.
    ///
    /// @param arrived called when the first of them has come, at once if none is absent; by the
    ///   thread that brings it: must not block
    public void whenPresent(long address, long lengthBytes, Runnable arrived) {
        AbsentPages pages = absent;
        if (pages == null || lengthBytes == 0 || !contains(address, lengthBytes)) {
            arrived.run();
        } else {
            pages.want(pageOf(address), pageOf(address + lengthBytes - 1), arrived);
        }
    }

    /// The same for somebody who is called already when another page comes.
    public void ask(long address, long lengthBytes) {
        AbsentPages pages = absent;
        if (pages != null && lengthBytes > 0 && contains(address, lengthBytes)) {
            pages.ask(pageOf(address), pageOf(address + lengthBytes - 1));
        }
    }

    private long pageOf(long address) {
        return address - baseAddress >>> PAGE_SHIFT;
    }

    /// Every page that was ever written, or is absent. A page outside this set is zero.
    public DirtyPages touchedPages() {
        return new DirtyPages(baseAddress, touched.copy());
    }

    /// From now on writes are recorded. A store that is under way may be recorded or not, so read
    /// pages after this call only.
    public void startDirtyTracking() {
        dirty.take();
        tracking = true;
        dropAllWriteTags();
    }

    /// The pages written since the last call (or since tracking started). Their content may be read
    /// afterwards: a store that comes later is in the next answer.
    public DirtyPages drainDirty() {
        if (!tracking) {
            throw new IllegalStateException("dirty tracking is off");
        }
        long[] taken = dirty.take();
        dropAllWriteTags();
        return new DirtyPages(baseAddress, taken);
    }

    public void stopDirtyTracking() {
        tracking = false;
    }

    /// Joins a hart's TLB to this memory, for the memory's life.
    public void addWriteTagHolder(WriteTagHolder holder) {
        writeTagHolders.add(holder);
    }

    /// The host address of the page at this guest-physical address, or 0 if there is no RAM.
    public long hostPage(long address) {
        long page = address & -PAGE_BYTES;
        return contains(page, PAGE_BYTES) ? hostAddress + (page - baseAddress) : 0;
    }

    /// Whether the whole range of the host's memory is this RAM.
    public boolean isGuestMemory(long hostStart, int lengthBytes) {
        return contains(hostStart - hostAddress + baseAddress, lengthBytes);
    }

    /// A page of RAM is about to be written through a host address. To be called by a hart before
    /// the store, within the same instruction; devices are noted by the accessors, afterwards.
    /// Decoded instructions of the page are no longer good for the next instruction fence.
    public void noteWrite(long address) {
        long page = address - baseAddress >>> PAGE_SHIFT;
        touched.set(page);
        if (tracking) {
            dirty.set(page);
        }
        codeVersions.noteWrite(page);
    }

    /// A hart is about to decode instructions of this page; answers the version they have. As long
    /// as [#codeVersion] says the same, nobody has written the page: holders of write tags are
    /// asked to drop them, and answer by [#forgetCode] if they held one of this page. The caller
    /// drops its own tags itself.
    public int noteCode(long address, WriteTagHolder caller) {
        long page = address - baseAddress >>> PAGE_SHIFT;
        // Whoever finds the version odd may rely on it that all holders have been asked.
        synchronized (codeVersions) {
            int before = codeVersions.get(page);
            int version = codeVersions.noteCode(page);
            if (before != version) {
                for (WriteTagHolder holder : writeTagHolders) {
                    if (holder != caller) {
                        holder.requestDropWriteTags();
                    }
                }
            }
            return version;
        }
    }

    /// Whether [#noteCode] gave this version: some hart has decoded instructions of it.
    public static boolean isNoted(int codeVersion) {
        return (codeVersion & 1) != 0;
    }

    public int codeVersion(long address) {
        return codeVersions.get(address - baseAddress >>> PAGE_SHIFT);
    }

    /// The page may have been written without notice since its instructions were decoded.
    public void forgetCode(long address) {
        codeVersions.noteWrite(address - baseAddress >>> PAGE_SHIFT);
    }

    /// Gives the memory back to the host. The address range itself stays reserved until nobody
    /// refers to this object, so that a straggling device reads zeros instead of ending the host.
    @Override
    public void close() {
        forgetAbsentPages();
        AnonymousMapping.discard(hostAddress, sizeBytes);
    }

    private long host(long address, long lengthBytes) {
        if (!contains(address, lengthBytes)) {
            throw new GuestFault(address, lengthBytes);
        }
        AbsentPages pages = absent;
        if (pages != null
                && lengthBytes > 0
                && !pages.await(pageOf(address), pageOf(address + lengthBytes - 1))) {
            throw new GuestFault(address, lengthBytes);
        }
        return hostAddress + (address - baseAddress);
    }

    /// The range has been written through its host address, by a device.
    public void noteWrites(long address, long lengthBytes) {
        long end = address + lengthBytes;
        for (long page = address & -PAGE_BYTES; page < end; page += PAGE_BYTES) {
            noteWrite(page);
        }
    }

    private void dropAllWriteTags() {
        for (WriteTagHolder holder : writeTagHolders) {
            holder.dropWriteTags();
        }
    }
}
