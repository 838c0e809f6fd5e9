package weft.storage.store;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.storage.disk.DiskFile;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// Has the device begin, bit by bit, with what a checkpoint is about to force.
///
/// After random writes that is thousands of blocks in hundreds of files. Forced at once they keep
/// the journal's own writes waiting for half a second, which one write in seven then feels (at
/// depth 1, three copies on one disk: 0.5 of 3.5 s, p99 1.7 ms where it is 1.0 without). What is
/// written meanwhile is dirty again, so there is a second, shorter pass. The checkpoint after it
/// forces everything as ever: nothing relies on what is done here.
///
/// Files stay open until the checkpoint has forced them, so that it hears of errors.
///
/// The checkpoint loop's, between its ticks.
final class WriteBack implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WriteBack.class);
    private static final long SPREAD_MILLIS_MAX = 4_000;
    private static final long FILE_MILLIS_MAX = 20;
    private static final int PASSES = 2;
    private static final int PASS_SHORTER_BY = 4;

    /// What is beyond is left to the checkpoint.
    private static final int FILES_MAX = 512;

    private final Device device;
    private final Supplier<List<String>> writtenFiles;
    private final Map<String, DiskFile> open = new HashMap<>();

    private int passesLeft = PASSES;
    private List<String> files;
    private int next;
    private long spreadMillis;
    private long startMillis;

    /// Opens a file that was written.
    interface Device {
        DiskFile open(String name) throws IOException;
    }

    /// @param writtenFiles what a checkpoint would force now
    /// @param sinceMillis for how long this was written: a part of it is taken
    /// @param nowMillis of any clock, as [#step]'s
    WriteBack(
            Device device, Supplier<List<String>> writtenFiles, long sinceMillis, long nowMillis) {
        this.device = device;
        this.writtenFiles = writtenFiles;
        startMillis = nowMillis;
        files = writtenFiles.get();
        spreadMillis =
                Math.min(
                        files.size() * FILE_MILLIS_MAX,
                        Math.min(sinceMillis / 2, SPREAD_MILLIS_MAX));
    }

    /// Begins with what is due by now.
    ///
    /// @return whether all is done
    boolean step(long nowMillis) throws IOException {
        long passedMillis = nowMillis - startMillis;
        long due =
                passedMillis < spreadMillis
                        ? files.size() * passedMillis / spreadMillis
                        : files.size();
        for (; next < due; next++) {
            begin(files.get(next));
        }
        if (passedMillis < spreadMillis) {
            return false;
        }
        passesLeft--;
        if (passesLeft > 0) {
            startMillis = nowMillis;
            spreadMillis /= PASS_SHORTER_BY;
            files = writtenFiles.get();
            next = 0;
        }
        return passesLeft == 0;
    }

    private void begin(String name) throws IOException {
        DiskFile file = open.get(name);
        if (file == null && open.size() < FILES_MAX) {
            try {
                file = device.open(name);
            } catch (IOException e) {
                // Deleted since, or too many are open: the checkpoint forces it, or says why not.
                log.debug("{} is not written back ahead", name, e);
                return;
            }
            open.put(name, file);
        }
        if (file != null) {
            file.beginWriteBack();
        }
    }

    /// After the checkpoint, or instead of it.
    @Override
    public void close() throws IOException {
        for (DiskFile file : open.values()) {
            file.close();
        }
        open.clear();
    }
}
