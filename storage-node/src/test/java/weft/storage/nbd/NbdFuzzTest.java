package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;

import weft.volume.VolumeException;

import java.util.Map;
import java.util.TreeMap;

/// A client of the NBD server that sends anything, and reads its replies when it likes.
@Tag("fuzz")
class NbdFuzzTest {
    private static final int[] OPTIONS = {1, 2, 3, 6, 7, 7, 7, 8, 8, 5, 10};
    private static final int[] COMMANDS = {0, 0, 0, 1, 1, 1, 3, 4, 6, 2, 5, 7};
    private static final String[] EXPORTS = {"disk", "disk", "disk", "broken", "none", ""};
    private static final String[] QUERIES = {
        "base:allocation", "base:allocation", "base:", "base:none", "qemu:dirty-bitmap:a", ""
    };

    /// By target, how often an input of it was told what the disk holds, at most.
    private static final Map<String, Integer> TOLD = new TreeMap<>();

    /// From the greeting on; GO comes by itself only if the input makes it.
    @FuzzTest(maxDuration = "10m")
    void negotiation(FuzzedDataProvider data) {
        TOLD.merge("negotiation", negotiate(data), Integer::max);
    }

    /// @return how often it was told what a disk holds
    private static int negotiate(FuzzedDataProvider data) {
        var client = new HostileClient(data.consumeInt(0, 7) == 0);
        try (client) {
            if (data.consumeInt(0, 15) != 0) {
                client.begin(data.consumeInt(0, 3));
            }
            while (data.remainingBytes() > 0 && client.isOpen()) {
                switch (data.consumeInt(0, 7)) {
                    case 0 -> client.send(data.consumeBytes(40));
                    case 1 -> happen(data, client);
                    case 2 -> client.request(0, data.pickValue(COMMANDS), 0, 512, 0);
                    case 3 -> contexts(data, client);
                    default -> option(data, client);
                }
            }
        }
        return client.statusCount();
    }

    private static void contexts(FuzzedDataProvider data, HostileClient client) {
        int option = NbdProtocol.OPT_LIST_META_CONTEXT + data.consumeInt(0, 1);
        String export = data.pickValue(EXPORTS);
        int wrong = data.consumeInt(0, 7) == 0 ? data.consumeInt() : 0;
        String[] queries = new String[data.consumeInt(0, 3)];
        for (int i = 0; i < queries.length; i++) {
            queries[i] = data.pickValue(QUERIES);
        }
        client.contexts(option, export, wrong, queries);
    }

    private static void option(FuzzedDataProvider data, HostileClient client) {
        int option = data.pickValue(OPTIONS);
        switch (option) {
            case NbdProtocol.OPT_INFO, NbdProtocol.OPT_GO -> {
                int wrong = data.consumeInt(0, 7) == 0 ? data.consumeInt() : 0;
                client.want(option, data.pickValue(EXPORTS), data.consumeInt(0, 3), wrong);
            }
            case NbdProtocol.OPT_EXPORT_NAME ->
                    client.option(option, data.pickValue(EXPORTS).getBytes(HostileClient.UTF_8));
            default ->
                    client.option(option, data.consumeBytes(data.consumeInt(0, 7) == 0 ? 9000 : 0));
        }
    }

    /// From GO on.
    @FuzzTest(maxDuration = "10m")
    void transmission(FuzzedDataProvider data) {
        TOLD.merge("transmission", transmit(data), Integer::max);
    }

    /// @return how often it was told what a disk holds
    private static int transmit(FuzzedDataProvider data) {
        var client = new HostileClient(data.consumeInt(0, 7) == 0);
        try (client) {
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            int negotiated = data.consumeInt(0, 3);
            if ((negotiated & 1) != 0) {
                client.option(NbdProtocol.OPT_STRUCTURED_REPLY, new byte[0]);
            }
            if ((negotiated & 2) != 0) {
                client.contexts(NbdProtocol.OPT_SET_META_CONTEXT, "disk", 0, "base:allocation");
            }
            client.want(NbdProtocol.OPT_GO, "disk", 0, 0);
            while (data.remainingBytes() > 0 && client.isOpen()) {
                switch (data.consumeInt(0, 15)) {
                    case 0 -> client.send(data.consumeBytes(40));
                    case 1, 2, 3 -> happen(data, client);
                    default -> request(data, client);
                }
            }
        }
        return client.statusCount();
    }

    /// Of the kept inputs at least one must be.
    @AfterAll
    static void someInputIsToldWhatADiskHolds() {
        TOLD.forEach((target, count) -> assertTrue(count > 0, target));
    }

    private static void request(FuzzedDataProvider data, HostileClient client) {
        int type = data.pickValue(COMMANDS);
        int flags = data.consumeInt(0, 7) == 0 ? data.consumeInt(0, 0xFFFF) : data.consumeInt(0, 1);
        boolean isOdd = data.consumeInt(0, 7) == 0;
        long offset = isOdd ? data.consumeLong() : data.consumeInt(0, HostileClient.DISK_BYTES);
        int length = isOdd ? data.consumeInt() : data.consumeInt(0, 5000);
        // Many of a kind: what a queue without a limit would take in.
        int times = data.consumeInt(0, 31) == 0 ? data.consumeInt(1, 1500) : 1;
        for (int i = 0; i < times && client.isOpen(); i++) {
            client.request(flags, type, type == NbdProtocol.CMD_FLUSH ? 0 : offset, length, i);
        }
    }

    private static void happen(FuzzedDataProvider data, HostileClient client) {
        switch (data.consumeInt(0, 6)) {
            case 0 -> client.disk().hold();
            case 1 -> client.release(data.consumeInt());
            case 2 -> client.stopReading();
            case 3 -> client.read();
            case 4 -> {
                VolumeException.Reason[] reasons = VolumeException.Reason.values();
                int reason = data.consumeInt(-2, reasons.length - 1);
                client.disk().failWith(reason < 0 ? null : reasons[reason]);
            }
            case 5 -> client.pass(data.consumeInt(1, 40));
            default -> client.cutInto(data.consumeInt(1, 2000));
        }
    }
}
