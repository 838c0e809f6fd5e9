package weft.vmhost.mmu;

import java.util.Arrays;

/// Numbers for "under which rules was this translated": the value of satp (mode, ASID, root) with
/// the kind of access (user, supervisor, each with or without MXR, or bare). The number is part of
/// the TLB's tags, so that neither a change of privilege nor one of the address space flushes
/// anything, and flushing an ASID means forgetting its numbers.
///
/// S-mode has one number in all address spaces (of a mode): a kernel's pages are global (the G
/// bit), and what was found in the one is good in the next. Should a page be met that is not, the
/// number is forgotten with the address space.
///
/// SUM is no part of it: entries that S-mode has for user pages are few and go when SUM is cleared
/// or the address space is left.
public final class TranslationContexts {
    /// Bare translation in machine mode. Not flushed but with everything, for it is the identity.
    public static final int BARE_KIND = 0;

    public static final int USER = 1;
    public static final int SUPERVISOR = 2;
    public static final int USER_MXR = 3;
    public static final int SUPERVISOR_MXR = 4;

    /// Bare translation (satp.MODE = 0) in the other modes, which physical memory protection binds.
    public static final int BARE_PROTECTED = 5;

    private static final int KINDS = 6;

    /// Nine bits of a tag, less the highest number: with it, a tag could equal the TLB's "no tag".
    private static final int CONTEXTS_MAX = 510;

    private static final long MODE_BITS = -1L << 60;

    /// A satp value nobody has: MODE 15 is reserved.
    private static final long FORGOTTEN = -1;

    private final Tlb tlb;
    private final long[] satps = new long[CONTEXTS_MAX + 1];
    private final byte[] kinds = new byte[CONTEXTS_MAX + 1];
    private int count = 1;
    private int generation;

    /// The numbers of the current satp by kind; 0 means not looked up.
    private final int[] current = new int[KINDS];

    private long currentSatp = FORGOTTEN;

    /// In which address space S-mode has met pages that are not global.
    private long localSatp = FORGOTTEN;

    public TranslationContexts(Tlb tlb) {
        this.tlb = tlb;
    }

    /// The context's number, shifted to its place in a tag.
    public long bits(long satp, int kind) {
        if (kind == BARE_KIND) {
            return 0;
        }
        if (satp != currentSatp) {
            if (localSatp != satp) {
                forgetLocal();
            }
            tlb.returnBorrowed();
            Arrays.fill(current, 0);
            currentSatp = satp;
        }
        int number = current[kind];
        if (number == 0) {
            number = find(isSupervisor(kind) ? satp & MODE_BITS : satp, kind);
            // It may have flushed.
            currentSatp = satp;
            current[kind] = number;
        }
        return (long) number << 3;
    }

    /// S-mode gets an entry for a page of this address space that is not global.
    public void noteLocal(long satp) {
        localSatp = satp;
    }

    /// Changes whenever numbers given out before have lost their meaning.
    public int generation() {
        return generation;
    }

    /// `sfence.vma x0, x0`.
    public void flushAll() {
        tlb.flushAll();
        count = 1;
        localSatp = FORGOTTEN;
        forgetCurrent();
    }

    /// `sfence.vma x0, asid`: global pages may stay.
    public void flushAddressSpace(int asid) {
        if (asidOf(localSatp) == asid) {
            forgetLocal();
        }
        tlb.returnBorrowed();
        for (int i = 1; i < count; i++) {
            if (!isSupervisor(kinds[i]) && asidOf(satps[i]) == asid) {
                satps[i] = FORGOTTEN;
            }
        }
        forgetCurrent();
    }

    /// `sfence.vma address, x0`.
    public void flushPage(long address) {
        if (tlb.mayBeSuperpage(address)) {
            flushAll();
            return;
        }
        for (int i = 1; i < count; i++) {
            tlb.flushPage(address, (long) i << 3);
        }
    }

    /// `sfence.vma address, asid`.
    public void flushPage(long address, int asid) {
        if (tlb.mayBeSuperpage(address)) {
            flushAddressSpace(asid);
            return;
        }
        for (int i = 1; i < count; i++) {
            if (isSupervisor(kinds[i]) || asidOf(satps[i]) == asid) {
                tlb.flushPage(address, (long) i << 3);
            }
        }
    }

    private int find(long satp, int kind) {
        for (int i = count - 1; i > 0; i--) {
            if (satps[i] == satp && kinds[i] == kind) {
                return i;
            }
        }
        if (count > CONTEXTS_MAX) {
            flushAll();
        }
        satps[count] = satp;
        kinds[count] = (byte) kind;
        return count++;
    }

    /// What S-mode has of pages that are not global, and with them of all others.
    private void forgetLocal() {
        if (localSatp == FORGOTTEN) {
            return;
        }
        for (int i = 1; i < count; i++) {
            if (isSupervisor(kinds[i])) {
                satps[i] = FORGOTTEN;
            }
        }
        localSatp = FORGOTTEN;
    }

    private static boolean isSupervisor(int kind) {
        return kind == SUPERVISOR || kind == SUPERVISOR_MXR;
    }

    private void forgetCurrent() {
        generation++;
        currentSatp = FORGOTTEN;
        Arrays.fill(current, 0);
    }

    private static int asidOf(long satp) {
        return (int) (satp >>> 44) & 0xFFFF;
    }
}
