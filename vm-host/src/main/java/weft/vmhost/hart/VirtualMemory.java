package weft.vmhost.hart;

import weft.vmhost.memory.GuestFault;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.mmu.Access;
import weft.vmhost.mmu.PageWalk;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.mmu.TranslationContexts;

/// Memory as a hart's instructions see it, behind the TLB's fast path: translation, permission,
/// devices, misaligned and page-crossing accesses, and the announcement of written pages. Every
/// failure is a [Trap] with the virtual address, before anything was changed.
public final class VirtualMemory {
    private final Hart hart;
    private final CsrFile csrs;
    private final PhysicalBus bus;
    private final GuestMemory memory;
    private final Tlb tlb = new Tlb();
    private final TranslationContexts contexts = new TranslationContexts(tlb);
    private final PageWalk walk;
    private long dataContext;
    private long fetchContext;
    private boolean dataIsBare = true;
    private boolean dataIsUser;
    private boolean fetchIsBare = true;

    VirtualMemory(Hart hart, CsrFile csrs, PhysicalBus bus) {
        this.hart = hart;
        this.csrs = csrs;
        this.bus = bus;
        memory = bus.memory();
        walk = new PageWalk(memory);
    }

    public Tlb tlb() {
        return tlb;
    }

    /// The context of loads and stores, as it stands in a tag.
    public long dataContext() {
        return dataContext;
    }

    /// The context of instruction fetches, as it stands in a tag.
    public long fetchContext() {
        return fetchContext;
    }

    /// Loads 1, 2, 4 or 8 bytes, zero-extended.
    public long load(long address, int sizeBytes) {
        if ((address & GuestMemory.PAGE_BYTES - 1) + sizeBytes > GuestMemory.PAGE_BYTES) {
            long value = 0;
            for (int i = 0; i < sizeBytes; i++) {
                value |= load(address + i, 1) << 8 * i;
            }
            return value;
        }
        long host = tlb.readable(address, dataContext);
        if (host == 0) {
            long physical = translate(address, Access.LOAD);
            host = remember(address, physical, false);
            if (host == 0) {
                return loadFromDevice(address, physical, sizeBytes);
            }
        }
        return switch (sizeBytes) {
            case 1 -> HostMemory.getByte(host) & 0xFFL;
            case 2 -> HostMemory.getShort(host) & 0xFFFFL;
            case 4 -> HostMemory.getInt(host) & 0xFFFF_FFFFL;
            default -> HostMemory.getLong(host);
        };
    }

    /// Stores the low 1, 2, 4 or 8 bytes.
    public void store(long address, int sizeBytes, long value) {
        if ((address & GuestMemory.PAGE_BYTES - 1) + sizeBytes > GuestMemory.PAGE_BYTES) {
            // Both pages must be writable before the first byte changes.
            translate(address, Access.STORE);
            translate(address + sizeBytes - 1 & -GuestMemory.PAGE_BYTES, Access.STORE);
            for (int i = 0; i < sizeBytes; i++) {
                store(address + i, 1, value >>> 8 * i);
            }
            return;
        }
        long host = tlb.writable(address, dataContext);
        if (host == 0) {
            long physical = translate(address, Access.STORE);
            host = remember(address, physical, true);
            if (host == 0) {
                storeToDevice(address, physical, sizeBytes, value);
                return;
            }
        }
        switch (sizeBytes) {
            case 1 -> HostMemory.putByte(host, (byte) value);
            case 2 -> HostMemory.putShort(host, (short) value);
            case 4 -> HostMemory.putInt(host, (int) value);
            default -> HostMemory.putLong(host, value);
        }
    }

    /// Where LR loads from: aligned RAM.
    public long hostAddressToReserve(long address, int sizeBytes) {
        if ((address & sizeBytes - 1) != 0) {
            throw new Trap(TrapCause.LOAD_MISALIGNED, address);
        }
        long host = tlb.readable(address, dataContext);
        if (host == 0) {
            host = remember(address, translate(address, Access.LOAD), false);
            if (host == 0) {
                throw new Trap(TrapCause.LOAD_ACCESS_FAULT, address);
            }
        }
        return host;
    }

    /// Where an AMO or SC works: aligned, writable RAM, announced as written.
    public long hostAddressToModify(long address, int sizeBytes) {
        if ((address & sizeBytes - 1) != 0) {
            throw new Trap(TrapCause.STORE_MISALIGNED, address);
        }
        long host = tlb.writable(address, dataContext);
        if (host == 0) {
            host = remember(address, translate(address, Access.STORE), true);
            if (host == 0) {
                throw new Trap(TrapCause.STORE_ACCESS_FAULT, address);
            }
        }
        return host;
    }

    /// Finds the page of an instruction and remembers it; answers the index of its fetch entry.
    public int fetch(long address) {
        long physical = translateFetch(address);
        if (!memory.contains(physical, 2)) {
            throw new Trap(TrapCause.INSTRUCTION_ACCESS_FAULT, address);
        }
        return tlb.fillFetch(address, fetchContext, physical & -GuestMemory.PAGE_BYTES);
    }

    /// One halfword of the instruction stream.
    public int fetchHalfword(long address) {
        long physical = translateFetch(address);
        if (!memory.contains(physical, 2)) {
            throw new Trap(TrapCause.INSTRUCTION_ACCESS_FAULT, address);
        }
        return memory.load16(physical);
    }

    /// A page is about to be decoded: from now on its writers announce themselves. Answers the
    /// version of what will be decoded.
    public int noteCode(long physicalPage) {
        tlb.dropWriteTagsOf(physicalPage);
        return memory.noteCode(physicalPage, hart);
    }

    /// Whether nobody has written the page since [#noteCode] gave this version.
    public boolean isCodeVersion(long physicalPage, int version) {
        return memory.codeVersion(physicalPage) == version;
    }

    /// A halfword of a page that [#fetch] found.
    public int codeHalfword(long physicalAddress) {
        return memory.load16(physicalAddress);
    }

    /// `sfence.vma`; a register number of 0 means all addresses, all address spaces.
    void fence(boolean oneAddress, long address, boolean oneSpace, int asid) {
        if (oneAddress && oneSpace) {
            contexts.flushPage(address, asid);
        } else if (oneAddress) {
            contexts.flushPage(address);
        } else if (oneSpace) {
            contexts.flushAddressSpace(asid);
        } else {
            contexts.flushAll();
        }
        update();
    }

    void flushAll() {
        contexts.flushAll();
        update();
    }

    /// To be called when privilege, satp or mstatus changed.
    void update() {
        int generation;
        do {
            generation = contexts.generation();
            long status = csrs.mstatus;
            Privilege privilege = hart.privilege();
            fetchIsBare = isBare(privilege);
            fetchContext = contexts.bits(csrs.satp, kind(privilege, false));
            Privilege effective =
                    (status & Csr.STATUS_MPRV) != 0 ? csrs.previousMachinePrivilege() : privilege;
            dataIsBare = isBare(effective);
            dataIsUser = effective == Privilege.USER;
            dataContext = contexts.bits(csrs.satp, kind(effective, (status & Csr.STATUS_MXR) != 0));
            // Looking up the second context may have renumbered the first.
        } while (generation != contexts.generation());
    }

    void dropWriteTags() {
        tlb.dropWriteTags(memory::forgetCode);
    }

    private boolean isBare(Privilege privilege) {
        return privilege == Privilege.MACHINE || csrs.satp >>> 60 == PageWalk.BARE;
    }

    private int kind(Privilege privilege, boolean mxr) {
        if (isBare(privilege)) {
            return TranslationContexts.BARE_KIND;
        }
        if (privilege == Privilege.USER) {
            return mxr ? TranslationContexts.USER_MXR : TranslationContexts.USER;
        }
        return mxr ? TranslationContexts.SUPERVISOR_MXR : TranslationContexts.SUPERVISOR;
    }

    private long translate(long address, Access access) {
        if (dataIsBare) {
            return address;
        }
        boolean sum = (csrs.mstatus & Csr.STATUS_SUM) != 0;
        boolean mxr = (csrs.mstatus & Csr.STATUS_MXR) != 0;
        return outcome(
                walk.walk(csrs.satp, address, access, dataIsUser, sum, mxr), address, access);
    }

    private long translateFetch(long address) {
        if (fetchIsBare) {
            return address;
        }
        boolean user = hart.privilege() == Privilege.USER;
        long physical =
                outcome(
                        walk.walk(csrs.satp, address, Access.FETCH, user, false, false),
                        address,
                        Access.FETCH);
        if (walk.leafShift() > GuestMemory.PAGE_SHIFT) {
            tlb.noteSuperpage(address);
        }
        return physical;
    }

    private long outcome(PageWalk.Outcome outcome, long address, Access access) {
        return switch (outcome) {
            case TRANSLATED -> walk.physicalAddress();
            case PAGE_FAULT -> throw new Trap(pageFault(access), address);
            case ACCESS_FAULT -> throw new Trap(accessFault(access), address);
        };
    }

    /// Fills the TLB after a successful translation, if it leads to RAM; answers the host address,
    /// or 0 for a device.
    private long remember(long address, long physical, boolean write) {
        long hostPage = memory.hostPage(physical);
        if (hostPage == 0) {
            return 0;
        }
        if (write) {
            memory.noteWrite(physical);
        }
        boolean read = true;
        if (!dataIsBare) {
            read = walk.isReadable((csrs.mstatus & Csr.STATUS_MXR) != 0);
            if (walk.leafShift() > GuestMemory.PAGE_SHIFT) {
                tlb.noteSuperpage(address);
            }
            if (walk.isUserPage() && !dataIsUser) {
                tlb.noteBorrowed(address, dataContext);
            }
        }
        long page = physical & -GuestMemory.PAGE_BYTES;
        tlb.fill(address, dataContext, hostPage, page, read, write);
        return hostPage + (physical - page);
    }

    private long loadFromDevice(long address, long physical, int sizeBytes) {
        try {
            return bus.load(physical, sizeBytes);
        } catch (GuestFault fault) {
            throw new Trap(TrapCause.LOAD_ACCESS_FAULT, address);
        }
    }

    private void storeToDevice(long address, long physical, int sizeBytes, long value) {
        try {
            bus.store(physical, sizeBytes, value);
        } catch (GuestFault fault) {
            throw new Trap(TrapCause.STORE_ACCESS_FAULT, address);
        }
    }

    private static int pageFault(Access access) {
        return switch (access) {
            case FETCH -> TrapCause.INSTRUCTION_PAGE_FAULT;
            case LOAD -> TrapCause.LOAD_PAGE_FAULT;
            case STORE -> TrapCause.STORE_PAGE_FAULT;
        };
    }

    private static int accessFault(Access access) {
        return switch (access) {
            case FETCH -> TrapCause.INSTRUCTION_ACCESS_FAULT;
            case LOAD -> TrapCause.LOAD_ACCESS_FAULT;
            case STORE -> TrapCause.STORE_ACCESS_FAULT;
        };
    }
}
