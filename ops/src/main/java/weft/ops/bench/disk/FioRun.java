package weft.ops.bench.disk;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// fio, for one load, through NBD.
final class FioRun {
    static final String PROGRAM = "fio";
    static final String PACKAGE = "fio";

    private static final int SLACK_SECONDS = 120;

    private final Path folder;

    /// @param folder for its output
    FioRun(Path folder) {
        this.folder = folder;
    }

    /// Writes the whole volume once, in large blocks, with bytes that do not compress.
    void fill(String uri, long sizeBytes) throws IOException, InterruptedException {
        var command = command(uri, new DiskLoad("fill", DiskLoad.Pattern.WRITE, 1 << 20, 8));
        command.add("--size=" + sizeBytes);
        var _ = run(command, SLACK_SECONDS + (int) (sizeBytes >> 24));
    }

    /// Asks for as much as it can for so long.
    LoadResult run(String uri, DiskLoad load, long sizeBytes, int seconds)
            throws IOException, InterruptedException {
        var command = command(uri, load);
        command.addAll(
                List.of(
                        "--size=" + sizeBytes,
                        "--time_based",
                        "--runtime=" + seconds,
                        "--norandommap",
                        "--randrepeat=0"));
        return result(run(command, seconds + SLACK_SECONDS), load);
    }

    private static List<String> command(String uri, DiskLoad load) {
        return new ArrayList<>(
                List.of(
                        PROGRAM,
                        "--name=" + load.name(),
                        "--ioengine=nbd",
                        "--uri=" + uri,
                        "--rw=" + load.pattern().fio(),
                        "--bs=" + load.blockBytes(),
                        "--iodepth=" + load.depth(),
                        "--refill_buffers",
                        "--output-format=json"));
    }

    private String run(List<String> command, int limitSeconds)
            throws IOException, InterruptedException {
        Path out = folder.resolve("fio.json");
        Path errors = folder.resolve("fio.err");
        Process fio =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectOutput(out.toFile())
                        .redirectError(errors.toFile())
                        .start();
        try {
            if (!fio.waitFor(limitSeconds, TimeUnit.SECONDS)) {
                throw new IOException("fio did not end within " + limitSeconds + " s");
            }
        } finally {
            fio.destroyForcibly().onExit().join();
        }
        if (fio.exitValue() != 0) {
            throw new IOException(
                    "fio failed: " + Files.readString(errors).strip().replace('\n', ' '));
        }
        return Files.readString(out);
    }

    /// What fio's JSON says; other lines may stand before it.
    static LoadResult result(String said, DiskLoad load) throws IOException {
        JsonNode job = new ObjectMapper().readTree(said.substring(said.indexOf('{'))).at("/jobs/0");
        JsonNode side = job.path(load.pattern().writes() ? "write" : "read");
        JsonNode latency = side.path("clat_ns");
        JsonNode shares = latency.path("percentile");
        long operations = side.path("total_ios").asLong();
        if (operations == 0 || job.path("error").asInt() != 0) {
            throw new IOException(
                    "fio completed %d operations, error %d"
                            .formatted(operations, job.path("error").asInt()));
        }
        return new LoadResult(
                operations,
                side.path("runtime").asLong() / 1e3,
                new LoadResult.Latency(
                        latency.path("mean").asDouble() / 1e6,
                        shares.path("50.000000").asDouble() / 1e6,
                        shares.path("99.000000").asDouble() / 1e6,
                        shares.path("99.900000").asDouble() / 1e6,
                        latency.path("max").asDouble() / 1e6));
    }
}
