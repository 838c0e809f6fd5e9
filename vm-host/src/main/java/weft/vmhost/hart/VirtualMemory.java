package weft.vmhost.hart;

import weft.vmhost.memory.GuestFault;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.mmu.Access;
import weft.vmhost.mmu.PageWalk;
import weft.vmhost.mmu.PhysicalProtection;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.mmu.TranslationContexts;

/// Memory as a hart's instructions see it, behind the TLB's fast path: translation, permission,
/// physical protection, devices, misaligned and page-crossing accesses, and the announcement of
/// written pages. Every failure is a [Trap] with the virtual address, before anything was changed;
/// so is a page that has not come yet (see [PageWait]).
///
/// Physical protection costs nothing on the fast path: the TLB holds a page only with the rights
/// that all its bytes have, and no page whose bytes differ.
public final class VirtualMemory {
    private final Hart hart;
    private final CsrFile csrs;
    private final PhysicalBus bus;
    private final GuestMemory memory;
    private final Tlb tlb = new Tlb();
    private final TranslationContexts contexts = new TranslationContexts(tlb);
    private final PhysicalProtection protection = new PhysicalProtection();
    private final PageWalk walk;
    private Privilege dataPrivilege = Privilege.MACHINE;
    private long dataContext;
    private long fetchContext;
    private boolean dataIsBare = true;
    private boolean fetchIsBare = true;

    VirtualMemory(Hart hart, CsrFile csrs, PhysicalBus bus) {
        this.hart = hart;
        this.csrs = csrs;
        this.bus = bus;
        memory = bus.memory();
        walk = new PageWalk(memory, protection);
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
            long physical = translate(address, Access.LOAD, sizeBytes);
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
            long second = address + sizeBytes - 1 & -GuestMemory.PAGE_BYTES;
            translate(address, Access.STORE, (int) (second - address));
            translate(second, Access.STORE, (int) (address + sizeBytes - second));
            for (int i = 0; i < sizeBytes; i++) {
                store(address + i, 1, value >>> 8 * i);
            }
            return;
        }
        long host = tlb.writable(address, dataContext);
        if (host == 0) {
            long physical = translate(address, Access.STORE, sizeBytes);
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
            host = remember(address, translate(address, Access.LOAD, sizeBytes), false);
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
            host = remember(address, translate(address, Access.STORE, sizeBytes), true);
            if (host == 0) {
                throw new Trap(TrapCause.STORE_ACCESS_FAULT, address);
            }
        }
        return host;
    }

    /// Finds the page of an instruction; answers the index of its fetch entry, which is remembered
    /// (its tag is set) if instructions may be fetched from all of the page.
    public int fetch(long address) {
        long page = translateFetch(address) & -GuestMemory.PAGE_BYTES;
        boolean keep = protection.pageRights(page, isMachine()) != PhysicalProtection.MIXED;
        return tlb.fillFetch(address, fetchContext, page, keep);
    }

    /// One halfword of the instruction stream.
    public int fetchHalfword(long address) {
        return memory.load16(translateFetch(address));
    }

    /// `cbo.zero`: clears the aligned block of RAM at this address.
    ///
    /// @param address what the instruction named; faults show it
    public void zeroBlock(long address, int blockBytes) {
        long block = address & -blockBytes;
        long host = tlb.writable(block, dataContext);
        if (host == 0) {
            long physical = physicalAddress(walkData(address, Access.STORE), address, Access.STORE);
            requirePresent(physical);
            host =
                    allows(physical & -blockBytes, Access.STORE, blockBytes)
                            ? remember(block, physical & -blockBytes, true)
                            : 0;
            if (host == 0) {
                throw new Trap(TrapCause.STORE_ACCESS_FAULT, address);
            }
        }
        for (int i = 0; i < blockBytes; i += 8) {
            HostMemory.putLong(host + i, 0);
        }
    }

    /// Whether `cbo.clean` and its like may name this address: one that may be loaded from (nothing
    /// can be stored to and not loaded from). Nothing is cached, so there is nothing else to do.
    public void checkBlock(long address, int blockBytes) {
        PageWalk.Outcome outcome = walkData(address, Access.LOAD);
        long block = physicalAddress(outcome, address, Access.STORE) & -blockBytes;
        boolean exists = memory.contains(block, blockBytes) || bus.isDevice(block, blockBytes);
        if (!exists || !allows(block, Access.LOAD, blockBytes)) {
            throw new Trap(TrapCause.STORE_ACCESS_FAULT, address);
        }
    }

    /// A page is about to be decoded: from now on its writers announce themselves. Answers the
    /// version of what will be decoded.
    public int noteCode(long physicalPage) {
        if (!GuestMemory.isNoted(memory.codeVersion(physicalPage))) {
            tlb.dropWriteTagsOf(physicalPage);
        }
        // Else a tag of our own is to be dropped by a request, which stands when this returns.
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

    /// The host address of the first byte of RAM.
    public long hostBegin() {
        return memory.hostPage(memory.baseAddress());
    }

    /// The host address behind the last byte of RAM.
    public long hostEnd() {
        return hostBegin() + memory.sizeBytes();
    }

    /// Whether the whole range of the host's memory is the guest's RAM.
    public boolean isGuestMemory(long hostAddress, int lengthBytes) {
        return memory.isGuestMemory(hostAddress, lengthBytes);
    }

    /// Where in RAM an address of the host's is.
    long offset(long hostAddress) {
        return hostAddress - memory.hostPage(memory.baseAddress());
    }

    /// The reverse; 0 if RAM ends before.
    long hostAddress(long offset) {
        long page = memory.hostPage(memory.baseAddress() + offset);
        return page == 0 ? 0 : page + (offset & GuestMemory.PAGE_BYTES - 1);
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

    /// To be followed by [#flushAll] when it was changed.
    PhysicalProtection protection() {
        return protection;
    }

    /// To be called when privilege, satp, mstatus or menvcfg changed.
    void update() {
        walk.setRules(csrs.hasMemoryTypes(), csrs.updatesMarks());
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
            dataPrivilege = effective;
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
        if (privilege == Privilege.MACHINE) {
            return TranslationContexts.BARE_KIND;
        }
        if (isBare(privilege)) {
            return TranslationContexts.BARE_PROTECTED;
        }
        if (privilege == Privilege.USER) {
            return mxr ? TranslationContexts.USER_MXR : TranslationContexts.USER;
        }
        return mxr ? TranslationContexts.SUPERVISOR_MXR : TranslationContexts.SUPERVISOR;
    }

    /// The guest-physical address of an access within a page, which is allowed.
    private long translate(long address, Access access, int sizeBytes) {
        long physical = physicalAddress(walkData(address, access), address, access);
        if (!allows(physical, access, sizeBytes)) {
            throw new Trap(accessFault(access), address);
        }
        requirePresent(physical);
        return physical;
    }

    private void requirePresent(long physical) {
        if (!memory.isPresent(physical, 1)) {
            throw hart.steps().pageAhead(physical);
        }
    }

    private PageWalk.Outcome walkData(long address, Access access) {
        if (dataIsBare) {
            return walk.identity(address);
        }
        boolean user = dataPrivilege == Privilege.USER;
        boolean sum = (csrs.mstatus & Csr.STATUS_SUM) != 0;
        boolean mxr = (csrs.mstatus & Csr.STATUS_MXR) != 0;
        return walk.walk(csrs.satp, address, access, user, sum, mxr);
    }

    private boolean allows(long physical, Access access, int sizeBytes) {
        return protection.allows(physical, sizeBytes, access, dataPrivilege == Privilege.MACHINE);
    }

    private boolean isMachine() {
        return hart.privilege() == Privilege.MACHINE;
    }

    /// Where a halfword of the instruction stream is, in RAM.
    private long translateFetch(long address) {
        long physical = address;
        if (!fetchIsBare) {
            boolean user = hart.privilege() == Privilege.USER;
            physical =
                    physicalAddress(
                            walk.walk(csrs.satp, address, Access.FETCH, user, false, false),
                            address,
                            Access.FETCH);
            if (walk.leafShift() > GuestMemory.PAGE_SHIFT) {
                tlb.noteSuperpage(address);
            }
            if (!user) {
                noteSupervisorPage();
            }
        }
        if (!memory.contains(physical, 2)
                || !protection.allows(physical, 2, Access.FETCH, isMachine())) {
            throw new Trap(TrapCause.INSTRUCTION_ACCESS_FAULT, address);
        }
        requirePresent(physical);
        return physical;
    }

    private void noteSupervisorPage() {
        if (!walk.isGlobal()) {
            contexts.noteLocal(csrs.satp);
        }
    }

    private long physicalAddress(PageWalk.Outcome outcome, long address, Access access) {
        return switch (outcome) {
            case TRANSLATED -> walk.physicalAddress();
            case PAGE_FAULT -> throw new Trap(pageFault(access), address);
            case ACCESS_FAULT -> throw new Trap(accessFault(access), address);
            case ABSENT -> throw hart.steps().pageAhead(walk.physicalAddress());
        };
    }

    /// Fills the TLB after a successful translation, if it leads to RAM and the whole page has the
    /// same protection; answers the host address, or 0 for a device.
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
            if (dataPrivilege != Privilege.USER) {
                if (walk.isUserPage()) {
                    tlb.noteBorrowed(address, dataContext);
                } else {
                    noteSupervisorPage();
                }
            }
        }
        long page = physical & -GuestMemory.PAGE_BYTES;
        int rights = protection.pageRights(page, dataPrivilege == Privilege.MACHINE);
        if (rights != PhysicalProtection.MIXED) {
            read &= (rights & PhysicalProtection.READ) != 0;
            tlb.fill(address, dataContext, hostPage, page, read, write);
        }
        return hostPage + (physical - page);
    }

    private long loadFromDevice(long address, long physical, int sizeBytes) {
        hart.steps().beforeDeviceAccess();
        try {
            return bus.load(physical, sizeBytes);
        } catch (GuestFault fault) {
            throw new Trap(TrapCause.LOAD_ACCESS_FAULT, address);
        }
    }

    private void storeToDevice(long address, long physical, int sizeBytes, long value) {
        hart.steps().beforeDeviceAccess();
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
