package weft.vmhost.isa.asm;

import weft.vmhost.isa.asm.InstructionTable.Encoding;
import weft.vmhost.isa.asm.OperandField.Kind;

import java.util.SplittableRandom;

/// Any legal text of an instruction.
public final class RandomOperands {
    private static final String[] ROUNDING = {"rne", "rtz", "rdn", "rup", "rmm", "dyn"};

    private RandomOperands() {}

    public static String line(Encoding encoding, SplittableRandom random) {
        StringBuilder line = new StringBuilder(encoding.name());
        String separator = " ";
        boolean afterOffset = false;
        for (OperandField field : encoding.operands()) {
            if (field == OperandField.RM_OF_EXACT) {
                continue;
            }
            boolean isBase =
                    field == OperandField.BLOCK || encoding.isAtomic() && field == OperandField.RS1;
            if (afterOffset || isBase) {
                line.append(isBase ? separator : "").append('(');
                line.append(operand(field, random)).append(')');
            } else {
                line.append(separator).append(operand(field, random));
            }
            separator = ", ";
            afterOffset = field.kind() == Kind.IMMEDIATE;
        }
        return line.toString();
    }

    private static String operand(OperandField field, SplittableRandom random) {
        int value =
                field.min()
                        + field.step()
                                * random.nextInt((field.max() - field.min()) / field.step() + 1);
        return switch (field.kind()) {
            case X, X_LOW -> "x" + value;
            case F, F_LOW -> "f" + value;
            case ROUNDING -> ROUNDING[random.nextInt(ROUNDING.length)];
            case TARGET -> value < 0 ? ".-" + -value : ".+" + value;
            case CSR, IMMEDIATE -> Integer.toString(avoidReserved(field, value));
        };
    }

    /// Immediates of zero that would be another instruction, and the form c.lui is written in.
    private static int avoidReserved(OperandField field, int value) {
        return switch (field) {
            case C_IMM_UPPER -> value == 0 ? 1 : value & 0xfffff;
            case C_IMM6, C_ADDI16SP -> value == 0 ? 16 : value;
            default -> value;
        };
    }
}
