package weft.vmhost.hart;

import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;

/// All state of a hart at an instruction boundary; what a snapshot or a migration carries.
///
/// @param integerRegisters x0 to x31
/// @param floatRegisters f0 to f31, raw
/// @param csrs what the CSRs hold, by name; names this version does not know are refused
/// @param retiredInstructions the count behind `instret`
public record HartState(
        long pc,
        Privilege privilege,
        List<Long> integerRegisters,
        List<Long> floatRegisters,
        SortedMap<String, Long> csrs,
        Sleep sleep,
        long retiredInstructions) {
    public HartState {
        integerRegisters = List.copyOf(integerRegisters);
        floatRegisters = List.copyOf(floatRegisters);
        csrs = java.util.Collections.unmodifiableSortedMap(new java.util.TreeMap<>(csrs));
        if (integerRegisters.size() != 32 || floatRegisters.size() != 32) {
            throw new IllegalArgumentException("a hart has 32 registers of each kind");
        }
    }

    /// Of register arrays, of which the first 32 count.
    static HartState of(
            long pc,
            Privilege privilege,
            long[] x,
            long[] f,
            SortedMap<String, Long> csrs,
            Sleep sleep,
            long retiredInstructions) {
        return new HartState(
                pc, privilege, registers(x), registers(f), csrs, sleep, retiredInstructions);
    }

    private static List<Long> registers(long[] values) {
        return Arrays.stream(values, 0, 32).boxed().toList();
    }
}
