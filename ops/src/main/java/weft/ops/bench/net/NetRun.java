package weft.ops.bench.net;

import com.fasterxml.jackson.databind.ObjectMapper;

import weft.ops.bench.Row;
import weft.ops.bench.Turns.Quantity;
import weft.ops.bench.Turns.Sample;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One run of a load on a side.
final class NetRun {
    private static final Pattern PING_TIME = Pattern.compile("time=([0-9.]+) ms");
    private static final int PINGS_PER_SECOND_MAX = 4000;
    private static final double LOSS_MAX = 0.001;

    /// Halvings of the rate that is looked for, from what passed in a flood on.
    private static final int SEARCH_STEPS = 7;

    private static final double SEARCH_SECONDS = 2;

    /// USER_HZ, which Linux has fixed for user space on all architectures.
    private static final double TICKS_PER_SECOND = 100;

    private final NetLoad load;
    private final int seconds;
    private final List<String> java;
    private final boolean countsCpu;

    /// @param java the command line of a process of ours, up to the main class
    /// @param countsCpu whether it is a process that forwards, on all sides
    NetRun(NetLoad load, int seconds, List<String> java, boolean countsCpu) {
        this.load = load;
        this.seconds = seconds;
        this.java = java;
        this.countsCpu = countsCpu;
    }

    /// What [#run] answers, in its order.
    List<Quantity> quantities() {
        String name = load.name();
        return switch (load.kind()) {
            case TCP_1, TCP_4 -> {
                var rate = new Quantity(name, "Gb/s", Row.Better.MORE);
                yield countsCpu
                        ? List.of(rate, new Quantity(name + "-cpu", "cores", Row.Better.LESS))
                        : List.of(rate);
            }
            case UDP_FLOOD ->
                    List.of(
                            new Quantity(name, "kpps", Row.Better.MORE),
                            new Quantity(name + "-sent", "kpps", Row.Better.MORE));
            case UDP_LOSSLESS -> List.of(new Quantity(name, "kpps", Row.Better.MORE));
            case PING ->
                    List.of(
                            new Quantity(name + "-p50", "us", Row.Better.LESS),
                            new Quantity(name + "-p99", "us", Row.Better.LESS));
        };
    }

    Sample run(NetSide side) throws IOException, InterruptedException {
        List<Double> values =
                switch (load.kind()) {
                    case TCP_1 -> tcp(side, 1);
                    case TCP_4 -> tcp(side, 4);
                    case UDP_FLOOD -> flood(side);
                    case UDP_LOSSLESS -> List.of(lossless(side));
                    case PING -> ping(side);
                };
        return new Sample(values, "done");
    }

    private List<Double> tcp(NetSide side, int streams) throws IOException, InterruptedException {
        Station to = side.to();
        Process server =
                to.lab().start(to.namespace(), List.of("iperf3", "-s", "-1", "--forceflush"));
        BufferedReader said = server.inputReader(StandardCharsets.UTF_8);
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            if (line.contains("listening")) {
                break;
            }
        }
        double before = cpuSeconds(side);
        Station from = side.from();
        String json =
                Lab.run(
                        from.lab()
                                .inside(
                                        from.namespace(),
                                        List.of(
                                                "iperf3",
                                                "-c",
                                                to.address(),
                                                "-t",
                                                Integer.toString(seconds),
                                                "-O",
                                                "1",
                                                "-P",
                                                Integer.toString(streams),
                                                "-J")),
                        seconds + 30);
        double cores = (cpuSeconds(side) - before) / (seconds + 1);
        server.destroyForcibly().waitFor();
        double bits =
                new ObjectMapper()
                        .readTree(json)
                        .path("end")
                        .path("sum_received")
                        .path("bits_per_second")
                        .asDouble();
        return List.of(bits / 1e9, cores);
    }

    private static double cpuSeconds(NetSide side) throws IOException {
        if (side.forwarder().isEmpty()) {
            return 0;
        }
        String stat =
                Files.readString(Path.of("/proc/%d/stat".formatted(side.forwarder().getAsLong())));
        String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(words[11]) + Long.parseLong(words[12])) / TICKS_PER_SECOND;
    }

    private List<Double> flood(NetSide side) throws IOException, InterruptedException {
        double[] counts = blast(side, seconds, 0);
        return List.of(counts[1] / seconds / 1e3, counts[0] / seconds / 1e3);
    }

    /// By bisection between nothing and what passed in a flood.
    private double lossless(NetSide side) throws IOException, InterruptedException {
        double low = 0;
        double high = blast(side, SEARCH_SECONDS, 0)[1] / SEARCH_SECONDS;
        double best = 0;
        for (int step = 0; step < SEARCH_STEPS; step++) {
            double rate = (low + high) / 2;
            double[] counts = blast(side, SEARCH_SECONDS, rate);
            boolean isLossless = counts[0] - counts[1] <= counts[0] * LOSS_MAX;
            if (isLossless) {
                low = rate;
                best = Math.max(best, counts[1] / SEARCH_SECONDS);
            } else {
                high = rate;
            }
        }
        return best / 1e3;
    }

    /// Answers how many were sent and how many came.
    private double[] blast(NetSide side, double time, double perSecond)
            throws IOException, InterruptedException {
        Station to = side.to();
        Station from = side.from();
        Process receiver = to.lab().startAndAwait(to.namespace(), blaster("receive"));
        String sent =
                Lab.run(
                        from.lab()
                                .inside(
                                        from.namespace(),
                                        blaster(
                                                "send",
                                                to.address(),
                                                Double.toString(time),
                                                Double.toString(perSecond))),
                        (int) time + 30);
        receiver.getOutputStream().write('\n');
        receiver.getOutputStream().close();
        String all =
                new String(receiver.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        receiver.waitFor();
        String[] lines = all.strip().split("\n");
        return new double[] {
            Double.parseDouble(sent.strip()), Double.parseDouble(lines[lines.length - 1])
        };
    }

    private List<String> blaster(String... arguments) {
        var command = new ArrayList<>(java);
        command.add(Blaster.class.getName());
        command.addAll(List.of(arguments));
        return command;
    }

    private List<Double> ping(NetSide side) throws IOException, InterruptedException {
        Station from = side.from();
        String said =
                Lab.run(
                        from.lab()
                                .inside(
                                        from.namespace(),
                                        List.of(
                                                "ping",
                                                "-n",
                                                "-A",
                                                "-c",
                                                Integer.toString(seconds * PINGS_PER_SECOND_MAX),
                                                "-w",
                                                Integer.toString(seconds),
                                                side.to().address())),
                        seconds + 30);
        List<Double> micros = new ArrayList<>();
        Matcher times = PING_TIME.matcher(said);
        while (times.find()) {
            micros.add(Double.parseDouble(times.group(1)) * 1e3);
        }
        if (micros.isEmpty()) {
            throw new IOException("no ping came back: " + said.strip());
        }
        micros.sort(null);
        return List.of(quantile(micros, 0.5), quantile(micros, 0.99));
    }

    private static double quantile(List<Double> sorted, double share) {
        return sorted.get((int) Math.min(sorted.size() - 1L, (long) (sorted.size() * share)));
    }
}
