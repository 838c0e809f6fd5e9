package weft.vswitch.policy;

import java.util.Arrays;

/// The members of a group by their addresses, each a long; see [#ofIpv4] and [#ofMac]. Never
/// changed once it is built. Open addressing with linear probing, at most half full.
final class AddressSet {
    /// What no member has.
    static final long NOBODY = 0;

    private static final long IPV4 = 1L << 62;
    private static final long LINK_LOCAL = 1L << 61;

    private final long[] slots;
    private final int size;

    /// @param members none of them twice
    private AddressSet(long[] members) {
        slots = new long[Math.max(2, Integer.highestOneBit(Math.max(1, members.length)) * 4)];
        size = members.length;
        for (long member : members) {
            slots[slotOf(member)] = member;
        }
    }

    static AddressSet of(long... members) {
        return new AddressSet(Arrays.stream(members).distinct().toArray());
    }

    /// An IPv4 address as a member.
    static long ofIpv4(int address) {
        return IPV4 | address & 0xffff_ffffL;
    }

    /// The link-local IPv6 address that is made of a MAC as a member.
    static long ofMac(long mac) {
        return LINK_LOCAL | mac;
    }

    boolean contains(long member) {
        return slots[slotOf(member)] == member && member != NOBODY;
    }

    private int slotOf(long member) {
        int mask = slots.length - 1;
        int slot = (int) ((member * 0x9e37_79b9_7f4a_7c15L) >>> 32) & mask;
        while (slots[slot] != member && slots[slot] != NOBODY) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    /// Whether both have the same members.
    boolean isSameAs(AddressSet other) {
        if (size != other.size) {
            return false;
        }
        for (long member : slots) {
            if (member != NOBODY && !other.contains(member)) {
                return false;
            }
        }
        return true;
    }
}
