package weft.vmhost.nativecode;

import org.jspecify.annotations.Nullable;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Which loads and stores of a block share one look into the TLB: those by way of one unchanged
/// base register, whose places all lie within a page if the outermost two do. The look is made for
/// the first of a group, for both ends of what the group touches; the others find the host's
/// address by what is to be added to theirs.
///
/// Sound only while nothing can take an entry out of the TLB: so a block that has groups is written
/// twice, and whoever comes back from the interpreter goes on in the other form ([BlockWriter]).
final class AccessGroups {
    /// How many groups of a block can keep their addend outside of rcx.
    static final int KEPT_MAX = 8;

    private static final int SPAN_MAX_BYTES = 2048;

    /// Loads and stores of a block that share a look.
    static final class Group {
        private final int base;
        private final List<Integer> members = new ArrayList<>();

        /// The least distance from the base register, and the first behind all.
        private int low;

        private int end;

        /// Of the largest access, and the distance of one of that size: where that is aligned, all
        /// are.
        private int sizeBytes;

        private int anchor;
        private boolean stores;
        private boolean loads;
        private int place = -1;

        private Group(int base, int index, int offset, int bytes, boolean store) {
            this.base = base;
            low = offset;
            end = offset + bytes;
            sizeBytes = bytes;
            anchor = offset;
            stores = store;
            loads = !store;
            members.add(index);
        }

        int base() {
            return base;
        }

        int low() {
            return low;
        }

        /// The distance of the last aligned piece of [#sizeBytes] that is touched.
        int high() {
            return anchor + Math.floorDiv(end - 1 - anchor, sizeBytes) * sizeBytes;
        }

        int sizeBytes() {
            return sizeBytes;
        }

        boolean stores() {
            return stores;
        }

        boolean loads() {
            return loads;
        }

        /// Whether the addend has to be kept, as other instructions need rcx; then in which place.
        boolean isKept() {
            return place >= 0;
        }

        int place() {
            return place;
        }

        /// Takes an access in, or answers false: its alignment does not follow from that of the
        /// others, or it is too far away.
        private boolean take(int index, int offset, int bytes, boolean store) {
            if (Math.floorMod(offset - anchor, Math.min(sizeBytes, bytes)) != 0
                    || Math.max(end, offset + bytes) - Math.min(low, offset) > SPAN_MAX_BYTES) {
                return false;
            }
            if (bytes > sizeBytes) {
                sizeBytes = bytes;
                anchor = offset;
            }
            low = Math.min(low, offset);
            end = Math.max(end, offset + bytes);
            stores |= store;
            loads |= !store;
            members.add(index);
            return true;
        }
    }

    private final @Nullable Group[] groups;
    private final boolean[] reloads;
    private int first = -1;
    private int last = -1;

    private AccessGroups(int length) {
        groups = new Group[length];
        reloads = new boolean[length];
    }

    /// @param instructions of one block, in the order in which they are executed
    static AccessGroups in(long[] instructions) {
        var found = new AccessGroups(instructions.length);
        found.gather(instructions);
        found.keep(instructions);
        return found;
    }

    /// Whether no look is shared.
    boolean isEmpty() {
        return first < 0;
    }

    /// The first instruction that makes a look for others.
    int first() {
        return first;
    }

    /// The last instruction that relies on one.
    int last() {
        return last;
    }

    /// The group of an instruction, if it is in one.
    @Nullable Group at(int index) {
        return groups[index];
    }

    boolean isFirst(Group group, int index) {
        return group.members.getFirst() == index;
    }

    /// Whether the addend has to be fetched from its place for this instruction.
    boolean reloads(int index) {
        return reloads[index];
    }

    private void gather(long[] instructions) {
        @Nullable Group[] open = new Group[Decoded.DISCARD + 1];
        var all = new ArrayList<Group>();
        for (int index = 0; index < instructions.length; index++) {
            long d = instructions[index];
            int op = Decoded.op(d);
            if (isAccess(op)) {
                int base = Decoded.rs1(d);
                if (base != 0) {
                    int offset = (int) Decoded.immediate(d);
                    boolean store = isStore(op);
                    Group group = open[base];
                    if (group == null || !group.take(index, offset, sizeBytes(op), store)) {
                        group = new Group(base, index, offset, sizeBytes(op), store);
                        open[base] = group;
                        all.add(group);
                    }
                }
            } else if (op >= Op.FENCE && op <= Op.ILLEGAL || op > Op.CZERO_NEZ) {
                // What orders, leaves or changes more than a register.
                Arrays.fill(open, null);
            }
            if (writesInteger(op)) {
                open[Decoded.rd(d)] = null;
            }
        }
        for (Group group : all) {
            if (group.members.size() > 1) {
                group.members.forEach(index -> groups[index] = group);
            }
        }
    }

    /// Follows what rcx holds, and dissolves groups for which there is no place.
    private void keep(long[] instructions) {
        int places = 0;
        Group inRcx = null;
        for (int index = 0; index < instructions.length; index++) {
            Group group = groups[index];
            if (group == null) {
                if (!leavesRcxAlone(instructions[index])) {
                    inRcx = null;
                }
                continue;
            }
            if (!isFirst(group, index) && inRcx != group) {
                if (!group.isKept()) {
                    if (places == KEPT_MAX) {
                        dissolve(group, index);
                        inRcx = null;
                        continue;
                    }
                    group.place = places++;
                }
                reloads[index] = true;
            }
            inRcx = group;
            first = first < 0 ? index : first;
            last = index;
        }
    }

    private void dissolve(Group group, int from) {
        group.members.removeIf(it -> it >= from);
        for (int index = from; index < groups.length; index++) {
            groups[index] = groups[index] == group ? null : groups[index];
        }
    }

    static boolean isAccess(int op) {
        return op >= Op.LB && op <= Op.FSD;
    }

    static boolean isStore(int op) {
        return op >= Op.SB && op <= Op.SD || op == Op.FSW || op == Op.FSD;
    }

    static int sizeBytes(int op) {
        return switch (op) {
            case Op.LB, Op.LBU, Op.SB -> 1;
            case Op.LH, Op.LHU, Op.SH -> 2;
            case Op.LW, Op.LWU, Op.SW, Op.FLW, Op.FSW -> 4;
            default -> 8;
        };
    }

    /// Whether rd is an integer register, or nothing.
    static boolean writesInteger(int op) {
        return !Op.isFloatingPoint(op)
                || op >= Op.FEQ_S && op <= Op.FCVT_LU_S
                || op == Op.FMV_X_W
                || op >= Op.FEQ_D && op <= Op.FCVT_LU_D
                || op == Op.FMV_X_D;
    }

    /// As the writers of these instructions are: a change there that uses rcx has to be known here.
    static boolean leavesRcxAlone(long d) {
        int op = Decoded.op(d);
        return switch (op) {
            case Op.LI, Op.ADDI, Op.SLTI, Op.SLTIU, Op.XORI, Op.ORI, Op.ANDI -> true;
            case Op.SLLI, Op.SRLI, Op.SRAI, Op.ADDIW, Op.SLLIW, Op.SRLIW, Op.SRAIW -> true;
            case Op.SUB, Op.XOR, Op.OR, Op.AND, Op.ADDW, Op.SUBW, Op.MUL, Op.MULW ->
                    Decoded.rs1(d) != 0 && Decoded.rs2(d) != 0;
            case Op.ADD, Op.SLT, Op.SLTU, Op.AUIPC -> true;
            default -> Op.isFloatingPoint(op) && !isAccess(op);
        };
    }
}
