package weft.vmhost.virtio;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/// The registers through which driver and device agree on features (virtio 1.2, 2.2), 32 bits at a
/// time.
///
/// ```
/// 010 offered word (r) · 014 which word · 020 word of the driver's · 024 which word
/// ```
///
/// Guarded by the transport's monitor.
final class FeatureRegisters {
    private final long offered;
    private int offeredWord;
    private int chosenWord;
    private long chosen;

    FeatureRegisters(long offered) {
        this.offered = offered;
    }

    void reset() {
        offeredWord = 0;
        chosenWord = 0;
        chosen = 0;
    }

    /// The selected word of what is offered.
    int load() {
        return switch (offeredWord) {
            case 0 -> (int) offered;
            case 1 -> (int) (offered >>> 32);
            default -> 0;
        };
    }

    void selectOffered(int word) {
        offeredWord = word;
    }

    void selectChosen(int word) {
        chosenWord = word;
    }

    /// The driver writes the selected word of its choice.
    void store(int value) {
        long word = value & 0xffff_ffffL;
        switch (chosenWord) {
            case 0 -> chosen = chosen & ~0xffff_ffffL | word;
            case 1 -> chosen = chosen & 0xffff_ffffL | word << 32;
            default -> {}
        }
    }

    /// What the driver has chosen.
    long chosen() {
        return chosen;
    }

    /// Whether it has chosen nothing that is not offered.
    boolean isOffered() {
        return (chosen & ~offered) == 0;
    }

    /// What it asked for in vain it does not get: a legacy driver cannot be refused.
    void dropNotOffered() {
        chosen &= offered;
    }

    void capture(DataOutput out) throws IOException {
        out.writeInt(offeredWord);
        out.writeInt(chosenWord);
        out.writeLong(chosen);
    }

    void restore(DataInput in) throws IOException {
        offeredWord = in.readInt();
        chosenWord = in.readInt();
        chosen = in.readLong();
    }
}
